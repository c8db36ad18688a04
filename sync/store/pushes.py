"""When the outbox of a connection has to be pushed."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from sync.store import runs
from sync.store.database import one_at_a_time
from sync.store.outbox import may_go
from sync.tables.connections import Connection, ConnectionState
from sync.tables.outbox import Outbox
from sync.tables.runs import PUSH, Mode, Run, Trigger


def next_attempt(session: Session, connection_id: int, now: datetime) -> datetime | None:
    """When the next write may go out, which is `now` where nothing put it off; None where there is
    none. Until the transaction ends nobody plans another one, which would wait behind it."""
    one_at_a_time(session, "outbox")
    writes = select(Outbox.not_before).where(Outbox.connection_id == connection_id, *may_go())
    moments = session.exec(writes.distinct()).all()
    return min((moment or now for moment in moments), default=None)


def pending_connections(session: Session, now: datetime) -> Sequence[int]:
    """Connections that work and whose outbox holds something that may go out now. A broken one
    heals by a pull or a check, not by one failing push after the other."""
    works = select(Connection.id).where(Connection.state == ConnectionState.ACTIVE)
    pending = select(Outbox.connection_id).where(col(Outbox.connection_id).in_(works), *may_go(now))
    return session.exec(pending.distinct()).all()


def queue_pushes(session: Session, now: datetime) -> Sequence[Run]:
    """A push for each of the pending connections; one that is under way is that push."""
    return [
        runs.queue_run(session, each, PUSH, mode=Mode.PUSH, trigger=Trigger.PLAN, at=now)
        for each in pending_connections(session, now)
    ]
