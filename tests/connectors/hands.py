"""The effects given to a connector under test, and what it did with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import httpx

from connectors.auth import Token
from connectors.budget import Budget
from connectors.http import Wire


@dataclass
class Unlimited:
    """A limiter that never waits and remembers what the tool refused."""

    taken: int = 0
    refusals: list[float] = field(default_factory=list)

    def acquire(self, urgent: bool = False) -> float:
        self.taken += 1
        return 0.0

    def refused(self, retry_after: float) -> None:
        self.refusals.append(retry_after)


@dataclass
class KeptToken:
    """A store of tokens that remembers what was saved."""

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

    def wire(self, transport: httpx.BaseTransport | None = None) -> Wire:
        return Wire(limiter=self._limit, sleep=self.slept.append, transport=transport)

    def _limit(self, budget: Budget) -> Unlimited:
        self.budgets.append(budget)
        return self.limiter
