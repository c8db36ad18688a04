"""The company's tokens of the day, and each user's requests in a rolling window of 2 seconds."""

from collections import deque

from connectors.pipedrive.portal.options import PLANS, SandboxOptions
from connectors.sandbox.clock import Clock, Seconds

WINDOW = 2.0
MINUTE = 60.0
APPS = 4
A_SEAT = 30_000


class Limits:
    """Windows go by machine time, days by the company's clock: they end at the server's midnight,
    which is that of UTC here."""

    def __init__(self, options: SandboxOptions, clock: Clock, monotonic: Seconds) -> None:
        factor, self._in_window = PLANS[options.plan]
        self._options = options
        self._clock = clock
        self._monotonic = monotonic
        self._sent: dict[str, deque[float]] = {}
        self._refused: deque[float] = deque()
        self._blocked_until = 0.0
        self._day = clock.now().date()
        self.budget = options.tokens or A_SEAT * factor * options.seats
        self.spent = 0

    @property
    def counts(self) -> bool:
        return self._options.limit == "published"

    def is_blocked(self) -> bool:
        return self._monotonic() < self._blocked_until

    def admit(self, token: str, is_app: bool) -> bool:
        """One more request; a refused one counts towards being blocked."""
        if not self.counts:
            return True
        now, sent = self._monotonic(), self._sent.setdefault(token, deque())
        while sent and now - sent[0] >= WINDOW:
            sent.popleft()
        if len(sent) < self._most(is_app):
            sent.append(now)
            return True
        self.refuse()
        return False

    def spend(self, cost: int) -> bool:
        if not self.counts:
            return True
        today = self._clock.now().date()
        if today != self._day:
            self._day, self.spent = today, 0
        if self.spent + cost > self.budget:
            self.refuse()
            return False
        self.spent += cost
        return True

    def refuse(self) -> None:
        now = self._monotonic()
        self._refused.append(now)
        while self._refused and now - self._refused[0] > MINUTE:
            self._refused.popleft()
        if len(self._refused) >= self._options.block_after:
            self._blocked_until = now + self._options.block_seconds
            self._refused.clear()

    def headers(self, token: str, is_app: bool) -> dict[str, str]:
        if not self.counts:
            return {}
        sent = self._sent.get(token, deque())
        most = self._most(is_app)
        oldest = WINDOW - (self._monotonic() - sent[0]) if sent else 0.0
        told = {
            "x-ratelimit-limit": str(most),
            "x-ratelimit-remaining": str(max(0, most - len(sent))),
            "x-ratelimit-reset": str(max(1, round(oldest + 0.5))),
        }
        if self._options.daily_headers:
            told["x-daily-ratelimit-token-limit"] = str(self.budget)
            told["x-daily-ratelimit-token-remaining"] = str(max(0, self.budget - self.spent))
        return told

    def _most(self, is_app: bool) -> int:
        return self._in_window * (APPS if is_app else 1)
