"""A sandbox that runs on a port: its control routes, and the connectors made for it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import msgspec

from connectors.http import Wire
from connectors.models import Record, Stream
from connectors.port import Connector, Window
from connectors.port import read as read_stream
from tests.connectors.hands import Hands
from tests.connectors.openapi import Recording

WHOLE = Window()


@dataclass
class Running(ABC):
    """`seen` are the requests of the connectors that were made."""

    base: str
    hands: Hands = field(default_factory=Hands)
    made: list[Connector[Any]] = field(default_factory=list)
    seen: Recording = field(default_factory=lambda: Recording(httpx.HTTPTransport()))

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """How to connect to it."""

    @cached_property
    def http(self) -> httpx.Client:
        # It keeps no connection open, so nobody has to close it.
        alone = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.base, limits=alone)

    def made_of(self, tool: type[Connector[Any]], wire: Wire | None = None, **config: Any) -> Any:
        parsed = tool.Config.model_validate({**self.settings(), **config})
        self.made.append(tool(parsed, wire or self.hands.wire(self.seen)))
        return self.made[-1]

    def close(self) -> None:
        for each in self.made:
            each.close()

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

    def methods(self) -> dict[str, int]:
        found: dict[str, int] = self.http.get("/_sandbox/log/summary").json()["methods"]
        return found

    def requests(self) -> int:
        return int(self.http.get("/_sandbox/log/summary").json()["requests"])


def everything(connector: Connector[Any], stream: Stream, window: Window = WHOLE) -> list[Record]:
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
