"""Where the request budget of an account is counted: in Redis for all processes of an
installation; in memory for one process. The arithmetic is `connectors.budget`'s."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import msgspec
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, WatchError

from connectors.budget import (
    CAREFUL_SHARE,
    HOUR,
    HOURS_A_DAY,
    Bucket,
    Budget,
    Limiter,
    MemoryMeter,
    Used,
    refuse,
    still_used,
    take,
    taken_up,
)
from workers.kept_budgets import Kept, KeptHere

T = TypeVar("T")

# A count is forgotten this many seconds after it has stopped to matter.
FORGET_AFTER = 60.0
# A Redis that did not answer is left alone for so many seconds, where it can be done without.
SILENT_FOR = 30.0
# Is there for good: a Redis without it was emptied, or is a new one.
FILLED = "retro:budgets-filled"
# No pause and no day that was kept matters for longer, unless the tool asked for it.
TAKEN_UP_FOR = (HOURS_A_DAY + 2) * HOUR
# What is used of a day is kept so many times until it is used up: the rest is far more than what an
# emptied Redis may lose of it.
DAY_STEPS = 100


class MemoryLimiter:
    """Safe between threads. `now` is in seconds and never goes back."""

    def __init__(self, budget: Budget, now: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._now = now
        self._lock = threading.Lock()
        self._bucket = Bucket(at=now())

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        with self._lock:
            self._bucket, delay = take(self._bucket, self._budget, self._now(), urgent, cost)
            return delay

    def refused(self, retry_after: float) -> None:
        with self._lock:
            self._bucket = refuse(self._bucket, self._budget, self._now(), retry_after)


class MemoryLimiters:
    """The accounts of one process, each counted once however many clients it has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limiters: dict[str, MemoryLimiter] = {}
        self._meters: dict[str, MemoryMeter] = {}

    def limiter(self, budget: Budget) -> Limiter:
        with self._lock:
            if budget.account not in self._limiters:
                self._limiters[budget.account] = MemoryLimiter(budget)
            return self._limiters[budget.account]

    def meter(self, account: str) -> MemoryMeter:
        with self._lock:
            return self._meters.setdefault(account, MemoryMeter())


