"""How old what we show is."""

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
