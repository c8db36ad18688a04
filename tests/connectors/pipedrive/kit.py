"""What the tests of this connector share: a company by script, and a sandbox company."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from connectors.models import Record
from connectors.pipedrive.connector import Pipedrive
from connectors.pipedrive.sandbox import SandboxOptions, create_app, settings
from connectors.sandbox.runner import serving
from tests.connectors.hands import Hands
from tests.connectors.pipedrive.described import faults
from tests.connectors.running import Running

COMPANY = "https://acme.example"
TOKEN = "t0k3n" * 8


@dataclass
class Script:
    """A company that answers by a function: a response, or the data of a good one."""

    answer: Callable[[httpx.Request], Any]
    calls: list[httpx.Request] = field(default_factory=list)
    hands: Hands = field(default_factory=Hands)

    def connector(self, *, bulk: bool = False, **config: Any) -> Pipedrive:
        given = {"company": COMPANY, "api_token": TOKEN, **config}
        transport = httpx.MockTransport(self._handle)
        return Pipedrive(
            Pipedrive.Config.model_validate(given), self.hands.wire(transport, bulk=bulk)
        )

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


class Sandbox(Running[Pipedrive]):
    def __init__(self, options: SandboxOptions, base: str) -> None:
        super().__init__(Pipedrive, settings(options, base), base)
        self.options = options

    def call(self, verb: str, path: str, **given: Any) -> httpx.Response:
        """As another client of the company."""
        headers = {"x-api-token": self.settings["api_token"], **given.pop("headers", {})}
        return self.http.request(verb, f"/api/{path}", headers=headers, **given)


@contextmanager
def sandbox(**options: Any) -> Iterator[Sandbox]:
    """Whatever its connectors ask is held to the interface description."""
    chosen = SandboxOptions(**{"records": 60, "limit": "off", **options})
    with serving(create_app(chosen)) as base, Sandbox(chosen, base) as running:
        yield running
        assert {fault for each in running.seen.requests for fault in faults(each)} == set()


def like(record: Record, truth: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that the truth tells too, money with two decimals as there."""
    values = msgspec.to_builtins(record)
    if values.get("amount") is not None:
        values["amount"] = f"{float(values['amount']):.2f}"
    return {name: values[name] for name in truth}
