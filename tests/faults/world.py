"""One connection for random schedules: what people do on both sides, and what must be true when the
faults stop and clean runs follow."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from connectors.models import Stream, Task
from sync.merge import TaskField
from sync.store import outbox
from sync.store.database import Database
from sync.store.outbox import Intention
from sync.tables.outbox import Operation, OutboxState
from tests.connectors.bitrix24.kit import Sandbox
from tests.faults.two_sides import DUE, TEXT, TwoSides
from tests.portal import Clock, Mirrored

DEALS = 12
# Of Bitrix24: one portal with both ways of making a task, one that has only the older.
SCOPES = {
    3: ("crm", "task", "tasks", "user_brief", "userfieldconfig", "im"),
    2: ("crm", "task", "user_brief", "userfieldconfig", "im"),
}


@dataclass
class World:
    """`name` tells what it puts into a database that it shares with others."""

    database: Database
    portal: Sandbox
    connection_id: int
    name: str = "D"
    clock: Clock = field(default_factory=Clock)
    keys: list[str] = field(default_factory=list)
    comments: Counter[str] = field(default_factory=Counter)

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
