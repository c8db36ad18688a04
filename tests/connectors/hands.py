"""The effects given to a connector under test, and what it did with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import httpx

from connectors.auth import Token
from connectors.budget import Budget, MemoryMeter
from connectors.http import Wire


@dataclass
class Unlimited:
    """A limiter that never waits and remembers what calls cost and what the tool refused."""

    costs: list[int] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        self.costs.append(cost)
        return 0.0

    def refused(self, retry_after: float) -> None:
        self.refusals.append(retry_after)


@dataclass
class Tokens:
    """The pair of an application, and those that it was renewed to."""

    token: Token
    saved: list[Token] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def load(self) -> Token:
        return self.token

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self.lock:
            yield

    def save(self, token: Token) -> None:
        self.token = token
        self.saved.append(token)


@dataclass
class Hands:
    """The effects given to a connector, and what was done with them."""

    limiter: Unlimited = field(default_factory=Unlimited)
    budgets: list[Budget] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    meter: MemoryMeter = field(default_factory=MemoryMeter)

    def wire(
        self,
        transport: httpx.BaseTransport | None = None,
        *,
        tokens: Tokens | None = None,
        bulk: bool = False,
    ) -> Wire:
        return Wire(
            limiter=self._limit,
            sleep=self.slept.append,
            tokens=tokens,
            transport=transport,
            meter=lambda _: self.meter,
            bulk=bulk,
        )

    def _limit(self, budget: Budget) -> Unlimited:
        self.budgets.append(budget)
        return self.limiter
