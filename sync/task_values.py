"""A task in the words of the merge: as our action, as the tool's record, and as agreed on."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.models import ActionStatus, RemoteTask, TaskStatus
from sync.merge import Side, TaskField, Values
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import Link, Operation
from sync.tables.retros import Action

# Field → its name in payloads, in the mirror and among the changes.
COLUMNS: Mapping[TaskField, str] = {
    TaskField.TITLE: "title",
    TaskField.DESCRIPTION: "description",
    TaskField.OWNER: "owner",
    TaskField.DUE: "due_at",
    TaskField.STATUS: "status",
}
Meaning = Mapping[TaskStatus, ActionStatus]


def ours_of(action: Action, accounts: Mapping[str, str]) -> Side:
    """`accounts` are the tool's account ids by person: without one the owner is unknown there."""
    values = {
        TaskField.TITLE: action.title,
        TaskField.DESCRIPTION: action.description,
        TaskField.DUE: action.due_at.astimezone(UTC).isoformat(),
        TaskField.STATUS: action.status,
    }
    if action.owner in accounts:
        values[TaskField.OWNER] = accounts[action.owner]
    edited = action.edited or {}
    return Side(values, {TaskField(name): _moment(at) for name, at in edited.items()})


def set_field(
    action: Action, name: TaskField, value: str, at: datetime, people: Mapping[str, str]
) -> None:
    """Make one field of an action what a task says. `people` are ours by the tool's account ids."""
    if name is TaskField.OWNER:
        action.owner = people[value]
    elif name is TaskField.DUE:
        action.due_at = datetime.fromisoformat(value)
    else:
        setattr(action, COLUMNS[name], value)
    if name is TaskField.STATUS:
        action.done_at = at if value == ActionStatus.DONE else None


def theirs_of(task: RemoteTask | RemoteTaskRow, meaning: Meaning) -> dict[TaskField, str]:
    """What the tool did not tell is left out."""
    values = {
        TaskField.TITLE: task.title,
        TaskField.DESCRIPTION: task.description,
        TaskField.OWNER: task.owner,
        TaskField.DUE: task.due_at.astimezone(UTC).isoformat() if task.due_at else None,
        TaskField.STATUS: meaning[TaskStatus(task.status)].value,
    }
    return {name: value for name, value in values.items() if value is not None}


def base_of(link: Link) -> dict[TaskField, str]:
    """What was sent is what was agreed on; a task is open when it is made."""
    told = {name: link.base.get(column) for name, column in COLUMNS.items()}
    base = {name: value for name, value in told.items() if value is not None}
    return {TaskField.STATUS: ActionStatus.OPEN.value, **base}


def in_columns(values: Values) -> dict[str, str]:
    return {COLUMNS[name]: value for name, value in values.items()}


def made_anew(
    payload: Mapping[str, Any], action: Action, accounts: Mapping[str, str]
) -> dict[str, Any]:
    """The create of a task that is made once more, with all that was changed here since."""
    anew = {**payload, **in_columns(ours_of(action, accounts).values)}
    # A task is open when it is made.
    anew.pop(COLUMNS[TaskField.STATUS])
    return anew


def written_by(operation: Operation, payload: Mapping[str, Any]) -> dict[TaskField, str]:
    """The fields that a write to a task changes, with what they become."""
    if operation is Operation.COMPLETE_TASK:
        return {TaskField.STATUS: ActionStatus.DONE.value}
    if operation is Operation.REOPEN_TASK:
        return {TaskField.STATUS: ActionStatus.OPEN.value}
    only = payload.get("only", [column for column in COLUMNS.values() if column in payload])
    return {name: str(payload[column]) for name, column in COLUMNS.items() if column in only}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
