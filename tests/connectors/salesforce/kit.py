"""What the tests of this connector share: a running sandbox account, and every request checked."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import msgspec

from connectors.models import Record, Stream
from connectors.port import Window
from connectors.port import read as read_stream
from connectors.salesforce.connector import Salesforce
from connectors.salesforce.sandbox import SandboxOptions, create_app, settings
from connectors.sandbox.runner import serving
from tests.connectors.bitrix24.kit import Hands
from tests.connectors.openapi import Recording


@dataclass
class Sandbox:
    """A running account; `seen` are the requests of its connectors."""

    options: SandboxOptions
    base: str
    hands: Hands = field(default_factory=Hands)
    made: list[Salesforce] = field(default_factory=list)
    seen: Recording = field(default_factory=lambda: Recording(httpx.HTTPTransport()))

    @cached_property
    def http(self) -> httpx.Client:
        # It keeps no connection open, so nobody has to close it.
        alone = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.base, limits=alone)

    def connector(self, **config: Any) -> Salesforce:
        parsed = Salesforce.Config.model_validate({**settings(self.options, self.base), **config})
        self.made.append(Salesforce(parsed, self.hands.wire(self.seen)))
        return self.made[-1]

    def truth(self, stream: str, query: str = "") -> dict[str, dict[str, Any]]:
        """What a right connector must hold, by id."""
        answer = self.http.get(f"/_sandbox/records/{stream}{query}").raise_for_status()
        return {one["id"]: one for one in map(json.loads, answer.text.splitlines())}

    def edit(self, stream: str, record_id: str, change: Mapping[str, Any]) -> str:
        route = f"/_sandbox/records/{stream}/{record_id}"
        return str(self.http.post(route, json=change).raise_for_status().json()["id"])

    def faults(self, *plan: Mapping[str, Any]) -> None:
        self.http.put("/_sandbox/faults", json=list(plan)).raise_for_status()

    def at(self, moment: str) -> None:
        body = {"now": moment, "running": False}
        self.http.put("/_sandbox/clock", json=body).raise_for_status()

    def call(self, verb: str, path: str, **given: Any) -> httpx.Response:
        """As another client of the account."""
        key = settings(self.options, self.base)["token"]
        return self.http.request(verb, path, headers={"Authorization": f"Bearer {key}"}, **given)

    def methods(self) -> dict[str, int]:
        found: dict[str, int] = self.http.get("/_sandbox/log/summary").json()["methods"]
        return found

    def requests(self) -> int:
        return int(self.http.get("/_sandbox/log/summary").json()["requests"])


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


def everything(connector: Salesforce, stream: Stream, window: Window = Window()) -> list[Record]:  # noqa: B008
    """All shares of a stream; nothing may be set aside."""
    found: list[Record] = []
    for share in connector.partitions(stream, window):
        for page in read_stream(connector, stream, window, share):
            assert not page.refused, page.refused[0].reason
            found += page.records
    return found


def plain(record: Record) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(record)
    return values


def like(record: Record, truth: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that the truth tells too."""
    values = plain(record)
    return {name: values[name] for name in truth}
