"""A tool from end to end: its sandbox, connect, pull, a pushed decision, and its status back."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from config.settings import load_settings
from connectors.models import ActionStatus, Stream
from connectors.port import readable_streams
from connectors.registry import tools
from connectors.salesforce.portal.ids import numbered
from rules.words import DecisionStatus
from sync.store import connections, links, mirror, outbox, retros
from sync.tables.outbox import LinkKind, OutboxState
from sync.tables.people import PersonId
from sync.tables.retros import Action
from tests.faults.push_case import DESIGNER, TARGET, intentions, plan_behind
from workers.actions import Edit, edit_action
from workers.app import App, open_app
from workers.connecting import connect
from workers.pulling import pull_now, push_now
from workers.rehearsing import dry_run


@dataclass(frozen=True)
class Tool:
    """What differs: how its account is called, who owns tasks there, what is set in a task to say
    that it is done, and how a target is known."""

    kind: str
    account: str
    owner: str
    done: Mapping[str, Any]
    target: str


TOOLS = [
    Tool(
        "hubspot",
        account="HubSpot account 7000001 (developer test)",
        owner="5001",
        done={"hs_task_status": "COMPLETED"},
        target=r"task:\d+",
    ),
    Tool("pipedrive", "Sandbox Ltd (Account A)", owner="22", done={"done": True}, target=r"\d+"),
    Tool(
        "salesforce",
        account="Salesforce org 00DQy000000001FMAQ (Developer Edition, sandbox, EU99)",
        owner=numbered("User", 1),
        done={"Status": "Completed"},
        target=r"a0A\w+",
    ),
]


@dataclass(frozen=True)
class Running:
    """The sandbox as a process, by its control routes."""

    settings: dict[str, str]
    control: httpx.Client

    def truth(self, stream: str) -> dict[str, Any]:
        answer = self.control.get(f"records/{stream}").raise_for_status()
        return {one["id"]: one for one in map(json.loads, answer.text.splitlines())}

    def edit(self, stream: str, record_id: str, **change: Any) -> None:
        self.control.post(f"records/{stream}/{record_id}", json=change).raise_for_status()


@contextmanager
def sandbox(kind: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "workers", "sandbox", kind, "--records", "40", "--json"]
    with subprocess.Popen(
        [*command, "--limit", "off"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            # The line comes just before the port is served.
            transport = httpx.HTTPTransport(retries=8)
            with httpx.Client(
                base_url=f"{line['control']}/", trust_env=False, transport=transport
            ) as control:
                yield Running(line["settings"], control)
        finally:
            process.terminate()


@contextmanager
def opened(home: Path) -> Iterator[App]:
    app = open_app(load_settings({"RETRO_HOME": str(home), "RETRO_ALLOW_PRIVATE_HOSTS": "1"}))
    try:
        yield app
    finally:
        app.close()


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.kind)
def test_a_decision_goes_out_and_its_status_comes_back(tool: Tool, tmp_path: Path) -> None:
    with sandbox(tool.kind) as there, opened(tmp_path / "home") as app:
        connected = connect(app, tool.kind, "portal", there.settings)
        assert connected.account == tool.account
        _pull_whole(app, there, readable_streams(tools()[tool.kind]))
        connection_id = _planned(app, tool.owner)
        with app.database.reading() as session:
            promised = dry_run(app, connections.connection_named(session, "portal"))
        assert promised.status == "succeeded"
        assert there.truth("tasks") == {}
        run = push_now(app, connection_id)
        assert (run.status, run.error) == ("succeeded", None)
        assert run.requests == len(promised.calls)
        task_id = _linked(app, connection_id, LinkKind.TASK, DESIGNER)
        assert there.truth("tasks")[task_id]["key"] == DESIGNER
        assert re.fullmatch(tool.target, _linked(app, connection_id, LinkKind.TARGET, TARGET))
        (pulled,) = pull_now(app, "portal", [Stream.TASKS], full=True)
        assert (pulled.status, pulled.complete) == ("succeeded", True)

        edit_action(app, DESIGNER, Edit(title="Bouton vert"))
        assert push_now(app, connection_id).status == "succeeded"
        assert there.truth("tasks")[task_id]["title"] == "Bouton vert"

        there.edit("tasks", task_id, set=tool.done)
        for _ in range(2):
            (pulled,) = pull_now(app, "portal", [Stream.TASKS], full=True)
            assert pulled.status == "succeeded"
        with app.database.reading() as session:
            assert session.get_one(Action, DESIGNER).status == ActionStatus.DONE
            rows = outbox.outbox_rows(session, connection_id)
        assert {row.state for row in rows} == {OutboxState.DONE}


def _pull_whole(app: App, there: Running, streams: Sequence[Stream]) -> None:
    """All streams complete, with the ids of the tool; and nothing new when it is asked again."""
    runs = pull_now(app, "portal")
    assert [(run.stream, run.status, run.complete) for run in runs] == [
        (stream.value, "succeeded", True) for stream in streams
    ]
    with app.database.reading() as session:
        connection_id = connections.connection_named(session, "portal").id
        assert connection_id is not None
        for stream in streams:
            rows = mirror.iterate_rows(session, stream, connection_id)
            assert {row.id for row in rows} == set(there.truth(stream.value)), stream
    again = pull_now(app, "portal")
    assert {(run.status, run.created, run.updated, run.deleted) for run in again} == {
        ("succeeded", 0, 0, 0)
    }


def _linked(app: App, connection_id: int, kind: LinkKind, key: str) -> str:
    with app.database.reading() as session:
        found = links.linked_id(session, connection_id, kind, key)
    assert found is not None
    return found


def _planned(app: App, owner: str) -> int:
    """A decision with its target and two tasks, and who owns them there."""
    with app.database.writing() as session:
        connection_id = connections.connection_named(session, "portal").id
        assert connection_id is not None
        plan_behind(session, connection_id)
        session.flush()
        session.add(PersonId(person_id="p_mkt", connection_id=connection_id, remote_id=owner))
        wanted = [one for one in intentions(connection_id) if one.operation != "comment"]
        at = datetime.now(UTC)
        outbox.intend(session, [_owned(session, one, owner) for one in wanted], at)
        (decision,) = retros.decisions(session)
        decision.status = DecisionStatus.IN_PROGRESS.value
        decision.details = {
            "id": decision.id,
            "type": decision.type,
            "text": decision.text,
            "accountable": decision.accountable,
            "due_on": decision.due_on.isoformat(),
        }
        session.add(decision)
        return connection_id


def _owned(session: Session, intention: Any, owner: str) -> Any:
    """The action says what its task is planned with."""
    action = session.get(Action, intention.key)
    if action is None:
        return intention
    payload = {**intention.payload, "owner": owner}
    action.title, action.description = payload["title"], payload["description"]
    action.due_at = datetime.fromisoformat(payload["due_at"])
    session.add(action)
    return replace(intention, payload=payload)
