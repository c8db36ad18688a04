"""What ran, and whether anything runs: looked at, never written."""

from collections.abc import Mapping, Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from sync.tables.runs import ACTIVE_STATUSES, Mode, Run, RunStatus


def find_run(session: Session, run_id: int) -> Run | None:
    return session.get(Run, run_id)


def recent_runs(session: Session, limit: int = 50) -> Sequence[Run]:
    return session.exec(select(Run).order_by(col(Run.id).desc()).limit(limit)).all()


def latest_by_stream(session: Session, limit: int) -> Sequence[Run]:
    """The last run of each stream of each connection, the newest first."""
    last = select(func.max(Run.id)).group_by(col(Run.connection_id), col(Run.stream))
    newest = select(Run).where(col(Run.id).in_(last)).order_by(col(Run.id).desc())
    return session.exec(newest.limit(limit)).all()


def changed_lately(session: Session, run_id: int) -> bool:
    """Whether this run or one that ran beside it changed anything."""
    begun = select(Run.queued_at).where(Run.id == run_id).scalar_subquery()
    changed = select(Run.id).where(
        col(Run.ended_at) >= begun, Run.created + Run.updated + Run.deleted > 0
    )
    return session.exec(changed.limit(1)).first() is not None


def queued_beside(session: Session, run_id: int) -> Mapping[int, str]:
    """This pull and the others that wait to read the same connection by what changed, this one
    first: run → stream. None of them when it is not such a pull, or no longer waits."""
    mine = select(Run.connection_id).where(Run.id == run_id).scalar_subquery()
    waiting = session.exec(
        select(col(Run.id), Run.stream)
        .where(
            Run.connection_id == mine,
            Run.status == RunStatus.QUEUED,
            Run.mode == Mode.INCREMENTAL,
            col(Run.since).is_(None),
        )
        .order_by(col(Run.id) != run_id, col(Run.id))
    ).all()
    found = {id_: stream for id_, stream in waiting if id_ is not None}
    return found if run_id in found else {}


def any_active(session: Session) -> bool:
    active = select(Run.id).where(col(Run.status).in_(ACTIVE_STATUSES)).limit(1)
    return session.exec(active).first() is not None
