"""The request budget of one provider account: a leaky bucket, as the tools count it.

Every request fills the bucket by one and it drains at a steady rate; above the brim the tool
refuses. We keep the same count, so we never send what would be refused. When the tool refuses all
the same, somebody else draws from the account: for ten minutes we then hold back to a share of the
rate and leave the burst to the other one.

The arithmetic is here and pure; where the count is kept is the limiter's matter: Redis for all
processes of an installation, memory for a single command.
"""

from dataclasses import dataclass, replace
from typing import Protocol

# Seconds for which a refusal makes us careful, and the share of the rate that we then take.
CAREFUL_FOR = 600.0
CAREFUL_SHARE = 0.4
# How many requests' worth of time we stand still after a refusal.
PAUSE_REQUESTS = 10.0
# The brim we keep to, below the published one: clocks differ, requests overtake each other, and
# when somebody else fills the bucket amid our burst all that is under way is refused at once.
BRIM = 0.8
# Seconds that are nothing but the rounding of a division.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Budget:
    """`account` names whoever the provider counts; at most `burst` at once, `rate` a second."""

    account: str
    burst: int
    rate: float


@dataclass(frozen=True)
class Bucket:
    """What is known of an account's bucket at `at` (seconds of the machine's clock)."""

    at: float
    level: float = 0.0
    careful_until: float = 0.0
    paused_until: float = 0.0


class Limiter(Protocol):
    """Shared by all that call one account."""

    def acquire(self) -> float:
        """Take one request: 0.0 when it may be sent now, else the seconds after which to ask
        again; nothing is taken then."""
        ...

    def refused(self, retry_after: float) -> None:
        """The tool refused a call as too much: everyone waits at least `retry_after` seconds."""
        ...


def take(bucket: Bucket, budget: Budget, now: float) -> tuple[Bucket, float]:
    """One more request: the bucket after it and 0.0, or the bucket as it was and the seconds after
    which to ask again.

    No moment is promised ahead: a refusal could not call back those who sleep until theirs.
    """
    if now < bucket.paused_until:
        return bucket, bucket.paused_until - now
    careful = now < bucket.careful_until
    rate = budget.rate * (CAREFUL_SHARE if careful else 1.0)
    brim = 1.0 if careful else max(1.0, budget.burst * BRIM)
    level = max(0.0, bucket.level - max(0.0, now - bucket.at) * rate) + 1.0
    delay = (level - brim) / rate
    if delay > ROUNDING:
        return bucket, delay
    return replace(bucket, at=max(now, bucket.at), level=level), 0.0


def refuse(bucket: Bucket, budget: Budget, now: float, retry_after: float) -> Bucket:
    """The tool's count is above ours: pause, and be careful for a while.

    Our own count is worth nothing from here on: it starts again at zero, behind a pause that lets
    the tool's bucket drain by some requests even while the other one goes on.
    """
    pause = max(retry_after, PAUSE_REQUESTS / budget.rate)
    return Bucket(
        at=now,
        careful_until=now + CAREFUL_FOR,
        paused_until=max(bucket.paused_until, now + pause),
    )
