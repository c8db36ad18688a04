"""An account in a sandbox: its ASGI app without sockets, and its control routes."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from connectors.models import Stream
from connectors.sandbox.asgi import App
from connectors.sandbox.knobs import Knobs
from tests.connectors.conformance.case import Account, Json
from tests.faults.in_process import NOWHERE, InProcess
from tests.mirror import NOW

Make = Callable[[Knobs, str], tuple[App, dict[str, Any]]]


class Sandboxed:
    """Its clock stands still, at the moment where the mirror's own begins."""

    def __init__(
        self, app: App, settings: Mapping[str, Any], published: Mapping[str, Any] | None = None
    ) -> None:
        self.settings = settings
        self.published = published or settings
        self.transport = InProcess(app)
        self.http = httpx.Client(base_url=NOWHERE, transport=self.transport)
        self.set_clock(NOW)

    def edit(self, stream: str, record_id: str, change: Json) -> str:
        answer = self.http.post(f"/_sandbox/records/{stream}/{record_id}", json=change)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def truth(self, stream: Stream, query: str = "") -> list[Json]:
        answer = self.http.get(f"/_sandbox/records/{stream}{query}").raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def set_clock(self, moment: datetime) -> None:
        state = {"now": moment.isoformat(), "running": False}
        self.http.put("/_sandbox/clock", json=state).raise_for_status()

    def log(self) -> list[Json]:
        return [json.loads(line) for line in self.http.get("/_sandbox/log").text.splitlines()]

    def end(self) -> None:
        self.http.close()
        self.transport.end()


def make_fields(account: Account, stream: Stream, names: Sequence[str]) -> None:
    """Custom fields of texts, which sandboxes make as records of `properties`."""
    assert isinstance(account, Sandboxed)
    account.edit("properties", stream, {"set": dict.fromkeys(names, "plain")})


def sandboxed(make: Make, records: int = 0) -> Callable[[], Sandboxed]:
    """Without limits, so that none of its refusals is by chance; the published ones are known
    from another of its kind."""

    def opened() -> Sandboxed:
        app, told = make(Knobs(records=records, limit="off"), NOWHERE)
        _, published = make(Knobs(records=records, limit="published"), NOWHERE)
        return Sandboxed(app, told["settings"], published["settings"])

    return opened
