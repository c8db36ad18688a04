"""A leaky bucket: each request adds one, it drains steadily, above the ceiling it refuses."""

from connectors.sandbox.clock import Seconds


class LeakyBucket:
    """`count_refused` off is the milder kind, which a client that goes on asking cannot fill."""

    def __init__(
        self,
        ceiling: float,
        leak_per_second: float,
        monotonic: Seconds,
        count_refused: bool = True,
    ) -> None:
        self._count_refused = count_refused
        self._ceiling = ceiling
        self._leak = leak_per_second
        self._monotonic = monotonic
        self._level = 0.0
        self._seen = monotonic()

    def admit(self) -> bool:
        """Count one request; whether it may pass."""
        now = self._monotonic()
        self._level = max(0.0, self._level - (now - self._seen) * self._leak)
        self._seen = now
        admitted = self._level + 1 <= self._ceiling
        if admitted or self._count_refused:
            self._level += 1
        return admitted
