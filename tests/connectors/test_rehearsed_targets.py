"""A dry run of targets that are made, moved and checked tells the requests that are then sent."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest

from connectors.capabilities import RehearsesWrites, WritesTargets
from connectors.port import Connector
from connectors.registry import shipped_tools
from connectors.rehearsal import Rehearsal
from tests.connectors.bitrix24 import kit as bitrix24
from tests.connectors.hands import Hands
from tests.connectors.hubspot import kit as hubspot
from tests.connectors.pipedrive import kit as pipedrive
from tests.connectors.salesforce import kit as salesforce
from tests.connectors.test_target_forms import TARGET as OWNED

TARGET = msgspec.structs.replace(OWNED, owner=None)
FIRST, SECOND = date(2027, 1, 9), date(2027, 1, 20)
CHANGES = (
    {"moved_from": TARGET.recheck_on, "recheck_on": FIRST},
    {"moved_from": FIRST, "recheck_on": SECOND},
    # Of a plan that had not seen the second.
    {"moved_from": FIRST, "recheck_on": date(2027, 2, 2)},
    {"recheck_on": SECOND, "actual": 0.03},
)
SANDBOXES: dict[str, Callable[[], Any]] = {
    "bitrix24": lambda: bitrix24.sandbox(records=4),
    "hubspot": lambda: hubspot.sandbox(records=4, index_seconds=0),
    "pipedrive": lambda: pipedrive.sandbox(records=4),
    "salesforce": lambda: salesforce.sandbox(records=4),
}


@dataclass
class Noted(httpx.BaseTransport):
    """The bodies of what goes out."""

    inner: httpx.BaseTransport = field(default_factory=httpx.HTTPTransport)
    sent: list[str] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if "/oauth2/" not in request.url.path:
            self.sent.append(request.content.decode())
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@contextmanager
def account(kind: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes connectors of the tool over a transport, each with what it knows forgotten."""
    tool: type[Connector[Any]] = shipped_tools()[kind]
    if kind == "tryton":
        settings = request.getfixturevalue("tryton").settings()
        yield lambda wire: tool(tool.Config.model_validate(settings), Hands().wire(wire))
        return
    with SANDBOXES[kind]() as running:
        config = running.connector().config
        yield lambda wire: tool(config, Hands().wire(wire))


def write(tool: WritesTargets, remote_id: str | None) -> str:
    """Ends one that is there; the stages of one that is not are known to the tool alone."""
    tool.prepare_targets()
    made = tool.create_target(TARGET) if remote_id is None else remote_id
    for change in CHANGES:
        tool.update_target(made, msgspec.structs.replace(TARGET, **change))
    if remote_id is not None:
        tool.update_target(made, msgspec.structs.replace(TARGET, outcome="met"))
    return made


def promised(make: Callable[..., Any], remote_id: str | None) -> tuple[list[str], str]:
    with httpx.HTTPTransport() as network, closing(make(network)) as plain:
        assert isinstance(plain, RehearsesWrites)
        wire = Rehearsal(network, plain.rehearsal(), lambda: None)
        with closing(make(wire)) as connector:
            made = write(connector, remote_id)
    return [call.body for call in wire.calls], made


def sent(make: Callable[..., Any], remote_id: str | None) -> tuple[list[str], str]:
    wire = Noted()
    with closing(make(wire)) as connector:
        made = write(connector, remote_id)
    return wire.sent, made


WRITERS = [
    pytest.param(kind, marks=[pytest.mark.real] if kind == "tryton" else [])
    for kind, tool in shipped_tools().items()
    if issubclass(tool, WritesTargets)
]


@pytest.mark.promise("G13")
@pytest.mark.parametrize("kind", WRITERS)
def test_targets_that_are_made_and_moved_are_sent_as_promised(
    kind: str, request: pytest.FixtureRequest
) -> None:
    with account(kind, request) as make:
        with closing(make(httpx.HTTPTransport())) as connector:
            connector.prepare_targets()
        told, stand_in = promised(make, None)
        real, made = sent(make, None)
        ours, theirs = (each.rpartition(":")[2] for each in (stand_in, made))
        assert [body.replace(ours, theirs) for body in told] == real
        # People set the day back, and all is told once more.
        with closing(make(httpx.HTTPTransport())) as connector:
            back = {"moved_from": SECOND, "recheck_on": TARGET.recheck_on}
            connector.update_target(made, msgspec.structs.replace(TARGET, **back))
        assert promised(make, made) == sent(make, made)


def test_every_move_but_the_late_one_is_among_them(request: pytest.FixtureRequest) -> None:
    """So that the same is not two times nothing."""
    with account("pipedrive", request) as make:
        told, _ = promised(make, None)
    moves = [json.loads(body) for body in told if body.startswith('{"due_date"')]
    assert moves == [{"due_date": "2027-01-09"}, {"due_date": "2027-01-20"}]
