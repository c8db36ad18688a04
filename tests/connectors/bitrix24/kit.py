"""What the tests of this connector share: a portal by script, and a sandbox portal."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import msgspec

from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.keyset import Listing
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app, settings
from connectors.sandbox.runner import serving
from tests.connectors.hands import Hands

WEBHOOK = "https://portal.example/rest/1/w3bh00kc0de/"
CODE = "w3bh00kc0de"
TIME = {
    "start": 1787220000.101,
    "finish": 1787220000.211,
    "duration": 0.11,
    "processing": 0.068,
    "operating": 0.31,
    "operating_reset_at": 1787220600,
}


@dataclass(frozen=True)
class Call:
    """A request as the portal sees it; `method` as in its path, `version` 2 or 3."""

    method: str
    body: Any
    version: int
    host: str
    headers: Mapping[str, str]

    @property
    def commands(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.body["cmd"]
        return found


Answer = httpx.Response | Mapping[str, Any]


@dataclass
class Script:
    """A portal that answers by a function: a response, or the body of a good one."""

    answer: Callable[[Call], Answer]
    calls: list[Call] = field(default_factory=list)
    hands: Hands = field(default_factory=Hands)

    def connector(self, **config: Any) -> Bitrix24:
        parsed = Bitrix24.Config.model_validate({"webhook": WEBHOOK, **config})
        return Bitrix24(parsed, self.hands.wire(httpx.MockTransport(self._handle)))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.split("/")
        call = Call(
            method=path[-1],
            body=json.loads(request.content),
            version=3 if "api" in path else 2,
            host=request.url.host,
            headers=request.headers,
        )
        self.calls.append(call)
        answer = self.answer(call)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def good(result: Any, **time: Any) -> dict[str, Any]:
    return {"result": result, "time": {**TIME, **time}}


def bad(status: int, code: Any, text: str = "") -> httpx.Response:
    return httpx.Response(status, json={"error": code, "error_description": text})


def batched(
    results: Any, errors: Any = (), duration: float = 0.11, operating: float = 0.31
) -> dict[str, Any]:
    """An answer to a batch; empty maps are lists there."""
    body = {
        "result": results or [],
        "result_error": errors or [],
        "result_total": [],
        "result_next": [],
        "result_time": {name: {**TIME, "operating": operating} for name in results} or [],
    }
    return good(body, duration=duration)


@dataclass
class Sandbox:
    """A running sandbox portal: at `base`, or behind a `transport` of its own."""

    options: SandboxOptions
    base: str
    hands: Hands = field(default_factory=Hands)
    made: list[Bitrix24] = field(default_factory=list)
    transport: httpx.BaseTransport | None = None

    @cached_property
    def http(self) -> httpx.Client:
        # It keeps no connection open, so nobody has to close it.
        alone = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.base, transport=self.transport, limits=alone)

    def connector(self, **config: Any) -> Bitrix24:
        parsed = Bitrix24.Config.model_validate({**settings(self.options, self.base), **config})
        self.made.append(Bitrix24(parsed, self.hands.wire(self.transport)))
        return self.made[-1]

    def records(self, stream: str, query: str = "") -> list[dict[str, Any]]:
        """What a right connector must hold."""
        answer = self.http.get(f"/_sandbox/records/{stream}{query}").raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def edit(self, stream: str, record_id: str, change: Mapping[str, Any]) -> str:
        route = f"/_sandbox/records/{stream}/{record_id}"
        return str(self.http.post(route, json=change).raise_for_status().json()["id"])

    def faults(self, *plan: Mapping[str, Any]) -> None:
        self.http.put("/_sandbox/faults", json=list(plan)).raise_for_status()

    def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """As another client of the portal."""
        webhook = settings(self.options, self.base)["webhook"]
        answer = self.http.post(f"{webhook}{method}", json=params).raise_for_status()
        return answer.json()["result"]

    def requests(self) -> int:
        return int(self.http.get("/_sandbox/log/summary").json()["requests"])

    def log(self) -> list[dict[str, Any]]:
        answer = self.http.get("/_sandbox/log")
        return [json.loads(line) for line in answer.text.splitlines()]


@contextmanager
def sandbox(**options: Any) -> Iterator[Sandbox]:
    chosen = SandboxOptions(**{"records": 200, "limit": "off", **options})
    with serving(create_app(chosen)) as base:
        running = Sandbox(chosen, base)
        try:
            yield running
        finally:
            for connector in running.made:
                connector.close()


LEAD: dict[str, Any] = {
    "id": 501,
    "title": "Lead 501",
    "stageId": "IN_PROCESS",
    "stageSemanticId": "P",
    "opportunity": 1500,
    "currencyId": "EUR",
    "sourceId": "ADVERTISING",
    "utmSource": "google",
    "utmMedium": "cpc",
    "utmCampaign": "brand_q3",
    "utmContent": None,
    "utmTerm": "",
    "createdTime": "2026-08-18T09:12:05+03:00",
    "updatedTime": "2026-08-20T12:55:31+03:00",
    "movedTime": "2026-08-19T10:00:00+03:00",
    "dateClosed": None,
    "assignedById": 7,
    "contactId": 0,
}
DEAL = LEAD | {
    "id": 1202,
    "categoryId": 9,
    "stageId": "C9:WON",
    "stageSemanticId": "S",
    "opportunity": 12500.5,
    "closedate": "2026-08-08T03:00:00+03:00",
    "contactId": 31,
    "leadId": 501,
    "isRecurring": "N",
}


def one(listing: Listing[Any, Any], row: Mapping[str, Any]) -> Any:
    """The record of a row; what refused it, as text."""
    holder = {listing.holder: [row]} if listing.holder else [row]
    found = listing.page(msgspec.Raw(msgspec.json.encode(holder)))
    return found.refused[0].reason if found.refused else found.records[0]
