"""How far a pull has come, and how long it will take at the pace it had so far."""

from dataclasses import dataclass
from datetime import datetime

from sync.tables.runs import ACTIVE_STATUSES, PUSH, Run


@dataclass(frozen=True)
class Estimate:
    """`expected` is what a full read will meet, by what the tool had at the last one; None where
    that is not known. `seconds_left` is None until there is a pace."""

    read: int
    expected: int | None
    seconds_left: float | None


def estimate(run: Run, now: datetime) -> Estimate | None:
    """Of a pull under way; None for all others. `now` is machine time."""
    if run.status not in ACTIVE_STATUSES or run.stream == PUSH:
        return None
    return Estimate(run.read, run.expected, _seconds_left(run, now))


def _seconds_left(run: Run, now: datetime) -> float | None:
    if not run.read or run.expected is None or run.started_at is None:
        return None
    pace = (now - run.started_at).total_seconds() / run.read
    wait = 0.0 if run.waiting_until is None else (run.waiting_until - now).total_seconds()
    return max(0.0, wait) + max(0.0, pace * (run.expected - run.read))
