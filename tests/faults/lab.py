"""A world for random schedules: a portal that people edit and that fails, a worker that dies, and
what must be true when the faults stop and one clean run follows."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from sqlmodel import col, select

from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app
from connectors.models import Stream, Task
from sync.merge import DEFAULTS, Contract, TaskField
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.store import outbox
from sync.store.database import Database
from sync.store.outbox import Intention
from sync.store.runs import LEASE
from sync.tables.outbox import Operation, OutboxState
from sync.tables.runs import PUSH, Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import Hands, Sandbox
from tests.faults.fuse import Fuse, FusedDatabase, FusedTransport, Killed
from tests.faults.in_process import NOWHERE, InProcess
from tests.faults.two_sides import DUE, TEXT, TwoSides
from tests.portal import CUSTOM, NOW, QUALIFIED, Clock, Mirrored, store_connection

DEALS = 12
# Of Bitrix24: one portal with both ways of making a task, one that has only the older.
SCOPES = {
    3: ("crm", "task", "tasks", "user_brief", "userfieldconfig", "im"),
    2: ("crm", "task", "user_brief", "userfieldconfig", "im"),
}
MOST_ROUNDS = 40
DONE = (RunStatus.SUCCEEDED, RunStatus.INCOMPLETE)


class World:
    """`rest` is the newest REST version that the portal offers. Worlds follow each other in one
    file of `database`, whose engine remembers how statements are compiled."""

    def __init__(
        self,
        database: Database,
        seed: int,
        rest: int,
        contracts: Mapping[TaskField, Contract] = DEFAULTS,
    ) -> None:
        options = SandboxOptions(
            records=DEALS, seed=seed, limit="off", scopes=SCOPES[rest], start_at=NOW, frozen=True
        )
        self.transport = InProcess(create_app(options))
        self.portal = Sandbox(options, NOWHERE, transport=self.transport)
        self.database = database
        self.clock = Clock()
        self.connection_id = store_connection(database, self.portal)
        self.meaning = self.portal.connector().config.task_statuses
        self.sides = TwoSides(database, self.portal, self.connection_id, self.meaning)
        self.sides.begin(contracts)
        self.keys: list[str] = []
        self.comments: Counter[str] = Counter()
        self.kills = 0

    def end(self) -> None:
        self.portal.http.close()
        self.transport.end()

    # What people do in the portal.

    def change_a_deal(self, number: int, amount: int) -> None:
        ids = sorted(record["id"] for record in self.portal.records("deals"))
        if ids:
            change = {"set": {"opportunity": amount}}
            self.portal.edit("deals", ids[number % len(ids)], change)

    def add_a_deal(self, number: int) -> None:
        self.portal.edit("deals", "new", {"set": {"title": f"Affaire {number}"}})

    def delete_a_deal(self, number: int) -> None:
        ids = sorted(record["id"] for record in self.portal.records("deals"))
        if ids:
            self.portal.edit("deals", ids[number % len(ids)], {"delete": True})

    def edit_a_task(self, number: int, name: TaskField, *, here: bool) -> None:
        if self.keys:
            key = self.keys[number % len(self.keys)]
            if here:
                self.sides.edit_here(key, name, number, self.clock.now())
            else:
                self.sides.edit_there(key, name, number)

    def delete_a_task(self, number: int) -> None:
        if self.keys:
            self.sides.delete_there(self.keys[number % len(self.keys)])

    # What is intended here.

    def plan_a_task(self) -> None:
        key = f"D-{len(self.keys)}:designer"
        task = Task(
            key=key,
            title=f"Travail {len(self.keys)}",
            description=TEXT,
            owner="7",
            due_at=DUE,
        )
        self.keys.append(key)
        self.sides.add(key, task.title)
        self._intend(key, Operation.CREATE_TASK, key, msgspec.to_builtins(task))

    def comment_on_a_task(self, number: int) -> None:
        if self.keys:
            subject = self.keys[number % len(self.keys)]
            self.comments[subject] += 1
            key = f"{subject}:note-{self.comments[subject]}"
            self._intend(key, Operation.COMMENT, subject, {"text": "Rappel"})

    def _intend(self, key: str, operation: Operation, subject: str, payload: Any) -> None:
        write = Intention(key, self.connection_id, operation, subject, payload, because=[])
        with self.database.writing() as session:
            outbox.intend(session, [write], self.clock.now())

    # What workers do.

    def wait(self, by: timedelta) -> None:
        self.clock.advance(by)
        moment = {"now": self.clock.moment.isoformat(), "running": False}
        self.portal.http.put("/_sandbox/clock", json=moment).raise_for_status()

    def work(self, stream: str, mode: Mode, killed_at: int | None) -> RunStatus | None:
        """One slice of a run, by a worker that dies at a point, or not; None when it died."""
        fuse = Fuse(killed_at or 10**9)
        database = FusedDatabase.sharing(self.database, fuse)
        mirrored = Mirrored(database, self.portal, self.connection_id, self.clock)
        plain = self.portal.connector(fields=CUSTOM, qualified_stages=[QUALIFIED])
        transport = FusedTransport(fuse, inner=self.transport)
        connector = Bitrix24(plain.config, Hands().wire(transport))
        try:
            run_id = mirrored.queue(stream, mode)
            lease = mirrored.take_if_free(run_id)
            status = None if lease is None else mirrored.work(run_id, connector, lease)
            if stream == Stream.TASKS and status in DONE:
                with database.writing() as session:
                    now = Now(self.clock.now(), self.clock.now())
                    reconcile_tasks(session, self.connection_id, self.meaning, now)
            return status
        except Killed:
            self.kills += 1
            return None
        finally:
            connector.close()
            plain.close()

    # What must be true in the end.

    def settle(self) -> None:
        """Faults stop; workers go on until nothing is left to do."""
        self.portal.faults()
        self._finish(Stream.DEALS, Mode.FULL)
        for _ in range(MOST_ROUNDS):
            self._finish(PUSH, Mode.PUSH)
            self._finish(Stream.TASKS, Mode.FULL)
            with self.database.reading() as session:
                if not outbox.has_unsent(session, self.connection_id):
                    return
        raise AssertionError("there is always something left to send")

    def _finish(self, stream: str, mode: Mode) -> None:
        for _ in range(MOST_ROUNDS):
            self.wait(LEASE * 4 + timedelta(minutes=11))
            status = self.work(stream, mode, None)
            if status in DONE and self._was(stream, mode):
                return
        raise AssertionError(f"{stream} does not come to an end")

    def _was(self, stream: str, mode: Mode) -> bool:
        """Whether the last run was of this mode, not one that was under way before."""
        with self.database.reading() as session:
            last = session.exec(
                select(Run).where(Run.stream == stream).order_by(col(Run.id).desc())
            ).first()
        return last is not None and last.mode is mode and last.status is RunStatus.SUCCEEDED

    def check(self) -> None:
        """Nothing lost, nothing doubled."""
        mirrored = Mirrored(self.database, self.portal, self.connection_id, self.clock)
        assert mirrored.records(Stream.DEALS) == mirrored.truth(Stream.DEALS)
        assert mirrored.records(Stream.TASKS) == mirrored.truth(Stream.TASKS)
        with self.database.reading() as session:
            rows = outbox.outbox_rows(session, self.connection_id)
        stuck = [row for row in rows if row.state not in (OutboxState.DONE, OutboxState.SUPERSEDED)]
        assert {row.subject for row in stuck} <= self.sides.deleted, _told(stuck)
        wanted = {"start": -1, "select": ["ID", "XML_ID", "CHAT_ID"]}
        tasks = self.portal.call("tasks.task.list", wanted)["tasks"]
        assert sorted(task["xmlId"] for task in tasks) == sorted({*self.keys} - self.sides.deleted)
        for task in tasks:
            assert self._notes(task["id"]) == {
                f"[rr:{task['xmlId']}:note-{number}]": 1
                for number in range(1, self.comments[task["xmlId"]] + 1)
            }
        self.sides.check(self.keys)

    def _notes(self, task_id: str) -> Mapping[str, int]:
        wanted = {"taskId": task_id, "select": ["ID", "CHAT_ID"]}
        chat = self.portal.call("tasks.task.get", wanted)["task"]["chatId"]
        said = self.portal.call("im.dialog.messages.get", {"DIALOG_ID": f"chat{chat}", "LIMIT": 50})
        last = (one["text"].splitlines()[-1] for one in said["messages"] if one["text"])
        return Counter(line for line in last if line.startswith("[rr:"))


def _told(rows: Any) -> list[tuple[str, str, Any]]:
    return [(row.key, row.state, row.error) for row in rows]
