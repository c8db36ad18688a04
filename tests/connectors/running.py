"""A sandbox that is served for tests of its connector: control routes, connectors, requests."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, Generic, Self, TypeVar

import httpx
import pytest

from connectors.errors import Unavailable
from connectors.models import Record, Stream
from connectors.port import Connector, Page, Window, read
from tests.connectors.hands import Hands, Tokens
from tests.connectors.openapi import Recording

ToolT = TypeVar("ToolT", bound=Connector[Any])


class Running(AbstractContextManager["Running[ToolT]"], Generic[ToolT]):
    """`settings` are those of a connection; `seen` are the requests of the connectors."""

    def __init__(self, tool: type[ToolT], settings: Mapping[str, Any], base: str) -> None:
        self.tool = tool
        self.settings = settings
        self.base = base
        self.hands = Hands()
        self.seen = Recording(httpx.HTTPTransport())
        self._made: list[ToolT] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connector in self._made:
            connector.close()
        self.seen.close()

    @cached_property
    def http(self) -> httpx.Client:
        # It keeps no connection open, so nobody has to close it.
        alone = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.base, limits=alone, trust_env=False)

    def connector(self, **config: Any) -> ToolT:
        return self.app(None, **{**self.settings, **config})

    def app(self, tokens: Tokens | None, **config: Any) -> ToolT:
        """`config` is all that is given to it; an application has no tokens before its consent."""
        parsed = self.tool.Config.model_validate(config)
        self._made.append(self.tool(parsed, self.hands.wire(self.seen, tokens=tokens)))
        return self._made[-1]

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

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.http.get("/_sandbox/log").text.splitlines()]

    def methods(self) -> dict[str, int]:
        found: dict[str, int] = self.http.get("/_sandbox/log/summary").json()["methods"]
        return found

    def requests(self) -> int:
        return int(self.http.get("/_sandbox/log/summary").json()["requests"])


def pages_of(
    connector: Connector[Any],
    stream: Stream,
    window: Window = Window(),  # noqa: B008 - frozen
) -> list[Page[Any]]:
    shares = connector.partitions(stream, window)
    return [page for share in shares for page in read(connector, stream, window, share)]


def everything(
    connector: Connector[Any],
    stream: Stream,
    window: Window = Window(),  # noqa: B008 - frozen
) -> list[Record]:
    """All shares of a stream; nothing may be set aside."""
    found: list[Record] = []
    for page in pages_of(connector, stream, window):
        assert not page.refused, page.refused[0].reason
        found += page.records
    return found


def unavailable(connector: Connector[Any]) -> Unavailable:
    """What a check of the connection ends with, where the tool cannot be reached."""
    with pytest.raises(Unavailable) as refused:
        connector.check()
    return refused.value
