"""An account of a tool in simulated time: its bucket as documented, our clients, a stranger."""

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from connectors.budget import Bucket, Budget, refuse, take

BUDGET = Budget("portal", burst=50, rate=2.0)
# What the client waits at least after a refusal, and how much it adds at random.
RETRY_AFTER, BACKOFF = 1.0, 0.5


@dataclass
class ToolBucket:
    """Fills by one a request, drains steadily, refuses above the brim."""

    level: float = 0.0
    at: float = 0.0

    def admits(self, now: float) -> bool:
        self.level = max(0.0, self.level - (now - self.at) * BUDGET.rate)
        self.at = now
        if self.level + 1 > BUDGET.burst:
            return False
        self.level += 1
        return True


@dataclass
class Simulation:
    """`clients` threads share one budget and send `requests` in all, or what they can of them
    `until` then, each answered within twice `latency` seconds; `stranger` requests a second come
    from elsewhere. Every `write_every` seconds somebody writes. `waits` are the seconds that each
    write waited for its turn, `reads` the moments at which the requests went out."""

    requests: int
    clients: int
    latency: float
    seed: int
    stranger: float = 0.0
    write_every: float = 0.0
    until: float = math.inf
    waits: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    done: int = 0
    refused: int = 0
    now: float = 0.0
    _tool: ToolBucket = field(default_factory=ToolBucket)
    _ours: Bucket = field(default_factory=lambda: Bucket(at=0.0))
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)

    def run(self) -> "Simulation":
        self._random = random.Random(self.seed)
        self._order = count()
        self._left = self.requests
        for _ in range(self.clients):
            self._after(0.0, self._next_request)
        if self.stranger:
            self._after(self._random.random(), self._strange_request)
        if self.write_every:
            self._after(self.write_every, self._next_write)
        while self.done < self.requests and self.now < self.until:
            self.now, _, event = heapq.heappop(self._events)
            event()
        return self

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), event))

    def _next_write(self) -> None:
        self._after(self.write_every, self._next_write)
        self._write(asked=self.now)

    def _write(self, asked: float) -> None:
        self._ours, delay = take(self._ours, BUDGET, self.now, urgent=True)
        if delay > 0:
            self._after(delay, lambda: self._write(asked))
            return
        self.waits.append(self.now - asked)
        self._on_the_way(self._write_arrives)

    def _write_arrives(self) -> None:
        if not self._tool.admits(self.now):
            self.refused += 1
            self._ours = refuse(self._ours, BUDGET, self.now, RETRY_AFTER)

    def _on_the_way(self, event: Callable[[], None]) -> None:
        self._after(self._random.uniform(0.0, self.latency), event)

    def _next_request(self) -> None:
        if self._left:
            self._left -= 1
            self._ask()

    def _ask(self) -> None:
        self._ours, delay = take(self._ours, BUDGET, self.now)
        if delay > 0:
            self._after(delay, self._ask)
        else:
            self.reads.append(self.now)
            self._on_the_way(self._arrive)

    def _arrive(self) -> None:
        self._on_the_way(self._answered if self._tool.admits(self.now) else self._turned_away)

    def _answered(self) -> None:
        self.done += 1
        self._next_request()

    def _turned_away(self) -> None:
        self.refused += 1
        self._ours = refuse(self._ours, BUDGET, self.now, RETRY_AFTER)
        self._after(RETRY_AFTER + self._random.uniform(0.0, BACKOFF), self._ask)

    def _strange_request(self) -> None:
        self._tool.admits(self.now)
        self._after(1.0 / self.stranger, self._strange_request)
