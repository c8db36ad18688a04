"""What the tests of this connector share: a company by script, and a sandbox company."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from connectors.budget import Budget, MemoryMeter
from connectors.http import Wire
from connectors.models import Record, Stream
from connectors.pipedrive.connector import Pipedrive
from connectors.pipedrive.sandbox import SandboxOptions, create_app, settings
from connectors.port import Page, Window, read
from connectors.sandbox.runner import serving

COMPANY = "https://acme.example"
TOKEN = "t0k3n" * 8


@dataclass
class Unlimited:
    """A limiter that never waits, and remembers what calls cost and what was refused."""

    costs: list[int] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        self.costs.append(cost)
        return 0.0

    def refused(self, retry_after: float) -> None:
        self.refusals.append(retry_after)


@dataclass
class Hands:
    """The effects given to a connector, and what was done with them."""

    limiter: Unlimited = field(default_factory=Unlimited)
    budgets: list[Budget] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    meter: MemoryMeter = field(default_factory=MemoryMeter)

    def wire(self, transport: httpx.BaseTransport | None = None, bulk: bool = False) -> Wire:
        return Wire(
            limiter=self._limit,
            sleep=self.slept.append,
            transport=transport,
            meter=lambda _: self.meter,
            bulk=bulk,
        )

    def _limit(self, budget: Budget) -> Unlimited:
        self.budgets.append(budget)
        return self.limiter


@dataclass
class Script:
    """A company that answers by a function: a response, or the data of a good one."""

    answer: Callable[[httpx.Request], Any]
    calls: list[httpx.Request] = field(default_factory=list)
    hands: Hands = field(default_factory=Hands)

    def connector(self, *, bulk: bool = False, **config: Any) -> Pipedrive:
        given = {"company": COMPANY, "api_token": TOKEN, **config}
        transport = httpx.MockTransport(self._handle)
        return Pipedrive(Pipedrive.Config.model_validate(given), self.hands.wire(transport, bulk))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        answer = self.answer(request)
        return answer if isinstance(answer, httpx.Response) else good(answer)


def good(data: Any, cursor: str | None = None, **pagination: Any) -> httpx.Response:
    additional: dict[str, Any] = {"next_cursor": cursor}
    if pagination:
        additional["pagination"] = pagination
    body = {"success": True, "data": data, "additional_data": additional}
    return httpx.Response(200, json=body, headers={"Date": "Mon, 23 Nov 2026 09:00:00 GMT"})


def bad(status: int, error: str = "no", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"success": False, "error": error}, headers=named)


@dataclass
class Sandbox:
    """A running sandbox company."""

    options: SandboxOptions
    base: str
    hands: Hands = field(default_factory=Hands)
    made: list[Pipedrive] = field(default_factory=list)

    @cached_property
    def http(self) -> httpx.Client:
        # It keeps no connection open, so nobody has to close it.
        alone = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.base, limits=alone, trust_env=False)

    def connector(self, transport: httpx.BaseTransport | None = None, **config: Any) -> Pipedrive:
        given = {**settings(self.options, self.base), **config}
        parsed = Pipedrive.Config.model_validate(given)
        self.made.append(Pipedrive(parsed, self.hands.wire(transport)))
        return self.made[-1]

    def records(self, stream: str, query: str = "") -> dict[str, dict[str, Any]]:
        """What a right connector must hold, by id."""
        answer = self.http.get(f"/_sandbox/records/{stream}{query}").raise_for_status()
        return {one["id"]: one for one in map(json.loads, answer.text.splitlines())}

    def edit(self, stream: str, record_id: str, **change: Any) -> str:
        route = f"/_sandbox/records/{stream}/{record_id}"
        return str(self.http.post(route, json=change).raise_for_status().json()["id"])

    def faults(self, *plan: Mapping[str, Any]) -> None:
        self.http.put("/_sandbox/faults", json=list(plan)).raise_for_status()

    def clock(self, now: str) -> None:
        body = {"now": now, "running": False}
        self.http.put("/_sandbox/clock", json=body).raise_for_status()

    def log(self) -> list[dict[str, Any]]:
        answer = self.http.get("/_sandbox/log")
        return [json.loads(line) for line in answer.text.splitlines()]

    def call(self, verb: str, path: str, **given: Any) -> httpx.Response:
        """As another client of the company."""
        token = settings(self.options, self.base)["api_token"]
        headers = {"x-api-token": token, **given.pop("headers", {})}
        return self.http.request(verb, f"/api/{path}", headers=headers, **given)


@contextmanager
def sandbox(**options: Any) -> Iterator[Sandbox]:
    chosen = SandboxOptions(**{"records": 60, "limit": "off", **options})
    with serving(create_app(chosen)) as base:
        running = Sandbox(chosen, base)
        try:
            yield running
        finally:
            for connector in running.made:
                connector.close()


def pages_of(
    connector: Pipedrive,
    stream: Stream,
    window: Window = Window(),  # noqa: B008 - frozen
) -> list[Page[Record]]:
    shares = connector.partitions(stream, window)
    return [page for share in shares for page in read(connector, stream, window, share)]


def records_of(
    connector: Pipedrive,
    stream: Stream,
    window: Window = Window(),  # noqa: B008 - frozen
) -> Sequence[Record]:
    return [one for page in pages_of(connector, stream, window) for one in page.records]
