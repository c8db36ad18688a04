"""Links with both their sides, whose change of a field stands, and what waits for a person."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from connectors.models import Stream, TaskStatus
from sync.merge import DEFAULTS, Contract, TaskField
from sync.store.outbox import FAILED
from sync.tables.agreements import Conflict, ConflictState, FieldContract, Outcome
from sync.tables.mirror import Change, RemoteTaskRow
from sync.tables.outbox import Link, LinkKind, Operation, Outbox, OutboxState
from sync.tables.retros import Action
from sync.tables.runs import RunSeen

TASKS = Stream.TASKS.value
CHANGES = (Operation.UPDATE_TASK, Operation.COMPLETE_TASK, Operation.REOPEN_TASK)
# Of a create whose task is there: its stamp is still to be set, or was not taken.
UNSTAMPED = (OutboxState.STAMPING, *FAILED)

Tied = tuple[Action, Link, RemoteTaskRow | None]


def tied_tasks(session: Session, connection_id: int, key: str | None = None) -> Sequence[Tied]:
    """Actions whose task is in the tool, with the task as it was last read; one, or all by key.

    Both are locked until the unit of work ends. Whoever changes an action, its link or a conflict
    about it locks them here first, so that two of them wait for each other in one order.
    """
    statement = (
        select(Action, Link, RemoteTaskRow)
        .join(Link, col(Link.key) == Action.key)
        .outerjoin(
            RemoteTaskRow,
            (col(RemoteTaskRow.connection_id) == Link.connection_id)
            & (col(RemoteTaskRow.id) == Link.remote_id),
        )
        .where(Link.connection_id == connection_id, Link.kind == LinkKind.TASK)
        .order_by(col(Action.key))
        .with_for_update(of=(Link, Action))
    )
    if key is not None:
        statement = statement.where(Action.key == key)
    if session.connection().dialect.name == "postgresql":
        # Who has waited is given the locked rows as they are now, but their tasks as they were.
        session.execute(statement.with_only_columns(col(Link.key))).all()
    return session.exec(statement.execution_options(populate_existing=True)).all()


def never_read(session: Session, connection_id: int, run_id: int) -> Sequence[str]:
    """Ids of tasks that we made and that no listing has shown yet, that of this full pull neither:
    what it showed and could not be taken was read."""
    seen = select(RunSeen.record_id).where(
        RunSeen.run_id == run_id, RunSeen.record_id == Link.remote_id
    )
    return session.exec(
        select(Link.remote_id)
        .outerjoin(
            RemoteTaskRow,
            (col(RemoteTaskRow.connection_id) == Link.connection_id)
            & (col(RemoteTaskRow.id) == Link.remote_id),
        )
        .where(
            Link.connection_id == connection_id,
            Link.kind == LinkKind.TASK,
            col(RemoteTaskRow.id).is_(None),
            ~seen.exists(),
        )
    ).all()


def hold_as_sent(session: Session, connection_id: int, ids: Collection[str]) -> None:
    """Hold tasks that were never read as they were sent, so that they can be told to be gone."""
    if not ids:
        return
    links = session.exec(
        select(Link).where(
            Link.connection_id == connection_id,
            Link.kind == LinkKind.TASK,
            col(Link.remote_id).in_(ids),
        )
    ).all()
    session.add_all(
        RemoteTaskRow(
            connection_id=connection_id,
            id=link.remote_id,
            hash=b"",
            extra={},
            title=str(link.base.get("title", "")),
            status=TaskStatus.OPEN,
            key=link.key,
        )
        for link in links
    )
    session.flush()


def contracts(session: Session, connection_id: int) -> dict[TaskField, Contract]:
    """Of every field of a task, the default where nothing was set."""
    rows = session.exec(
        select(FieldContract).where(
            FieldContract.connection_id == connection_id, FieldContract.stream == TASKS
        )
    ).all()
    return {**DEFAULTS, **{TaskField(row.field): row.contract for row in rows}}


def set_contract(session: Session, connection_id: int, name: TaskField, contract: Contract) -> None:
    session.merge(
        FieldContract(
            connection_id=connection_id, stream=TASKS, field=name.value, contract=contract
        )
    )


def all_conflicts(
    session: Session, connection_id: int | None = None, *, only_open: bool = True
) -> Sequence[Conflict]:
    """The oldest first."""
    statement = select(Conflict).order_by(col(Conflict.id))
    if connection_id is not None:
        statement = statement.where(Conflict.connection_id == connection_id)
    if only_open:
        statement = statement.where(col(Conflict.state) == ConflictState.OPEN)
    return session.exec(statement).all()


def conflict_with(session: Session, conflict_id: int) -> Conflict | None:
    return session.get(Conflict, conflict_id, populate_existing=True)


def open_conflicts(session: Session, connection_id: int) -> dict[str, dict[str, Conflict]]:
    """By action and by field."""
    found: dict[str, dict[str, Conflict]] = defaultdict(dict)
    for row in all_conflicts(session, connection_id):
        found[row.action_key][row.field] = row
    return found


def close(row: Conflict, outcome: Outcome, by: str, at: datetime) -> None:
    row.state, row.outcome = ConflictState.SETTLED, outcome.value
    row.settled_by, row.settled_at = by, at


def close_all_of(session: Session, connection_id: int, key: str, by: str, at: datetime) -> None:
    """What was asked about an action whose task is none of its any more."""
    for row in open_conflicts(session, connection_id).get(key, {}).values():
        close(row, Outcome.AGREED, by, at)
        session.add(row)


def last_changes(session: Session, connection_id: int, task_id: str) -> dict[str, datetime]:
    """When each field of a task was last changed there, by column, as far as it was seen."""
    rows = session.exec(
        select(Change.field, func.max(Change.changed_at))
        .where(
            Change.connection_id == connection_id,
            Change.stream == TASKS,
            Change.record_id == task_id,
            col(Change.changed_at).is_not(None),
        )
        .group_by(col(Change.field))
    ).all()
    return {column: at for column, at in rows if at is not None}


def count_changes_of(
    session: Session, connection_id: int, task_id: str, column: str, since: datetime
) -> int:
    """How often a field was seen to change in the tool since a moment of machine time."""
    return session.exec(
        select(func.count())
        .select_from(Change)
        .where(
            Change.connection_id == connection_id,
            Change.stream == TASKS,
            Change.record_id == task_id,
            Change.field == column,
            col(Change.seen_at) > since,
        )
    ).one()


def last_settled(session: Session, action_key: str, name: str) -> datetime | None:
    return session.exec(
        select(func.max(Conflict.settled_at)).where(
            Conflict.action_key == action_key, Conflict.field == name
        )
    ).one()


def unsent_changes(session: Session, connection_id: int) -> dict[str, list[Outbox]]:
    """Writes that change tasks and were not taken by the tool so far, by the key of their action.
    Locked, so that none of them is claimed before what is decided of it here."""
    rows = session.exec(
        select(Outbox)
        .where(
            Outbox.connection_id == connection_id,
            col(Outbox.operation).in_(CHANGES),
            col(Outbox.state).in_((OutboxState.PLANNED, OutboxState.SENDING, *FAILED)),
        )
        .order_by(col(Outbox.sequence))
        .with_for_update()
    ).all()
    found: dict[str, list[Outbox]] = defaultdict(list)
    for row in rows:
        found[row.subject].append(row)
    return found


def unstamped(session: Session, connection_id: int) -> dict[str, str]:
    """Keys of creates whose task is there and has no stamp yet, by the id of the task."""
    rows = session.exec(
        select(Outbox.remote_id, Outbox.key).where(
            Outbox.connection_id == connection_id,
            Outbox.operation == Operation.CREATE_TASK,
            col(Outbox.state).in_(UNSTAMPED),
            col(Outbox.remote_id).is_not(None),
        )
    ).all()
    return {str(remote_id): key for remote_id, key in rows}


def let_stamp_go(session: Session, key: str) -> None:
    """Nobody can stamp a task that is gone, and what waits behind its stamp would wait for good."""
    row = session.get_one(Outbox, key, with_for_update=True)
    if row.state in UNSTAMPED:
        row.state = OutboxState.DROPPED
        session.add(row)


def change_key(operation: Operation, subject: str) -> str:
    """How the keys of the changes begin that a merge plans for an action."""
    return f"{operation.value}:{subject}:"


def take_back(session: Session, key: str) -> None:
    """A write that was found not to be wanted any more right before it was sent."""
    session.delete(session.get_one(Outbox, key))


def _is_merged(row: Outbox) -> bool:
    return row.key.startswith(change_key(row.operation, row.subject))


def withdraw(session: Session, rows: Sequence[Outbox]) -> None:
    """What a merge planned and is not wanted any more, whether it has still to go out or was
    refused. One that is being sent is left, and so is what was not planned by a merge."""
    for row in rows:
        if not _is_merged(row):
            continue
        if row.state is OutboxState.PLANNED:
            session.delete(row)
        elif row.state in FAILED:
            row.state = OutboxState.SUPERSEDED
            session.add(row)
    session.flush()
