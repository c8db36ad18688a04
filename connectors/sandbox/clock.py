"""The sandbox's own time: settable, running on from the moment it was set or standing still."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Seconds = Callable[[], float]


class Clock:
    """Time as the tool shows it. Limits and delays use machine time instead (`monotonic`)."""

    def __init__(
        self, now: datetime | None = None, running: bool = True, monotonic: Seconds = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self.set(now or datetime.now(UTC), running)

    def set(self, now: datetime, running: bool) -> None:
        if now.tzinfo is None:
            raise ValueError(
                "the clock needs a moment with an offset, such as 2026-11-23T08:00:00Z"
            )
        self._moment = now.timestamp()
        self._running = running
        self._set_at = self._monotonic()

    def seconds(self) -> float:
        """Unix time."""
        if not self._running:
            return self._moment
        return self._moment + self._monotonic() - self._set_at

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def state(self) -> dict[str, str | bool]:
        return {"now": utc_text(self.now()), "running": self._running}


def utc_text(moment: datetime) -> str:
    """ISO with `Z`, milliseconds only where there are any."""
    whole = moment.microsecond < 1000
    text = moment.astimezone(UTC).isoformat(timespec="seconds" if whole else "milliseconds")
    return text.replace("+00:00", "Z")
