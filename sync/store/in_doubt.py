"""Writes that may have taken effect already, and are looked up before they are sent."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from sync.store.outbox import may_go
from sync.tables.outbox import Operation, Outbox


def task_keys(session: Session, connection_id: int, now: datetime, most: int) -> Sequence[str]:
    """What the next creates of tasks will look for, in their order. Without those of which a call
    went out that the tool may still be at: what is not there now may come."""
    payloads = session.exec(
        select(Outbox.payload)
        .where(
            Outbox.connection_id == connection_id,
            *may_go(now),
            col(Outbox.operation) == Operation.CREATE_TASK,
            col(Outbox.may_exist).is_(True),
            col(Outbox.remote_id).is_(None),
            col(Outbox.sent_at).is_(None),
        )
        .order_by(col(Outbox.waits), col(Outbox.sequence))
        .limit(most)
    ).all()
    return [payload["key"] for payload in payloads]