class RedisLimiter:
    """Safe between threads, processes and machines: the clock is the one of Redis, and whoever
    was overtaken while counting counts again.

    A bucket that is not there is empty: its account was idle, or never used. In a Redis that was
    emptied those that are `kept` take its place first, and drain before anything goes out.
    """

    def __init__(self, redis: Redis, budget: Budget, kept: Kept | None = None) -> None:
        self._redis = redis
        self._budget = budget
        self._kept = kept or KeptHere()
        self._is_kept = False
        self._key = f"retro:budget:{budget.account}"

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        return self._change(lambda bucket, now: take(bucket, self._budget, now, urgent, cost))

    def refused(self, retry_after: float) -> None:
        self._change(lambda bucket, now: (refuse(bucket, self._budget, now, retry_after), 0.0))

    def _change(self, step: Callable[[Bucket, float], tuple[Bucket, float]]) -> float:
        with self._redis.pipeline() as pipe:
            while True:
                try:
                    return self._once(pipe, step)
                except WatchError:
                    # Another process was faster; one of those who meet always gets through.
                    continue

    def _once(self, pipe: Pipeline, step: Callable[[Bucket, float], tuple[Bucket, float]]) -> float:
        # Both: one that is emptied now takes the mark away, and we count again.
        pipe.watch(self._key, FILLED)  # type: ignore[no-untyped-call]  # redis does not annotate it
        counted, filled = pipe.mget(self._key, FILLED)
        seconds, microseconds = pipe.time()
        now = seconds + microseconds / 1e6
        if filled is None:
            pipe.unwatch()
            self._fill(now)
            return self._once(pipe, step)
        before = msgspec.json.decode(counted, type=Bucket) if counted else Bucket(at=now)
        bucket, delay = step(before, now)
        if bucket is before:
            pipe.unwatch()
            return delay
        pipe.multi()
        pipe.set(self._key, msgspec.json.encode(bucket), ex=self._matters_for(bucket, now))
        pipe.execute()
        if not self._is_kept or self._outlives(bucket, before):
            self._is_kept = self._kept.keep(self._budget.account, self._to_keep)
        return delay

    def _fill(self, now: float) -> None:
        with self._redis.pipeline() as pipe:
            for account, kept in self._kept.load().items():
                bucket = taken_up(kept, now)
                lasts = max(0.0, bucket.paused_until - now) + TAKEN_UP_FOR
                # Not over one of somebody who was faster, or who has counted all the time.
                pipe.set(
                    f"retro:budget:{account}", msgspec.json.encode(bucket), ex=round(lasts), nx=True
                )
            pipe.set(FILLED, 1)
            pipe.execute()

    def _outlives(self, bucket: Bucket, before: Bucket) -> bool:
        """Whether what changed must be known when Redis was emptied."""
        paused = bucket.paused_until != before.paused_until
        return paused or self._day_step(bucket) != self._day_step(before)

    def _day_step(self, bucket: Bucket) -> int:
        used = sum(count for _, count in bucket.hours)
        return used * DAY_STEPS // (self._budget.per_day or 1)

    def _to_keep(self) -> Bucket | None:
        counted = self._redis.get(self._key)
        if counted is None:
            return None
        bucket = msgspec.json.decode(counted, type=Bucket)
        return replace(bucket, level=float(self._budget.burst))

    def _matters_for(self, bucket: Bucket, now: float) -> int:
        drained = bucket.at + bucket.level / (self._budget.rate * CAREFUL_SHARE)
        day = (bucket.hours[-1][0] + HOURS_A_DAY + 1) * HOUR if bucket.hours else 0.0
        last = max(drained, bucket.careful_until, bucket.paused_until, day)
        return math.ceil(max(0.0, last - now) + FORGET_AFTER)


class SharedPauses:
    """For an account without a published limit: the pauses that its tool asks for, from all
    processes. Nothing is counted, so its calls go on where Redis does not answer."""

    def __init__(
        self, shared: Limiter, here: Limiter, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._shared = shared
        self._here = here
        self._now = now
        self._ask_again_at = -math.inf

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        here = self._here.acquire(urgent, cost)
        return max(here, self._ask(partial(self._shared.acquire, urgent, cost), otherwise=0.0))

    def refused(self, retry_after: float) -> None:
        self._here.refused(retry_after)
        self._ask(partial(self._shared.refused, retry_after), otherwise=None)

    def _ask(self, shared: Callable[[], T], otherwise: T) -> T:
        if self._now() < self._ask_again_at:
            return otherwise
        try:
            return shared()
        except RedisError:
            # Its client has tried for seconds: not before every call.
            self._ask_again_at = self._now() + SILENT_FOR
            return otherwise


class Noted(msgspec.Struct, frozen=True, array_like=True):
    """`amount` of a limit until then, as it was noted `at`; moments of the clock of Redis."""

    amount: float
    until: float
    at: float = 0.0


class RedisMeter:
    """Safe between threads, processes and machines; the clock is the one of Redis."""

    def __init__(self, redis: Redis, account: str) -> None:
        self._redis = redis
        self._key = f"retro:meter:{account}"

    def note(self, name: str, used: Used) -> None:
        now = self._now()
        noted = Noted(used.amount, now + used.resets_in, now)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(self._key, name, msgspec.json.encode(noted))
            # Later than any limit is counted: a name that is not noted again is read as reset.
            pipe.expire(self._key, math.ceil(used.resets_in) + round(HOUR))
            pipe.execute()

    def read(self, name: str) -> Used | None:
        kept = self._redis.hget(self._key, name)
        if kept is None:
            return None
        noted = msgspec.json.decode(kept, type=Noted)
        # What was noted in time to come was noted before the clock was set back.
        return still_used(noted.amount, noted.until - max(self._now(), noted.at))

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds + microseconds / 1e6)
