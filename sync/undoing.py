"""Takes a write back, if nobody has changed the record since.

What to take back goes through the outbox like any write: its key holds the run and the key of the
write it undoes. So it is planned once, and done once wherever a worker dies: a record that is
already as it was before needs no call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.errors import Rejected
from connectors.models import ActionStatus, Task, TaskStatus
from connectors.port import Connector
from sync import images
from sync.abilities import LEAVE, deleting_of, tasks_of
from sync.merge import TaskField, differ
from sync.store import agreements, links, undone
from sync.store.outbox import Intention
from sync.store.people import accounts_of_people
from sync.tables.outbox import LinkKind, Operation, Outbox
from sync.tables.retros import Action
from sync.task_values import in_columns, ours_of, set_field, written_by

AGAIN = "Settle it in the tool, then undo again; or leave it as it is: it was not touched."
# Who closes what was asked about a task that was taken back.
UNDO = "undo"
NOT_UNDONE = {
    Operation.COMPLETE_TASK: "the end of a task is news for people; open it again in the tool",
    Operation.REOPEN_TASK: "that a task goes on is news for people; end it again in the tool",
    Operation.COMMENT: "a comment that was read cannot be taken back",
    Operation.CREATE_TARGET: "a KPI target is kept, with the figures people added to it",
    Operation.UPDATE_TARGET: "a KPI target is kept, with its figures and the day it is checked on",
    Operation.DELETE_TASK: "it took back another write itself",
    Operation.RESTORE_TASK: "it took back another write itself",
}


@dataclass(frozen=True)
class TakenBack:
    """`of` is the key of the write; `expected` what it left in the record, and `before` what was
    there, None where nothing was."""

    of: str
    remote_id: str
    expected: dict[str, Any]
    before: dict[str, Any] | None

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> "TakenBack":
        return cls(**payload)


@dataclass(frozen=True)
class Left:
    """A write that stays as it is, and why."""

    key: str
    reason: str


def plan_undo(writes: Sequence[Outbox], run_id: int) -> tuple[list[Intention], list[Left]]:
    """What takes back the writes of a run, the last one first, and what cannot be taken back."""
    wanted: list[Intention] = []
    left: list[Left] = []
    for row in reversed(writes):
        back = _taken_back(row)
        if back is None:
            left.append(Left(row.key, _why_not(row)))
            continue
        operation = Operation.DELETE_TASK if back.before is None else Operation.RESTORE_TASK
        key = undo_key(run_id, row.key)
        wanted.append(
            Intention(key, row.connection_id, operation, row.subject, asdict(back), row.because)
        )
    return wanted, left


def withhold_edits(session: Session, wanted: Sequence[Intention]) -> None:
    """Edits of ours that wait for a task that is to be deleted would go out before, and look like
    somebody's. Where the task stays after all, the next merge plans them anew."""
    new = [
        each
        for each in wanted
        if each.operation is Operation.DELETE_TASK and session.get(Outbox, each.key) is None
    ]
    for place in {each.connection_id for each in new}:
        # All tasks before any write, as a merge takes them.
        agreements.tied_tasks(session, place)
        unsent = agreements.unsent_changes(session, place)
        for each in new:
            agreements.withdraw(session, unsent.pop(each.subject, ()))


def _why_not(row: Outbox) -> str:
    if row.operation is Operation.CREATE_TASK and row.before is not None:
        return "its task was there before: another installation made it"
    return NOT_UNDONE.get(row.operation, "what was there is not known")


def undo_key(run_id: int, key: str) -> str:
    return f"undo:{run_id}:{key}"


def _taken_back(row: Outbox) -> TakenBack | None:
    ours = images.written(row.payload)
    if row.operation is Operation.CREATE_TASK and row.remote_id is not None and row.before is None:
        return TakenBack(row.key, row.remote_id, {**ours, "status": TaskStatus.OPEN.value}, None)
    if row.operation is Operation.UPDATE_TASK and row.before is not None:
        before = {name: row.before.get(name) for name in images.COMPARED}
        return TakenBack(row.key, row.before["id"], {**before, **ours}, before)
    return None


