"""The effects given to a connector under test, and what it did with them."""

from dataclasses import dataclass, field

import httpx

from connectors.budget import Budget
from connectors.http import Wire


@dataclass
class Unlimited:
    """A limiter that never waits and remembers what the tool refused."""

    taken: int = 0
    refusals: list[float] = field(default_factory=list)

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        self.taken += 1
        return 0.0

    def refused(self, retry_after: float) -> None:
        self.refusals.append(retry_after)


@dataclass
class Hands:
    """The effects given to a connector, and what was done with them."""

    limiter: Unlimited = field(default_factory=Unlimited)
    budgets: list[Budget] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def wire(self, transport: httpx.BaseTransport | None = None) -> Wire:
        return Wire(limiter=self._limit, sleep=self.slept.append, transport=transport)

    def _limit(self, budget: Budget) -> Unlimited:
        self.budgets.append(budget)
        return self.limiter
