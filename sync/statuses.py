"""Brings what happened to our tasks in the tool back to the actions they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from connectors.models import ActionStatus, TaskStatus
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import Link, LinkKind
from sync.tables.retros import Action


@dataclass(frozen=True)
class ActionMoved:
    """An action whose status changed because its task did. `at` is the tool's moment."""

    action: str
    decision: str
    old: ActionStatus
    new: ActionStatus
    at: datetime


def apply_statuses(
    session: Session,
    connection_id: int,
    meaning: Mapping[TaskStatus, ActionStatus],
    now: datetime,
) -> list[ActionMoved]:
    """Compare each linked task of the mirror with its action; nothing new changes nothing.

    A task that is gone from the tool leaves its action lost, with its history, for its owner to
    decide (T07). `now` stands in where the tool gives no moment.
    """
    pairs = session.exec(
        select(Action, RemoteTaskRow)
        .join(Link, col(Link.key) == Action.key)
        .join(
            RemoteTaskRow,
            (col(RemoteTaskRow.connection_id) == Link.connection_id)
            & (col(RemoteTaskRow.id) == Link.remote_id),
        )
        .where(Link.connection_id == connection_id, Link.kind == LinkKind.TASK)
        .order_by(col(Action.key))
    ).all()
    moved = []
    for action, task in pairs:
        new = _status(task, meaning)
        if new == action.status:
            continue
        at = task.deleted_at or task.closed_at or task.updated_at or now
        moved.append(
            ActionMoved(action.key, action.decision_id, ActionStatus(action.status), new, at)
        )
        action.status = new.value
        action.done_at = at if new is ActionStatus.DONE else None
        session.add(action)
    return moved


def _status(task: RemoteTaskRow, meaning: Mapping[TaskStatus, ActionStatus]) -> ActionStatus:
    if task.deleted_at is not None:
        return ActionStatus.LOST
    return meaning[TaskStatus(task.status)]
