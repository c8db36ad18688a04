"""Edits of one task on both sides, and what must have become of them: in the end both sides agree
or a conflict shows the difference, and an edit that lost was seen by whoever wrote over it, or is
shown in a conflict."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlmodel import col, select

from connectors.models import ActionStatus
from sync.merge import DEFAULTS, Contract, TaskField, differ
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.store import agreements, links, retros
from sync.store.database import Database
from sync.tables.agreements import WHOLE_TASK, Conflict, ConflictState
from sync.tables.outbox import LinkKind
from sync.tables.people import Person, PersonId
from sync.tables.retros import Action, Decision, Retro
from sync.task_values import Meaning, ours_of, set_field
from tests.connectors.bitrix24.kit import Sandbox
from tests.portal import NOW

# Accounts of the portal, and who they are here.
ACCOUNTS = {"mkt": "7", "des": "8"}
TEXT = "Parce que"
DUE = NOW + timedelta(days=20)
# Of the portal: its own names, and what it understands.
THERE = {
    TaskField.TITLE: "TITLE",
    TaskField.DESCRIPTION: "DESCRIPTION",
    TaskField.OWNER: "RESPONSIBLE_ID",
    TaskField.DUE: "DEADLINE",
    TaskField.STATUS: "STATUS",
}
STATUS_THERE = {ActionStatus.OPEN: 2, ActionStatus.DONE: 5}


class SideName(StrEnum):
    HERE = "here"
    THERE = "there"


@dataclass(frozen=True)
class Edited:
    """`saw` is what stood there before, `order` when it was written among all edits."""

    side: SideName
    value: str
    saw: str
    order: int


@dataclass
class TwoSides:
    """The actions of one connection, and their tasks in the portal."""

    database: Database
    portal: Sandbox
    connection_id: int
    meaning: Meaning
    name: str
    edits: dict[tuple[str, TaskField], list[Edited]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    count: int = 0

    @property
    def people(self) -> Mapping[str, str]:
        return {f"{self.name}:{person}": account for person, account in ACCOUNTS.items()}

    @property
    def owner(self) -> str:
        return next(iter(self.people))

    def agree(self, contracts: Mapping[TaskField, Contract]) -> None:
        """Whose change of a field stands, where it is not as it is from the start."""
        with self.database.writing() as session:
            for name, contract in contracts.items():
                if contract is DEFAULTS[name]:
                    continue
                agreements.set_contract(session, self.connection_id, name, contract)

    def begin(self) -> None:
        """The people, and the retro that all actions are of."""
        with self.database.writing() as session:
            retros.save_rows(
                session,
                [
                    *(Person(id=name, name=name, role="marketer") for name in self.people),
                    Retro(
                        id=self.name, held_at=NOW, status="open", participants=[], imported_at=NOW
                    ),
                    Decision(
                        id=self.name,
                        retro_id=self.name,
                        type="task",
                        text=TEXT,
                        accountable=self.owner,
                        due_on=NOW.date(),
                        status="open",
                        # As in the retro file, so that the rules can be evaluated beside.
                        details={
                            "id": self.name,
                            "type": "task",
                            "text": TEXT,
                            "accountable": self.owner,
                            "due_on": NOW.date().isoformat(),
                        },
                        created_at=NOW,
                    ),
                    *(
                        PersonId(person_id=name, connection_id=self.connection_id, remote_id=id_)
                        for name, id_ in self.people.items()
                    ),
                ],
            )

    def add(self, key: str, title: str) -> None:
        with self.database.writing() as session:
            session.add(
                Action(
                    key=key,
                    decision_id=self.name,
                    connection_id=self.connection_id,
                    role="marketer",
                    title=title,
                    description=TEXT,
                    owner=self.owner,
                    owner_reason="",
                    due_at=DUE,
                    status=ActionStatus.OPEN,
                    because=[],
                )
            )

    # What people do.

    def edit_here(self, key: str, name: TaskField, number: int, at: datetime) -> None:
        """A task that was deleted has to be settled first, and is left."""
        with self.database.writing() as session:
            tied = agreements.tied_tasks(session, self.connection_id, key)
            if not tied or tied[0][0].status == ActionStatus.LOST:
                return
            action = tied[0][0]
            saw = self._ours(action)[name]
            value = self._new_value(key, name, number)
            if not differ(name, value, saw):
                return
            owners = {account: person for person, account in self.people.items()}
            set_field(action, name, value, at, owners)
            action.edited = {**(action.edited or {}), name.value: at.isoformat()}
            session.add(action)
            session.flush()
            reconcile_tasks(session, self.connection_id, self.meaning, Now(at, at), key)
        self._note(key, name, SideName.HERE, value, saw)

    def edit_there(self, key: str, name: TaskField, number: int) -> None:
        remote_id = self._remote_id(key)
        if remote_id is None or not self._is_there(remote_id):
            return
        saw = self._there(remote_id)[name]
        value = self._new_value(key, name, number)
        if not differ(name, value, saw):
            return
        self.portal.edit(
            "tasks", remote_id, {"set": {THERE[name]: _as_the_portal_says(name, value)}}
        )
        self._note(key, name, SideName.THERE, value, saw)

    def delete_there(self, key: str) -> None:
        remote_id = self._remote_id(key)
        if remote_id is not None and self._is_there(remote_id):
            self.portal.edit("tasks", remote_id, {"delete": True})
            self.deleted.add(key)

    # What must be true in the end.

    def check(self, keys: Sequence[str], redone: Set[str]) -> None:
        """Of a task that was `redone` the last word may be one that was taken back."""
        with self.database.reading() as session:
            actions = {key: session.get_one(Action, key) for key in keys}
            conflicts = list(session.exec(select(Conflict).order_by(col(Conflict.id))).all())
        for key, action in actions.items():
            shown = [each for each in conflicts if each.action_key == key]
            if key in self.deleted:
                assert action.status in (ActionStatus.LOST, ActionStatus.DONE), key
                continue
            remote_id = self._remote_id(key)
            assert remote_id is not None
            ours, theirs = self._ours(action), self._there(remote_id)
            for name in TaskField:
                about = [each for each in shown if each.field in (name, WHOLE_TASK)]
                told = f"{key} {name}: {ours[name]!r} here, {theirs[name]!r} there; {shown}"
                if differ(name, ours[name], theirs[name]):
                    assert any(each.state is ConflictState.OPEN for each in about), told
                elif not about and key not in redone:
                    self._check_nothing_was_lost(key, name, ours[name])

    def _check_nothing_was_lost(self, key: str, name: TaskField, final: str) -> None:
        """No conflict was ever shown: then what stands is the last word, said by somebody who saw
        the one before."""
        said = self.edits.get((key, name), [])
        last = {side: [each for each in said if each.side is side][-1:] for side in SideName}
        words = [each for found in last.values() for each in found]
        stands = [each for each in words if not differ(name, each.value, final)]
        assert stands or not words, f"{key} {name}: {final!r} was said by nobody; {said}"
        lost = [each for each in words if each not in stands]
        for loser in lost:
            if any(
                not differ(name, each.saw, loser.value)
                for each in said
                if each.side is loser.side and each.order < loser.order
            ):
                # Gone back to what stood there before, for all that anybody read.
                continue
            # Whoever stands, or whom they built upon.
            seen = any(
                not differ(name, each.saw, loser.value)
                for each in said
                if each.side is not loser.side and each.order > loser.order
            )
            assert seen, f"{key} {name}: {loser} is lost, and no conflict shows it; {said}"

    def _new_value(self, key: str, name: TaskField, number: int) -> str:
        """Descriptions and dates are new each time, so that whoever saw one saw that edit. People
        come back to the others."""
        self.count += 1
        if name is TaskField.OWNER:
            return list(ACCOUNTS.values())[number % 2]
        if name is TaskField.STATUS:
            return list(STATUS_THERE)[number % 2].value
        if name is TaskField.DUE:
            return (DUE + timedelta(minutes=self.count)).astimezone(UTC).isoformat()
        said = self.edits.get((key, name), [])
        if name is TaskField.TITLE and said and number % 4 == 0:
            return said[number % len(said)].value
        return f"{name} {self.count}"

    def _note(self, key: str, name: TaskField, side: SideName, value: str, saw: str) -> None:
        known = self.edits.setdefault((key, name), [])
        known.append(Edited(side, value, saw, self.count))

    def _is_there(self, remote_id: str) -> bool:
        """It may have been deleted by somebody, or by an undo whose worker died right after."""
        return remote_id in {record["id"] for record in self.portal.records("tasks")}

    def _remote_id(self, key: str) -> str | None:
        with self.database.reading() as session:
            return links.linked_id(session, self.connection_id, LinkKind.TASK, key)

    def _ours(self, action: Action) -> Mapping[TaskField, str]:
        return ours_of(action, self.people).values

    def _there(self, remote_id: str) -> Mapping[TaskField, str]:
        wanted = {"taskId": remote_id, "select": ["ID", *THERE.values()]}
        task = self.portal.call("tasks.task.get", wanted)["task"]
        done = str(task["status"]) == "5"
        return {
            TaskField.TITLE: task["title"],
            TaskField.DESCRIPTION: task["description"],
            TaskField.OWNER: str(task["responsibleId"]),
            TaskField.DUE: datetime.fromisoformat(task["deadline"]).astimezone(UTC).isoformat(),
            TaskField.STATUS: (ActionStatus.DONE if done else ActionStatus.OPEN).value,
        }


def _as_the_portal_says(name: TaskField, value: str) -> Any:
    if name is TaskField.STATUS:
        return STATUS_THERE[ActionStatus(value)]
    return int(value) if name is TaskField.OWNER else value
