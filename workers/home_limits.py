"""The request budget of an account where no service runs: a file in RETRO_HOME, so that one command
after another, and those that run side by side, take from the same bucket."""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from connectors.budget import Bucket, Budget, Limiter, refuse, take
from workers.limits import MemoryLimiters

LARGEST = 2**16


class HomeLimiter:
    """Safe between threads, and between processes of one machine. Who cannot write there counts
    for itself, in `here`. `now` is the machine's clock: it must mean the same to the next process.
    """

    def __init__(
        self, folder: Path, budget: Budget, here: Limiter, now: Callable[[], float] = time.time
    ) -> None:
        # The name of an account may hold an address.
        name = hashlib.sha256(budget.account.encode()).hexdigest()[:32]
        self._path = folder / f"{name}.json"
        self._budget = budget
        self._here = here
        self._now = now

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        try:
            return self._change(lambda bucket, now: take(bucket, self._budget, now, urgent, cost))
        except OSError:
            return self._here.acquire(urgent, cost)

    def refused(self, retry_after: float) -> None:
        try:
            self._change(lambda bucket, now: (refuse(bucket, self._budget, now, retry_after), 0.0))
        except OSError:
            self._here.refused(retry_after)

    def _change(self, step: Callable[[Bucket, float], tuple[Bucket, float]]) -> float:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Goes with the file, and with whoever is killed.
            fcntl.flock(file, fcntl.LOCK_EX)
            now = self._now()
            before = _bucket_in(os.pread(file, LARGEST, 0)) or Bucket(at=now)
            bucket, delay = step(before, now)
            if bucket is not before:
                # Whoever is killed now leaves a whole first line.
                content = msgspec.json.encode(bucket) + b"\n"
                os.pwrite(file, content, 0)
                os.ftruncate(file, len(content))
            return delay
        finally:
            os.close(file)


class HomeLimiters(MemoryLimiters):
    """The accounts of commands that run without a service, each counted once for all of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def limiter(self, budget: Budget) -> Limiter:
        return HomeLimiter(self._folder, budget, super().limiter(budget))


def _bucket_in(content: bytes) -> Bucket | None:
    """None where nothing was counted, or whoever did was ended amid writing it."""
    try:
        return msgspec.json.decode(content.split(b"\n", 1)[0], type=Bucket)
    except msgspec.MsgspecError:
        return None
