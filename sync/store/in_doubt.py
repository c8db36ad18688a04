"""Writes that may have taken effect already, and are looked up before they are sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from sync.store.after_restore import restores_since
from sync.store.elsewhere import as_there
from sync.store.outbox import LOOK_FIRST, may_go
from sync.tables.outbox import Operation, Outbox

# By how much the clock of a tool may be behind ours, or behind that of whoever planned a write.
CLOCKS_APART = timedelta(days=1)


def creates_of_tasks(
    session: Session, connection_id: int, now: datetime, most: int
) -> Sequence[Outbox]:
    """Those whose tasks will be looked for next, in their order."""
    return session.exec(
        select(Outbox)
        .where(
            Outbox.connection_id == connection_id,
            *may_go(now),
            col(Outbox.operation) == Operation.CREATE_TASK,
            col(Outbox.may_exist).is_(True),
            col(Outbox.remote_id).is_(None),
        )
        .order_by(col(Outbox.waits), col(Outbox.sequence))
        .limit(most)
    ).all()


def made_since(session: Session, rows: Sequence[Outbox]) -> datetime | None:
    """No record of these creates is older, by the clock of its tool; None where nobody can tell.

    Each was planned before it was sent, unless the clock of the rules is ahead of ours. After a
    restore it may have been sent before it was planned again, but not before the backup was made;
    what another installation made is of any time.
    """
    if any(as_there(session, row.connection_id, row.operation, row.payload) for row in rows):
        return None
    begun = [row.planned_at for row in rows]
    begun += [at for row in rows for at in (row.sent_at, row.doubted_at) if at is not None]
    restores = restores_since(session, min(begun) - LOOK_FIRST)
    return min([*begun, *(restore.made_at for restore in restores)]) - CLOCKS_APART


def forgotten_since(session: Session, write: Outbox) -> datetime | None:
    """Since when calls of ours for this write may be forgotten: since the backup was made that was
    restored. None where none can be."""
    if write.doubted_at is None:
        return None
    restores = restores_since(session, write.doubted_at - LOOK_FIRST)
    return min((restore.made_at for restore in restores), default=None)
