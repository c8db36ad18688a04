"""What ran, and whether anything runs: looked at, never written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from connectors.errors import SentElsewhere, Unavailable
from sync.tables.connections import Connection
from sync.tables.runs import ACTIVE_STATUSES, Mode, Run, RunStatus

AWAY = (Unavailable.__name__, SentElsewhere.__name__)
# So far back it is looked for when a tool was last reached.
MOST_LOOKED_AT = 200


@dataclass(frozen=True)
class Away:
    """A tool that was not reached by any run since a moment, and what the last one met."""

    since: datetime
    error: Mapping[str, Any]


def found_it_away(run: Run) -> bool:
    return (run.error or {}).get("kind") in AWAY


def away(session: Session, connection: Connection) -> Away | None:
    """None when the last run that asked the tool reached it, or a check did since."""
    asked = select(Run).where(
        Run.connection_id == connection.id,
        col(Run.ended_at).is_not(None) | (col(Run.status) == RunStatus.WAITING),
        Run.status != RunStatus.CANCELLED,
    )
    found: Away | None = None
    newest_first = func.coalesce(Run.ended_at, Run.waiting_since).desc()
    for run in session.exec(asked.order_by(newest_first).limit(MOST_LOOKED_AT)):
        at = run.ended_at or run.waiting_since
        if not found_it_away(run) or run.error is None or at is None:
            break
        found = Away(at, found.error if found else run.error)
    checked = connection.checked_at
    return None if found and checked and checked > found.since else found


def find_run(session: Session, run_id: int) -> Run | None:
    return session.get(Run, run_id)


def recent_runs(session: Session, limit: int = 50) -> Sequence[Run]:
    return session.exec(select(Run).order_by(col(Run.id).desc()).limit(limit)).all()


def count_runs(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Run)).one()


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
