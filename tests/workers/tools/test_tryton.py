"""Tryton from end to end: a real server, connect, pull, a pushed decision, and its status back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from config.settings import load_settings
from connectors.models import ActionStatus, Stream
from connectors.port import readable_streams
from connectors.tryton.connector import Tryton
from rules.words import DecisionStatus
from sync.store import connections, links, mirror, outbox, retros
from sync.tables.outbox import LinkKind, OutboxState
from sync.tables.people import PersonId
from sync.tables.retros import Action
from tests.connectors.tryton.server import Server
from tests.faults.push_case import DESIGNER, TARGET, intentions, plan_behind
from workers.actions import Edit, edit_action
from workers.app import App, open_app
from workers.connecting import connect
from workers.pulling import pull_now, push_now
from workers.rehearsing import dry_run

pytestmark = pytest.mark.real
OWNER = "1"


@contextmanager
def opened(home: Path) -> Iterator[App]:
    app = open_app(load_settings({"RETRO_HOME": str(home), "RETRO_ALLOW_PRIVATE_HOSTS": "1"}))
    try:
        yield app
    finally:
        app.close()


def test_a_decision_goes_out_and_its_status_comes_back(
    tryton: Server,
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "home") as app:
        connected = connect(app, "tryton", "erp", tryton.settings(project="1"))
        assert connected.account == f"{tryton.base.removeprefix('http://')}/retro"
        _pull_whole(app, tryton)
        connection_id = _planned(app)
        tasks = len(tryton.read("project.work", [], ["id"]))
        with app.database.reading() as session:
            promised = dry_run(app, connections.connection_named(session, "erp"))
        assert promised.status == "succeeded"
        assert len(tryton.read("project.work", [], ["id"])) == tasks

        run = push_now(app, connection_id)
        assert (run.status, run.error) == ("succeeded", None)
        assert run.requests == len(promised.calls)
        task_id = _linked(app, connection_id, LinkKind.TASK, DESIGNER)
        assert f"[retro-roi:{DESIGNER}]" in _work(tryton, task_id)["comment"]
        assert _work(tryton, _linked(app, connection_id, LinkKind.TARGET, TARGET))
        (pulled,) = pull_now(app, "erp", [Stream.TASKS], full=True)
        assert (pulled.status, pulled.complete) == ("succeeded", True)

        edit_action(app, DESIGNER, Edit(title="Bouton vert"))
        assert push_now(app, connection_id).status == "succeeded"
        assert _work(tryton, task_id)["name"] == "Bouton vert"

        done = {"status": 2, "progress": 1.0}
        tryton.admin("project.work.write", [int(task_id)], done)
        for _ in range(2):
            (pulled,) = pull_now(app, "erp", [Stream.TASKS], full=True)
            assert pulled.status == "succeeded"
        with app.database.reading() as session:
            assert session.get_one(Action, DESIGNER).status == ActionStatus.DONE
            rows = outbox.outbox_rows(session, connection_id)
        assert {row.state for row in rows} == {OutboxState.DONE}


def _pull_whole(app: App, tryton: Server) -> None:
    """All streams complete, with the ids of the tool; and nothing new when it is asked again."""
    streams = readable_streams(Tryton)
    assert len(streams) == 7
    runs = pull_now(app, "erp")
    assert [(run.stream, run.status, run.complete) for run in runs] == [
        (stream.value, "succeeded", True) for stream in streams
    ]
    every = ["active", "in", [True, False]]
    truth = {
        Stream.PEOPLE: _ids(tryton, "company.employee", []),
        Stream.CONTACTS: _ids(tryton, "party.party", [every]),
        Stream.LEADS: _ids(tryton, "sale.opportunity", []),
    }
    with app.database.reading() as session:
        connection_id = connections.connection_named(session, "erp").id
        assert connection_id is not None
        for stream, ids in truth.items():
            rows = mirror.iterate_rows(session, stream, connection_id)
            assert {row.id for row in rows} == ids, stream
    again = pull_now(app, "erp")
    assert {(run.status, run.created, run.updated, run.deleted) for run in again} == {
        ("succeeded", 0, 0, 0)
    }


def _ids(tryton: Server, model: str, domain: list[Any]) -> set[str]:
    return {str(row["id"]) for row in tryton.read(model, domain, ["id"])}


def _work(tryton: Server, remote_id: str) -> dict[str, Any]:
    (row,) = tryton.read("project.work", [["id", "=", int(remote_id)]], ["name", "comment"])
    return row


def _linked(app: App, connection_id: int, kind: LinkKind, key: str) -> str:
    with app.database.reading() as session:
        found = links.linked_id(session, connection_id, kind, key)
    assert found is not None
    return found


def _planned(app: App) -> int:
    """A decision with its target and two tasks, and who owns them there."""
    with app.database.writing() as session:
        connection_id = connections.connection_named(session, "erp").id
        assert connection_id is not None
        plan_behind(session, connection_id)
        session.flush()
        session.add(PersonId(person_id="p_mkt", connection_id=connection_id, remote_id=OWNER))
        outbox.intend(
            session, [_owned(session, one) for one in intentions(connection_id)], datetime.now(UTC)
        )
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


def _owned(session: Session, intention: Any) -> Any:
    """The action says what its task is planned with."""
    action = session.get(Action, intention.key)
    if action is None:
        return intention
    payload = {**intention.payload, "owner": OWNER}
    action.title, action.description = payload["title"], payload["description"]
    action.due_at = datetime.fromisoformat(payload["due_at"])
    session.add(action)
    return replace(intention, payload=payload)
