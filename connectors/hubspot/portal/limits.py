"""Requests in any 10 seconds and in a day of one app, and searches in any second."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.hubspot.portal.errors import too_many
from connectors.hubspot.portal.options import PLANS, SandboxOptions
from connectors.sandbox.clock import Clock, Seconds

SEARCHES = 5


class Rolling:
    """At most so many in any span of seconds."""

    def __init__(self, most: int, span: float, monotonic: Seconds) -> None:
        self.most = most
        self._span = span
        self._monotonic = monotonic
        self._times: deque[float] = deque()

    def admit(self) -> bool:
        now = self._monotonic()
        while self._times and now - self._times[0] >= self._span:
            self._times.popleft()
        if len(self._times) >= self.most:
            return False
        self._times.append(now)
        return True

    @property
    def left(self) -> int:
        return self.most - len(self._times)


class Limits:
    """The short ones in machine time, since clients wait in it; the day is the account's."""

    def __init__(self, options: SandboxOptions, clock: Clock, monotonic: Seconds) -> None:
        most, per_day = PLANS[options.plan]
        self._off = options.limit == "off"
        self._general = Rolling(most, 10.0, monotonic)
        self._searches = Rolling(SEARCHES, 1.0, monotonic)
        self._per_day = options.per_day or per_day
        self._clock = clock
        self._zone = ZoneInfo(options.zone)
        self._day = self._today()
        self._used = 0

    def admit(self, is_search: bool) -> Mapping[str, str]:
        """The headers that tell what is left; a search tells nothing. Raises Refused."""
        if self._off:
            return {}
        today = self._today()
        if today != self._day:
            self._day, self._used = today, 0
        if self._used >= self._per_day:
            raise too_many("DAILY", self._headers())
        if is_search:
            if not self._searches.admit():
                raise too_many("SECONDLY")
        elif not self._general.admit():
            raise too_many("TEN_SECONDLY_ROLLING", self._headers())
        self._used += 1
        return {} if is_search else self._headers()

    def _headers(self) -> Mapping[str, str]:
        return {
            "X-HubSpot-RateLimit-Max": str(self._general.most),
            "X-HubSpot-RateLimit-Remaining": str(self._general.left),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Daily": str(self._per_day),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self._per_day - self._used),
        }

    def _today(self) -> datetime:
        local = self._clock.now().astimezone(self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0)
