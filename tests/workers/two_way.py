"""One decision with two tasks in a sandbox portal, edited on both sides."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import Session

from config.settings import load_settings
from connectors.models import Stream
from connectors.port import HookEvent
from rules.words import DecisionStatus
from sync.merge import Contract, TaskField
from sync.store import agreements, connections, hooks, links, outbox, retros
from sync.tables.agreements import Conflict
from sync.tables.connections import Connection
from sync.tables.outbox import LinkKind, Outbox
from sync.tables.people import Person, PersonId
from sync.tables.retros import Action, Decision
from sync.tables.runs import Run
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.push_case import COPYWRITER, DESIGNER, intentions, plan_behind
from tests.workers.cli.kit import webhook_of
from workers.actions import Edit, edit_action
from workers.app import App, open_app
from workers.connecting import connect
from workers.hooks import apply_hint
from workers.pulling import pull_now, push_now
from workers.undoing import undo_now

AN_HOUR = timedelta(hours=1)
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
# Accounts of the portal, and who they are here.
NADIA, LEO, STRANGER = "7", "8", "9"


@dataclass
class TwoWay:
    """`now` is the clock of the portal, and business time here: both go by one second an edit."""

    app: App
    portal: Sandbox
    connection_id: int
    now: datetime = START
    hints: int = 0

    def pass_time(self, by: timedelta = timedelta(seconds=1)) -> None:
        self.now += by
        body = {"now": self.now.isoformat(), "running": False}
        httpx.put(f"{self.portal.base}/_sandbox/clock", json=body).raise_for_status()

    def edit_there(self, key: str = DESIGNER, **fields: Any) -> None:
        """As a user of the portal."""
        self.pass_time()
        self.portal.edit("tasks", self.task_id(key), {"set": fields})

    def delete_there(self, key: str = DESIGNER) -> None:
        self.pass_time()
        self.portal.edit("tasks", self.task_id(key), {"delete": True})

    def edit_here(self, key: str = DESIGNER, **fields: Any) -> None:
        self.pass_time()
        edit_action(self.app, key, Edit(**fields))

    def pull(self) -> None:
        for run in pull_now(self.app, "portal", [Stream.TASKS], full=True):
            assert run.status == "succeeded", run.error

    def hook(self, key: str = DESIGNER) -> None:
        """The portal reports that the task changed."""
        self.hints += 1
        event = HookEvent(Stream.TASKS, [self.task_id(key)], dedupe=f"hint-{self.hints}")
        with self.app.database.writing() as session:
            stored = hooks.store_hint(session, self.connection_id, event, self.now)
        assert stored is not None
        apply_hint(self.app, stored)

    def push(self) -> Run:
        return push_now(self.app, self.connection_id)

    def sync(self) -> None:
        self.pull()
        self.push()
        self.pull()

    def take_back(self, key: str = DESIGNER) -> None:
        """Undo the push that made the task."""
        with self.app.database.reading() as session:
            made_by = session.get_one(Outbox, key).run_id
        assert made_by is not None
        undo_now(self.app, made_by)

    def contract(self, name: TaskField, contract: Contract) -> None:
        with self.app.database.writing() as session:
            agreements.set_contract(session, self.connection_id, name, contract)

    def connection(self) -> Connection:
        with self.app.database.reading() as session:
            return connections.connection_with(session, self.connection_id)

    def task_id(self, key: str = DESIGNER) -> str:
        with self.app.database.reading() as session:
            found = links.linked_id(session, self.connection_id, LinkKind.TASK, key)
        assert found is not None
        return found

    def task(self, key: str = DESIGNER) -> dict[str, Any]:
        """As the portal holds it."""
        select = ["ID", "TITLE", "DESCRIPTION", "STATUS", "RESPONSIBLE_ID", "DEADLINE"]
        wanted = {"taskId": self.task_id(key), "select": select}
        found: dict[str, Any] = self.portal.call("tasks.task.get", wanted)["task"]
        return found

    def action(self, key: str = DESIGNER) -> Action:
        with self.app.database.reading() as session:
            return session.get_one(Action, key)

    def decision(self) -> Decision:
        with self.app.database.reading() as session:
            (found,) = retros.decisions(session)
            return found

    def conflicts(self, *, only_open: bool = True) -> list[Conflict]:
        with self.app.database.reading() as session:
            return list(agreements.all_conflicts(session, only_open=only_open))

    def changes(self) -> list[Outbox]:
        """Writes that change a task."""
        with self.app.database.reading() as session:
            rows = outbox.outbox_rows(session, self.connection_id)
            return [row for row in rows if row.operation in agreements.CHANGES]


@dataclass
class PortalClock:
    """Business time is the portal's."""

    two_way: TwoWay | None = None

    def now(self) -> datetime:
        return self.two_way.now if self.two_way else START


@contextmanager
def two_way(home: Path, *, read_back: bool = True, **more: str) -> Iterator[TwoWay]:
    """Both tasks are in the portal, and read back unless that is left out. `more` are settings."""
    settings = {"RETRO_HOME": str(home), "RETRO_ALLOW_PRIVATE_HOSTS": "1", **more}
    clock = PortalClock()
    with sandbox(seed=5, records=20) as portal:
        app = replace(open_app(load_settings(settings)), clock=clock)
        connect(app, "bitrix24", "portal", {"webhook": webhook_of(portal)})
        with app.database.writing() as session:
            row = connections.connection_named(session, "portal")
            assert row.id is not None
            plan_behind(session, row.id)
            session.add(Person(id="p_des", name="Léo Exemple", role="marketer"))
            session.flush()
            for person, account in (("p_mkt", NADIA), ("p_des", LEO)):
                session.add(PersonId(person_id=person, connection_id=row.id, remote_id=account))
            _as_planned(session, row.id)
        made = TwoWay(app, portal, row.id)
        clock.two_way = made
        made.pass_time()
        try:
            made.push()
            if read_back:
                made.pull()
            yield made
        finally:
            app.close()


def _as_planned(session: Session, connection_id: int) -> None:
    """The actions say what their tasks were planned with."""
    wanted = [each for each in intentions(connection_id) if each.key in (DESIGNER, COPYWRITER)]
    for each in wanted:
        action = session.get_one(Action, each.key)
        action.title, action.description = each.payload["title"], each.payload["description"]
        action.due_at = datetime.fromisoformat(each.payload["due_at"])
        session.add(action)
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
    unbound = [replace(each, payload={**each.payload, "bind_targets": []}) for each in wanted]
    outbox.intend(session, unbound, START)
