"""One connection for random schedules: what people do on both sides, and what must be true when the
faults stop and clean runs follow."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
from sqlmodel import col, select

from connectors.models import Stream, Task
from sync.merge import Contract, TaskField
from sync.reconcile_tasks import Now
from sync.settling import CannotSettle, settle
from sync.store import agreements, by_hand, outbox, undone
from sync.store.database import Database
from sync.store.outbox import Intention
from sync.tables.agreements import WHOLE_TASK, Outcome
from sync.tables.outbox import Operation, Outbox, OutboxState
from sync.tables.runs import PUSH, Run
from sync.undoing import plan_undo, withhold_edits
from tests.connectors.bitrix24.kit import Sandbox
from tests.faults.two_sides import DUE, TEXT, TwoSides
from tests.portal import ENDED, Clock, Mirrored

DEALS = 12
UNSENT = (OutboxState.PLANNED, OutboxState.SENDING, OutboxState.STAMPING)
# Of Bitrix24: one portal with both ways of making a task, one that has only the older.
SCOPES = {
    3: ("crm", "task", "tasks", "user_brief", "userfieldconfig", "im"),
    2: ("crm", "task", "user_brief", "userfieldconfig", "im"),
}


@dataclass
class World:
    """`name` tells what it puts into a database that it shares with others. `redone` are tasks of
    which a write was taken back, tried again, or made again: comments of them may be gone."""

    database: Database
    portal: Sandbox
    connection_id: int
    name: str = "D"
    clock: Clock = field(default_factory=Clock)
    keys: list[str] = field(default_factory=list)
    comments: Counter[str] = field(default_factory=Counter)
    redone: set[str] = field(default_factory=set)
    met: Counter[str] = field(default_factory=Counter)

    @cached_property
    def mirrored(self) -> Mirrored:
        return Mirrored(self.database, self.portal, self.connection_id, self.clock)

    @cached_property
    def sides(self) -> TwoSides:
        meaning = self.portal.connector().config.task_statuses
        return TwoSides(self.database, self.portal, self.connection_id, meaning, self.name)

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
        key = f"{self.name}-{len(self.keys)}:designer"
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

    def change_a_contract(self, name: TaskField, contract: Contract) -> None:
        self.sides.agree({name: contract})

    def settle_a_conflict(self, number: int, outcome: Outcome) -> None:
        """One of those that wait for a person; some have to be read first."""
        with self.database.reading() as session:
            waiting = agreements.all_conflicts(session, self.connection_id)
        if waiting:
            chosen = waiting[number % len(waiting)]
            assert chosen.id is not None
            now, meaning = Now(self.clock.now(), self.clock.now()), self.sides.meaning
            with suppress(CannotSettle), self.database.writing() as session:
                settle(session, chosen.id, outcome, meaning, now)
                self.met["conflicts settled"] += 1
                if chosen.field == WHOLE_TASK and outcome is Outcome.OURS:
                    self._made_again(chosen.action_key)

    def undo_a_push(self, number: int) -> None:
        """What one of the pushes that ended wrote is to be taken back by the next one."""
        with self.database.writing() as session:
            ended = select(Run.id).where(
                Run.connection_id == self.connection_id,
                Run.stream == PUSH,
                col(Run.status).in_(ENDED),
            )
            pushes = session.exec(ended.order_by(col(Run.id))).all()
            if pushes:
                run_id = pushes[number % len(pushes)]
                assert run_id is not None
                wanted, _ = plan_undo(undone.done_in(session, run_id), run_id)
                withhold_edits(session, wanted)
                outbox.intend(session, wanted, self.clock.now())
                self.redone.update(each.subject for each in wanted)
                self.met["writes to undo"] += len(wanted)

    def retry_a_write(self, number: int) -> None:
        """One that was refused, or one that was taken back."""
        with self.database.writing() as session:
            rows = outbox.outbox_rows(session, self.connection_id)
            settled = [row for row in rows if row.state in (*outbox.FAILED, OutboxState.UNDONE)]
            if settled:
                row = settled[number % len(settled)]
                self.redone.add(row.subject)
                was = (row.state, row.operation)
                if by_hand.retry(session, row.key):
                    if was == (OutboxState.UNDONE, Operation.CREATE_TASK):
                        self._made_again(row.subject)
                    self.met["writes tried again"] += 1

    def _made_again(self, key: str) -> None:
        self.redone.add(key)
        self.sides.deleted.discard(key)

    # What must be true in the end.

    def check(self) -> None:
        """Nothing lost, nothing doubled."""
        for stream in (Stream.DEALS, Stream.TASKS):
            held, true = self.mirrored.records(stream), self.mirrored.truth(stream)
            differing = [key for key in {*held, *true} if held.get(key) != true.get(key)]
            assert not differing, [
                (self.name, stream, key, held.get(key), true.get(key)) for key in differing
            ]
        with self.database.reading() as session:
            rows = outbox.outbox_rows(session, self.connection_id)
        stuck = [row for row in rows if row.state in outbox.FAILED or row.state in UNSENT]
        assert {row.subject for row in stuck} <= self.sides.deleted | self.redone, _told(stuck)
        taken_back = _taken_back(rows)
        gone = self.sides.deleted | taken_back
        wanted = {"start": -1, "select": ["ID", "XML_ID", "CHAT_ID"]}
        tasks = self.portal.call("tasks.task.list", wanted)["tasks"]
        assert sorted(map(_subject, tasks)) == sorted({*self.keys} - gone), _told(rows)
        for task in tasks:
            subject, notes = _subject(task), self._notes(task["id"])
            assert set(notes.values()) <= {1}
            if subject not in self.redone:
                wanted_notes = range(1, self.comments[subject] + 1)
                assert set(notes) == {f"[rr:{subject}:note-{number}]" for number in wanted_notes}
        self.sides.check([key for key in self.keys if key not in taken_back], self.redone)

    def _notes(self, task_id: str) -> Mapping[str, int]:
        wanted = {"taskId": task_id, "select": ["ID", "CHAT_ID"]}
        chat = self.portal.call("tasks.task.get", wanted)["task"]["chatId"]
        said = self.portal.call("im.dialog.messages.get", {"DIALOG_ID": f"chat{chat}", "LIMIT": 50})
        last = (one["text"].splitlines()[-1] for one in said["messages"] if one["text"])
        return Counter(line for line in last if line.startswith("[rr:"))


def _subject(task: Any) -> str:
    """One that was made again has another key, of the same stem."""
    key: str = task["xmlId"]
    return key.partition("~")[0]


def _taken_back(rows: Sequence[Outbox]) -> set[str]:
    """Objects whose record was undone, and not made again since."""
    creates = [row for row in rows if row.operation is Operation.CREATE_TASK]
    kept = [row for row in creates if row.state is not OutboxState.DROPPED]
    last = {row.subject: row.state for row in sorted(kept, key=lambda row: row.sequence)}
    return {subject for subject, state in last.items() if state is OutboxState.UNDONE}


def _told(rows: Any) -> list[tuple[str, str, Any]]:
    return [(row.key, row.state, row.error) for row in rows]
