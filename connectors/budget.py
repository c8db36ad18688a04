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
# The brim we keep to, below the published one: clocks differ and requests overtake each other.
BRIM = 0.9


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
        """Take one request; returns the seconds to wait before it may be sent."""
        ...

    def refused(self, retry_after: float) -> None:
        """The tool refused a call as too much: everyone waits at least `retry_after` seconds."""
        ...


def take(bucket: Bucket, budget: Budget, now: float) -> tuple[Bucket, float]:
    """One more request: the bucket after it, and how many seconds from now it may go out.

    A request is counted when it is promised, so those that wait or are on their way count too.
    """
    careful = now < bucket.careful_until
    rate = budget.rate * (CAREFUL_SHARE if careful else 1.0)
    brim = 1.0 if careful else max(1.0, budget.burst * BRIM)
    level = max(0.0, bucket.level - max(0.0, now - bucket.at) * rate) + 1.0
    delay = max(0.0, (level - brim) / rate, bucket.paused_until - now)
    return replace(bucket, at=max(now, bucket.at), level=level), delay


def refuse(bucket: Bucket, budget: Budget, now: float, retry_after: float) -> Bucket:
    """The tool's count is above ours: pause, and be careful for a while.

    Our own count is worth nothing from here on: it starts again at zero behind the pause, which
    lets the tool's bucket drain by some requests even while the other one goes on.
    """
    pause = max(retry_after, PAUSE_REQUESTS / budget.rate)
    return Bucket(
        at=now + pause,
        careful_until=now + CAREFUL_FOR,
        paused_until=max(bucket.paused_until, now + pause),
    )
