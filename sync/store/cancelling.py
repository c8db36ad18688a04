"""Runs that are ended before their end."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, update
from sqlmodel import Session, col

from sync.store.runs import nobodys
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Run, RunStatus, Trigger


def cancel_pulls(session: Session, connection_id: int, at: datetime) -> None:
    """End the pulls of a connection that are under way; their workers lose their lease."""
    session.connection().execute(
        update(Run)
        .where(
            col(Run.connection_id) == connection_id,
            col(Run.stream) != PUSH,
            col(Run.status).in_(ACTIVE_STATUSES),
        )
        .values(status=RunStatus.CANCELLED, ended_at=at, lease_until=None, waiting_until=None)
    )


def cancel_unbegun(session: Session, run_ids: Sequence[int], at: datetime) -> None:
    """End those of them that somebody asked for by hand and that no worker has begun."""
    session.connection().execute(
        update(Run)
        .where(
            col(Run.id).in_(run_ids),
            col(Run.status) == RunStatus.QUEUED,
            col(Run.trigger) == Trigger.MANUAL,
            col(Run.started_at).is_(None),
        )
        .values(status=RunStatus.CANCELLED, ended_at=at)
    )


def cancel_run(session: Session, run_id: int, at: datetime) -> RunStatus | None:
    """End a run that nobody works on, or ask its worker to end it between two pages.

    The status it has then: cancelled, or still running; None when it had ended before.
    """
    idle = or_(col(Run.status) == RunStatus.WAITING, nobodys(at))
    ended = session.connection().execute(
        update(Run)
        .where(col(Run.id) == run_id, idle)
        .values(status=RunStatus.CANCELLED, ended_at=at, lease_until=None, waiting_until=None)
    )
    if ended.rowcount == 1:
        return RunStatus.CANCELLED
    asked = session.connection().execute(
        update(Run)
        .where(col(Run.id) == run_id, col(Run.status) == RunStatus.RUNNING)
        .values(cancel=True)
    )
    return RunStatus.RUNNING if asked.rowcount == 1 else None
