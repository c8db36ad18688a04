"""Where the request budget of an account is counted: in Redis for all processes of an
installation, in memory for a single command. The arithmetic is `connectors.budget`'s."""

import math
import threading
import time
from collections.abc import Callable
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
)

T = TypeVar("T")

# A count is forgotten this many seconds after it has stopped to matter.
FORGET_AFTER = 60.0
# A Redis that did not answer is left alone for so many seconds, where it can be done without.
SILENT_FOR = 30.0


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

    def limiter(self, budget: Budget) -> MemoryLimiter:
        with self._lock:
            if budget.account not in self._limiters:
                self._limiters[budget.account] = MemoryLimiter(budget)
            return self._limiters[budget.account]

    def meter(self, account: str) -> MemoryMeter:
        with self._lock:
            return self._meters.setdefault(account, MemoryMeter())


class RedisLimiter:
    """Safe between threads, processes and machines: the clock is the one of Redis, and whoever
    was overtaken while counting counts again."""

    def __init__(self, redis: Redis, budget: Budget) -> None:
        self._redis = redis
        self._budget = budget
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
        pipe.watch(self._key)  # type: ignore[no-untyped-call]  # redis does not annotate it
        kept = pipe.get(self._key)
        seconds, microseconds = pipe.time()
        now = seconds + microseconds / 1e6
        before = msgspec.json.decode(kept, type=Bucket) if kept else Bucket(at=now)
        bucket, delay = step(before, now)
        if bucket is before:
            pipe.unwatch()
            return delay
        pipe.multi()
        pipe.set(self._key, msgspec.json.encode(bucket), ex=self._matters_for(bucket, now))
        pipe.execute()
        return delay

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
