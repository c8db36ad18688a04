"""The two limits of a portal: requests per second, and server time per method and credential."""

from collections import deque
from dataclasses import dataclass

from connectors.bitrix24.portal.options import PLAN_BUCKETS, SandboxOptions
from connectors.sandbox.bucket import LeakyBucket
from connectors.sandbox.clock import Seconds

WINDOW_SECONDS = 600
MINUTE = 60


@dataclass
class Spent:
    """Server time used in the minute that began with `since`."""

    since: float
    seconds: float


class Limits:
    """Machine time throughout: a client that waits does so in machine time. But what calls are only
    billed for is counted by the portal's `clock`."""

    def __init__(self, options: SandboxOptions, monotonic: Seconds, clock: Seconds) -> None:
        ceiling, leak = PLAN_BUCKETS[options.plan]
        published = options.limit == "published"
        self._bucket = (
            LeakyBucket(ceiling, leak, monotonic, options.count_refused) if published else None
        )
        self._operating_limit = options.operating_limit if published else float("inf")
        self._now = clock if options.billed_seconds else monotonic
        self._spent: dict[tuple[str, str], deque[Spent]] = {}

    def admit(self) -> bool:
        return self._bucket is None or self._bucket.admit()

    def blocked(self, credential: str, method: str) -> bool:
        """Checked before a call: the one that overshoots is the last to run."""
        return self.operating(credential, method) >= self._operating_limit

    def spend(self, credential: str, method: str, seconds: float) -> None:
        minutes = self._minutes(credential, method)
        now = self._now()
        if not minutes or now - minutes[-1].since >= MINUTE:
            minutes.append(Spent(now, 0.0))
        minutes[-1].seconds += seconds

    def operating(self, credential: str, method: str) -> float:
        return sum(minute.seconds for minute in self._minutes(credential, method))

    def reset_in(self, credential: str, method: str) -> float:
        """Seconds until the oldest minute drops out."""
        minutes = self._minutes(credential, method)
        if not minutes:
            return WINDOW_SECONDS
        return minutes[0].since + WINDOW_SECONDS - self._now()

    def _minutes(self, credential: str, method: str) -> deque[Spent]:
        minutes = self._spent.setdefault((credential, method), deque())
        now = self._now()
        while minutes and now - minutes[0].since >= WINDOW_SECONDS:
            minutes.popleft()
        return minutes
