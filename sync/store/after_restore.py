"""What a backup says of things that went on without it, and how that is set right."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlmodel import Session, col, select

from sync.store.coalescing import PENDING
from sync.tables.audit import Restore
from sync.tables.columns import table_of
from sync.tables.connections import WHOLE_STREAM, Cursor
from sync.tables.outbox import Outbox
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Run, RunSeen, RunStatus


def set_right(connection: Connection, now: datetime, made_at: datetime) -> int:
    """To be done as part of the restore. Returns how many pulls were ended."""
    note = {"restored_at": now, "made_at": made_at}
    connection.execute(sa.insert(table_of(Restore)).values(note))
    _doubt_writes(connection, now)
    return _end_pulls(connection, now)


def _doubt_writes(connection: Connection, now: datetime) -> None:
    """What was still to be sent may have been sent since, just now at the latest: it is looked up
    first, and the tool may still be at it (G5)."""
    pending = col(Outbox.state).in_(PENDING)
    values = {"may_exist": True, "doubted_at": now}
    connection.execute(sa.update(Outbox).where(pending).values(**values))


def _end_pulls(connection: Connection, now: datetime) -> int:
    """A pull that went on would end a listing that was begun before the backup: what was deleted or
    came since, in the part that it had behind it, it would tell wrongly (G4). The next one begins
    anew, from the last watermark."""
    connection.execute(sa.delete(RunSeen))
    connection.execute(sa.delete(Cursor).where(col(Cursor.partition) != WHOLE_STREAM))
    begun = (
        col(Run.stream) != PUSH,
        col(Run.status).in_(ACTIVE_STATUSES),
        col(Run.started_at).is_not(None),
    )
    values = {
        "status": RunStatus.CANCELLED,
        "ended_at": now,
        "lease_until": None,
        "waiting_until": None,
    }
    ended = connection.execute(sa.update(Run).where(*begun).values(**values))
    return ended.rowcount


def restores_since(session: Session, moment: datetime) -> Sequence[Restore]:
    return session.exec(select(Restore).where(Restore.restored_at > moment)).all()


def last_restore(session: Session) -> Restore | None:
    return session.exec(select(Restore).order_by(col(Restore.restored_at).desc()).limit(1)).first()
