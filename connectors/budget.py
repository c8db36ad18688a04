"""The request budget of one provider account: a leaky bucket, as the tools count it.

Every request fills the bucket by one and it drains at a steady rate; above the brim the tool
refuses. We keep the same count, so we never send what would be refused. When the tool refuses all
the same, somebody else draws from the account: for ten minutes we then hold back to a share of the
rate and leave the burst to the other one.

Writes go before reads: those stop while a fifth of the bucket is still free, so that a push never
waits behind a bulk pull. Nor does a pull stand still for as long as a large push takes: a read that
waits is let through after every four writes.

A limit per day is counted by hours: no 24 hours hold more than it, whenever the provider's day
begins. Some providers count a price per call there, not calls: that is the `cost` of a request,
which the bucket does not know.

The arithmetic is here and pure; where the count is kept is the limiter's matter: Redis for all
processes of an installation, a file where only commands run, memory within a process.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

# Seconds for which a refusal makes us careful, and the share of the rate that we then take.
CAREFUL_FOR = 600.0
CAREFUL_SHARE = 0.4
# How many requests' worth of time we stand still after a refusal.
PAUSE_REQUESTS = 10.0
# The brim we keep to, below the published one: clocks differ, requests overtake each other, and
# when somebody else fills the bucket amid our burst all that is under way is refused at once.
# Writes, which are few, may go nearer to it.
BRIM = 0.8
URGENT_BRIM = 0.95
# The same while we are careful, in requests.
CAREFUL_BRIM = 1.0
CAREFUL_URGENT_BRIM = 2.0
# So many writes go before a read that waits, which is expected to ask again at most so many seconds
# after its delay: one that was given up must not hold writes back.
WRITES_BEFORE_A_READ = 4
ASKS_AGAIN_WITHIN = 1.0
HOUR = 3600.0
HOURS_A_DAY = 24
# Seconds that are nothing but the rounding of a division.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Budget:
    """`account` names whoever the provider counts; at most `burst` at once, `rate` a second, and
    `per_day` in 24 hours where the provider counts those too."""

    account: str
    burst: int
    rate: float
    per_day: int | None = None

    @property
    def is_published(self) -> bool:
        return math.isfinite(self.rate)


def unpublished(account: str) -> Budget:
    """Of an account without a published limit: nothing is counted, and what the tool asks for when
    it refuses is obeyed by all."""
    return Budget(account, burst=0, rate=math.inf)


@dataclass(frozen=True)
class Bucket:
    """What is known of an account's bucket at `at` (seconds of the machine's clock). `hours` are
    (number of the hour, requests in it), the latest last; only kept for a limit per day. Of the
    writes that went while a read waits, `passed_by` counts those since the last read. Until when
    the next one that waits, of either kind, asks again is known: its turn is kept for it."""

    at: float
    level: float = 0.0
    careful_until: float = 0.0
    paused_until: float = 0.0
    hours: tuple[tuple[int, int], ...] = ()
    read_waits_until: float = 0.0
    write_waits_until: float = 0.0
    passed_by: int = 0


class Limiter(Protocol):
    """Shared by all that call one account."""

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        """Take one request, `cost` of the limit per day: 0.0 when it may be sent now, else the
        seconds after which to ask again; nothing is taken then. An urgent one may use what reads
        leave free."""
        ...

    def refused(self, retry_after: float) -> None:
        """The tool refused a call as too much: everyone waits at least `retry_after` seconds."""
        ...


@dataclass(frozen=True)
class Used:
    """`amount` of a limit that the tool counts itself; some of it comes back in `resets_in`
    seconds."""

    amount: float
    resets_in: float


class Meter(Protocol):
    """What an account has used of limits that the tool counts and tells, each by a name. Shared by
    all that call the account."""

    def note(self, name: str, used: Used) -> None: ...

    def read(self, name: str) -> Used | None:
        """None when nothing is known, or what was known has been reset since."""
        ...


@dataclass
class MemoryMeter:
    """Safe between threads. `now` is in seconds and never goes back."""

    now: Callable[[], float] = time.monotonic
    _noted: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def note(self, name: str, used: Used) -> None:
        with self._lock:
            self._noted[name] = used.amount, self.now() + used.resets_in

    def read(self, name: str) -> Used | None:
        with self._lock:
            amount, until = self._noted.get(name, (0.0, 0.0))
            return still_used(amount, until - self.now())


def still_used(amount: float, resets_in: float) -> Used | None:
    return Used(amount, resets_in) if resets_in > 0 else None


def take(
    bucket: Bucket, budget: Budget, now: float, urgent: bool = False, cost: int = 1
) -> tuple[Bucket, float]:
    """One more request: the bucket after it and 0.0, or the bucket as it was and the seconds after
    which to ask again.

    No moment is promised ahead: a refusal could not call back those who sleep until theirs.
    """
    bucket = _as_of(bucket, now)
    if now < bucket.paused_until:
        return bucket, bucket.paused_until - now
    if not budget.is_published:
        return bucket, 0.0
    hours, until_next_day = _day(bucket, budget, now, urgent, cost)
    if until_next_day > 0:
        return bucket, until_next_day
    careful = now < bucket.careful_until
    rate = budget.rate * (CAREFUL_SHARE if careful else 1.0)
    level = max(0.0, bucket.level - (now - bucket.at) * rate) + 1.0
    read_waits = now < bucket.read_waits_until
    passed_by = bucket.passed_by if read_waits else 0
    first, second = _brims(budget, careful, urgent)
    turn_of_a_read = passed_by >= WRITES_BEFORE_A_READ
    delay = (level - (second if turn_of_a_read else first)) / rate
    if not urgent and not turn_of_a_read and now < bucket.write_waits_until:
        # Where a bucket holds few requests both fill it to the same brim.
        delay = max(delay, 1.0 / rate)
    if delay <= ROUNDING:
        passed_by = passed_by + 1 if urgent and read_waits else 0
        waits = 0.0 if urgent else bucket.write_waits_until
        taken = replace(bucket, at=now, level=level, hours=hours, passed_by=passed_by)
        return replace(taken, write_waits_until=waits), 0.0
    if urgent:
        waits_until = max(bucket.write_waits_until, now + delay + ASKS_AGAIN_WITHIN)
        return replace(bucket, write_waits_until=waits_until), delay
    # Its turn may come before there is room for any read.
    turn = max(WRITES_BEFORE_A_READ - passed_by, level - second) / rate
    delay = min(delay, turn)
    waits_until = max(bucket.read_waits_until, now + delay + ASKS_AGAIN_WITHIN)
    return replace(bucket, read_waits_until=waits_until, passed_by=passed_by), delay


def _as_of(bucket: Bucket, now: float) -> Bucket:
    """A clock that was set back takes the bucket with it: nothing would drain before it has caught
    up, and a pause would last as much longer."""
    back = bucket.at - now
    if back <= 0:
        return bucket
    return replace(
        bucket,
        at=now,
        careful_until=bucket.careful_until - back,
        paused_until=bucket.paused_until - back,
        read_waits_until=bucket.read_waits_until - back,
        write_waits_until=bucket.write_waits_until - back,
    )


def taken_up(bucket: Bucket, now: float) -> Bucket:
    """An old bucket from which the count goes on: what went out since it was kept is not known, so
    nothing of its level has drained."""
    return replace(_as_of(bucket, now), at=now)


def _brims(budget: Budget, careful: bool, urgent: bool) -> tuple[float, float]:
    """How high a request may fill the bucket, and how high when it is a waiting read's turn: that
    one goes above all but the last write, and writes leave it the room."""
    if careful:
        reads, writes = CAREFUL_BRIM, CAREFUL_URGENT_BRIM
    else:
        reads, writes = (max(1.0, budget.burst * share) for share in (BRIM, URGENT_BRIM))
    turn = max(reads, writes - 1.0)
    return (writes, turn - 1.0) if urgent else (reads, turn)


def _day(
    bucket: Bucket, budget: Budget, now: float, urgent: bool, cost: int
) -> tuple[tuple[tuple[int, int], ...], float]:
    """The hours with one more request in them, and the seconds until it is within the day's limit:
    when the oldest hour with requests in it is 24 hours past."""
    if budget.per_day is None:
        return (), 0.0
    this = int(now // HOUR)
    hours = tuple(each for each in bucket.hours if each[0] >= this - HOURS_A_DAY)
    limit = max(1, int(budget.per_day * (URGENT_BRIM if urgent else BRIM)))
    if hours and sum(count for _, count in hours) + cost > limit:
        return hours, (hours[0][0] + HOURS_A_DAY + 1) * HOUR - now
    if hours and hours[-1][0] == this:
        return (*hours[:-1], (this, hours[-1][1] + cost)), 0.0
    return (*hours, (this, cost)), 0.0


def refuse(bucket: Bucket, budget: Budget, now: float, retry_after: float) -> Bucket:
    """The tool's count is above ours: pause, and be careful for a while.

    Our own count is worth nothing from here on: it starts again at zero, behind a pause that lets
    the tool's bucket drain by some requests even while the other one goes on.
    """
    bucket = _as_of(bucket, now)
    pause = max(retry_after, PAUSE_REQUESTS / budget.rate)
    return Bucket(
        at=now,
        careful_until=now + CAREFUL_FOR,
        paused_until=max(bucket.paused_until, now + pause),
        hours=bucket.hours,
    )
