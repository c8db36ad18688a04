"""How old what we show is, and how much there was of it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from sync.tables.connections import Connection
from sync.tables.runs import PUSH, Run, RunStatus


def connections_with_freshness(session: Session) -> Sequence[tuple[Connection, datetime | None]]:
    """Each connection with the end of its last complete pull, None before the first."""
    last = (
        select(Run.connection_id, func.max(Run.ended_at).label("ended_at"))
        .where(col(Run.status) == RunStatus.SUCCEEDED, Run.stream != PUSH)
        .group_by(col(Run.connection_id))
        .subquery()
    )
    rows = session.exec(
        select(Connection, last.c.ended_at)
        .outerjoin(last, last.c.connection_id == Connection.id)
        .order_by(col(Connection.name))
    ).all()
    return [(row[0], row[1]) for row in rows]


def last_total(session: Session, connection_id: int, stream: str) -> int | None:
    """How many records the tool had by the last certificate; None before the first one."""
    sealed = session.exec(
        select(Run.certificate)
        .where(
            Run.connection_id == connection_id,
            Run.stream == stream,
            col(Run.certificate).is_not(None),
        )
        .order_by(col(Run.id).desc())
        .limit(1)
    ).first()
    return None if sealed is None else int(sealed["remote_count"])
