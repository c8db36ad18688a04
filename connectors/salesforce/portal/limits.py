"""Requests of the whole org in any 24 hours, told with each answer."""

from collections import deque
from collections.abc import Mapping

from connectors.salesforce.portal.errors import used_up
from connectors.salesforce.portal.options import SandboxOptions
from connectors.sandbox.clock import Clock

DAY = 86_400.0


class Limits:
    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._times: deque[float] = deque()

    def admit(self) -> None:
        """Raises Refused."""
        now = self._clock.seconds()
        while self._times and now - self._times[0] >= DAY:
            self._times.popleft()
        if self._options.limit != "off" and len(self._times) >= self._options.per_day:
            raise used_up()
        self._times.append(now)

    def headers(self) -> Mapping[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={len(self._times)}/{self._options.per_day}"}

    def told(self) -> dict[str, dict[str, int]]:
        most = self._options.per_day
        return {"DailyApiRequests": {"Max": most, "Remaining": max(0, most - len(self._times))}}
