"""Inbound webhooks: stored before they are answered, applied once."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from connectors.port import HookEvent as Hint
from sync.tables.runs import HookEvent, HookState


def store_hint(session: Session, connection_id: int, hint: Hint, at: datetime) -> int | None:
    """Keep an event; a second delivery is only counted. Returns the id of a new one."""
    known = session.exec(
        select(HookEvent).where(
            HookEvent.connection_id == connection_id, HookEvent.dedupe == hint.dedupe
        )
    ).first()
    if known is not None:
        known.deliveries += 1
        session.add(known)
        return None
    event = HookEvent(
        connection_id=connection_id,
        stream=hint.stream.value,
        record_ids=list(hint.ids),
        dedupe=hint.dedupe,
        received_at=at,
    )
    session.add(event)
    session.flush()
    return event.id


def hint_with(session: Session, event_id: int) -> HookEvent:
    return session.get_one(HookEvent, event_id)


def stored_hints(session: Session) -> Sequence[HookEvent]:
    """Events that nobody has applied yet: the queue may have lost them."""
    return session.exec(
        select(HookEvent)
        .where(col(HookEvent.state) == HookState.STORED)
        .order_by(col(HookEvent.id))
    ).all()


def all_hints(session: Session) -> Sequence[HookEvent]:
    return session.exec(select(HookEvent).order_by(col(HookEvent.id))).all()


def note_applied(session: Session, event_id: int, at: datetime) -> None:
    event = session.get_one(HookEvent, event_id)
    event.state, event.applied_at = HookState.APPLIED, at
    session.add(event)


def note_failed(session: Session, event_id: int, at: datetime) -> None:
    """The record could not be read again; the next scheduled pull brings it."""
    event = session.get_one(HookEvent, event_id)
    event.state, event.applied_at = HookState.FAILED, at
    session.add(event)
