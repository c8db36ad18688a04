"""One clock for all who share a database server: its own.

Machines differ by seconds, and a lease of twenty would be taken from a living worker by one whose
clock is ahead (G9).
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy.exc import SQLAlchemyError

ASK_AGAIN = 5.0
# Goes on while a machine sleeps, where the system has such a clock.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_seconds() -> float:
    return time.clock_gettime(_STEADY)


class ServerClock:
    """Asks the server now and then, and counts on from there; also while it is away. Safe to share
    between threads."""

    def __init__(
        self, ask: Callable[[], datetime], seconds: Callable[[], float] = steady_seconds
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = Lock()
        self._told: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        """Raises what the server raises when it has never told."""
        with self._lock:
            at = self._seconds()
            if self._told is None or at - self._told[0] >= ASK_AGAIN:
                self._told = self._asked()
            asked_at, moment = self._told
            return moment + timedelta(seconds=self._seconds() - asked_at)

    def _asked(self) -> tuple[float, datetime]:
        try:
            moment = self._ask()
        except SQLAlchemyError:
            if self._told is None:
                raise
            return self._told
        # As of the answer: a slow one must not put us ahead of the others.
        return self._seconds(), moment
