"""Business time: what rules, KPIs, due dates and schedules take for now.

Leases, budgets, time-outs and token lives use machine time instead.
"""

import http.client
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

from workers.errors import CannotRun

# Within this a sandbox is not asked again.
FRESH_SECONDS = 0.2
ANSWER_WITHIN = 5.0


class ClockUnreachable(CannotRun):
    pass


class BusinessClock(Protocol):
    def now(self) -> datetime:
        """An aware moment in UTC."""
        ...


def business_clock(setting: datetime | str | None) -> BusinessClock:
    """The clock of `Settings.clock`: the machine's, a moment that stands still, or the one of the
    sandbox at this control address."""
    if setting is None:
        return MachineClock()
    if isinstance(setting, datetime):
        return FixedClock(setting)
    return SandboxClock(setting)


def machine_now() -> datetime:
    return datetime.now(UTC)


class MachineClock:
    def now(self) -> datetime:
        return machine_now()


class FixedClock:
    def __init__(self, moment: datetime) -> None:
        self._moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        return self._moment


class SandboxClock:
    """Asks `{address}/clock`. Raises ClockUnreachable when no moment comes back."""

    def __init__(self, address: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._address = address.rstrip("/")
        self._monotonic = monotonic
        self._seen: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        at = self._monotonic()
        if self._seen and at - self._seen[0] < FRESH_SECONDS:
            return self._seen[1]
        moment = self._ask()
        self._seen = (at, moment)
        return moment

    def _ask(self) -> datetime:
        where = urlsplit(self._address)
        # Not httpx: making its client costs more than the whole question.
        connection = http.client.HTTPConnection(
            where.hostname or "", where.port, timeout=ANSWER_WITHIN
        )
        try:
            connection.request("GET", f"{where.path}/clock")
            answer = json.loads(connection.getresponse().read())
            return datetime.fromisoformat(answer["now"]).astimezone(UTC)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise ClockUnreachable(
                f"The sandbox that gives the business time does not answer at {self._address}; "
                "start it again, or unset RETRO_CLOCK."
            ) from error
        finally:
            connection.close()
