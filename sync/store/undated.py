"""Tasks whose due date is gone in their tool. It stays here: the merge takes nothing for a change
that a tool does not tell, so people are told instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from sync.merge import TaskField
from sync.store.agreements import last_changes
from sync.tables.connections import Connection
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import Link, LinkKind
from sync.tables.retros import UNFINISHED, Action
from sync.task_values import COLUMNS

DUE = COLUMNS[TaskField.DUE]


@dataclass(frozen=True)
class Undated:
    """`place` is the connection. `since` is when the tool last told of a change, at the latest."""

    place: str
    since: datetime


def undated(session: Session, decision_id: str | None = None) -> Mapping[str, Undated]:
    """By the key of the action, of all decisions or of one."""
    statement = (
        select(Action.key, Connection.name, Link, RemoteTaskRow)
        .join(Link, (col(Link.key) == Action.key) & (col(Link.kind) == LinkKind.TASK))
        .join(
            RemoteTaskRow,
            (col(RemoteTaskRow.connection_id) == Link.connection_id)
            & (col(RemoteTaskRow.id) == Link.remote_id),
        )
        .join(Connection, col(Connection.id) == Link.connection_id)
        .where(
            col(Action.status).in_(UNFINISHED),
            col(RemoteTaskRow.due_at).is_(None),
            col(RemoteTaskRow.deleted_at).is_(None),
        )
    )
    if decision_id is not None:
        statement = statement.where(Action.decision_id == decision_id)
    found = {}
    for key, place, link, task in session.exec(statement).all():
        # One without a moment was never read: it is held as it was sent.
        if task.updated_at is None or _is_older(link, task.updated_at):
            continue
        changed = last_changes(session, link.connection_id, link.remote_id).get(DUE)
        found[key] = Undated(place, changed or task.updated_at)
    return found


def _is_older(link: Link, at: datetime) -> bool:
    """What was read, than our last write of the due date."""
    over = (link.overwritten or {}).get(DUE)
    return over is not None and at <= datetime.fromisoformat(over["at"])
