"""A leaky bucket: a request adds one, it drains steadily, above the ceiling it refuses."""

from connectors.sandbox.clock import Seconds


class LeakyBucket:
    def __init__(self, ceiling: float, leak_per_second: float, monotonic: Seconds) -> None:
        self._ceiling = ceiling
        self._leak = leak_per_second
        self._monotonic = monotonic
        self._level = 0.0
        self._seen = monotonic()

    def admit(self) -> bool:
        """Count one request. A refused one adds nothing."""
        now = self._monotonic()
        self._level = max(0.0, self._level - (now - self._seen) * self._leak)
        self._seen = now
        if self._level + 1 > self._ceiling:
            return False
        self._level += 1
        return True
