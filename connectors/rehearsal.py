"""A wire on which writes are noted and not sent: what a dry run is made with.

The connector makes its calls as ever, so what is noted is what it would send, byte for byte. Reads
go to the tool, since what is written may depend on what is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

Ask = Callable[[httpx.Request], httpx.Response]


@dataclass(frozen=True)
class Call:
    """A request to the tool: what the tool calls it, and its body without credentials."""

    method: str
    body: str
    writes: bool


@dataclass(frozen=True)
class Part:
    """What is made of a request; without `response` it is sent."""

    call: Call
    response: httpx.Response | None = None


class StandIn(Protocol):
    """Plays a tool's part for writes. Ids that the tool would give are numbers from `FIRST_ID`
    upwards; `made` tells of each what it stands for."""

    made: dict[int, str]

    def play(self, request: httpx.Request, ask: Ask) -> Part | None:
        """None for what does not belong to the account, such as the renewal of a token."""


def shown(request: httpx.Request, ask: Ask, changed: Callable[[Any], Any]) -> httpx.Response:
    """What the tool would show by now: its answer, `changed` by what was written and not sent. A
    refusal is passed on."""
    answer = ask(request)
    answer.read()
    if answer.is_error:
        return httpx.Response(answer.status_code, content=answer.content)
    return httpx.Response(200, json=changed(answer.json()))


# Longer than any id of a tool, so that it is known wherever it stands in a body.
FIRST_ID = 900_000_000_000_001


class Rehearsal(httpx.BaseTransport):
    """`wait` paces what is sent; `calls` is what a push would take, in order."""

    def __init__(
        self, network: httpx.BaseTransport, stand_in: StandIn, wait: Callable[[], None]
    ) -> None:
        self._network = network
        self._wait = wait
        self.stand_in = stand_in
        self.calls: list[Call] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        part = self.stand_in.play(request, self._ask)
        if part is None:
            return self._network.handle_request(request)
        self.calls.append(part.call)
        return part.response or self._ask(request)

    def close(self) -> None:
        self._network.close()

    def _ask(self, request: httpx.Request) -> httpx.Response:
        self._wait()
        return self._network.handle_request(request)