def delete(connector: Connector[Any], back: TakenBack) -> None:
    """Raises Rejected when somebody changed the record, or the tool cannot delete it."""
    tool = deleting_of(connector)
    found = images.read(connector, back.remote_id)
    if found is None:
        if images.is_gone(connector, back.remote_id):
            return
        raise _changed(["its stamp"])
    if differs := images.changed(back.expected, found):
        raise _changed(differs)
    tool.delete_task(back.remote_id)


def restore(
    connector: Connector[Any], back: TakenBack, announce: Callable[[Mapping[str, str]], None]
) -> datetime | None:
    """The tool's moment of the record that was written over. `announce` gets what is about to be
    written, right before the call. Raises Rejected when somebody changed it."""
    assert back.before is not None
    tool = tasks_of(connector)
    found = images.read(connector, back.remote_id)
    if found is None:
        raise Rejected("The task is not in the tool any more.", next_step=LEAVE)
    at = msgspec.convert(found["updated_at"], datetime | None, strict=False)
    if not images.changed(back.before, found):
        return at
    if differs := images.changed(back.expected, found):
        raise _changed(differs)
    fields = {**images.written(back.before), "key": back.of}
    if fields["owner"] is None or fields["due_at"] is None:
        raise Rejected("The task had no owner or no due date before.", next_step=LEAVE)
    fields["description"] = fields["description"] or ""
    announce(in_columns(_fields(back.before)))
    tool.update_task(back.remote_id, msgspec.convert(fields, Task, strict=False))
    return at


def remember(session: Session, write: Intention, over: datetime | None, now: datetime) -> None:
    """The write that was taken back is undone, and both sides hold again what they held before:
    our action too, in what it has not been given since. Else the next merge would write it anew."""
    back = TakenBack.of_payload(write.payload)
    undone.note_undone(session, back.of)
    if back.before is None:
        _leave_without_task(session, write, back.remote_id, now)
        return
    before, pushed = _fields(back.before), _fields(back.expected)
    _withdraw_again(session, write, in_columns(pushed))
    action = session.get(Action, write.subject, with_for_update=True)
    if action is not None:
        accounts = accounts_of_people(session, write.connection_id)
        people = {account: person for person, account in accounts.items()}
        for name, ours in ours_of(action, accounts).values.items():
            was = before.get(name)
            if was is None or name not in pushed or differ(name, ours, pushed[name]):
                continue
            if name is not TaskField.OWNER or was in people:
                set_field(action, name, was, now, people)
        session.add(action)
    links.note_written(session, write.connection_id, write.subject, in_columns(before), over)


def _withdraw_again(session: Session, write: Intention, pushed: Mapping[str, str]) -> None:
    """What a merge planned when a worker had died amid the undo: to write once more what was pushed
    and is taken back now."""
    unsent = agreements.unsent_changes(session, write.connection_id).get(write.subject, ())
    again = [
        row
        for row in unsent
        if (only := row.payload.get("only", ()))
        and all(row.payload.get(name) == pushed.get(name) for name in only)
    ]
    agreements.withdraw(session, again)


def _leave_without_task(session: Session, write: Intention, remote_id: str, now: datetime) -> None:
    """The action takes no edits until its task is made again: they would go nowhere."""
    place, key = write.connection_id, write.subject
    if not links.unlink(session, place, LinkKind.TASK, key, remote_id):
        return
    agreements.close_all_of(session, place, key, UNDO, now)
    unsent = agreements.unsent_changes(session, place)
    agreements.withdraw(session, unsent.get(key, ()))
    action = session.get(Action, key, with_for_update=True)
    if action is not None and action.status != ActionStatus.DONE:
        action.status = ActionStatus.LOST.value
        session.add(action)


def _fields(record: Mapping[str, Any]) -> dict[TaskField, str]:
    told = {name: value for name, value in images.written(record).items() if value is not None}
    return written_by(Operation.UPDATE_TASK, told)


def _changed(fields: Sequence[str]) -> Rejected:
    return Rejected(f"Somebody changed it since: {', '.join(fields)}.", next_step=AGAIN)
