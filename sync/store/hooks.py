"""Inbound webhooks: stored before they are answered, applied once."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from connectors.port import HookEvent as Hint
from sync.tables.runs import HookEvent, HookState

# The second that a tool names, and some for its clock and ours to differ by.
SAME_MOMENT = timedelta(seconds=2)


def store_hint(session: Session, connection_id: int, hint: Hint, at: datetime) -> int | None:
    """Keep an event; a second delivery of it is only counted, unless it may tell of a change that
    was not read yet. Returns the id of one that is to be applied."""
    if _counted_again(session, connection_id, hint):
        return _stored_again(session, connection_id, hint)
    event = HookEvent(
        connection_id=connection_id,
        stream=hint.stream.value,
        record_ids=list(hint.ids),
        dedupe=hint.dedupe,
        received_at=at,
    )
    try:
        with session.begin_nested():
            session.add(event)
    except IntegrityError:
        # The other copy was stored between our look and our insert.
        if not _counted_again(session, connection_id, hint):
            raise
        return _stored_again(session, connection_id, hint)
    return event.id


def _counted_again(session: Session, connection_id: int, hint: Hint) -> bool:
    """Whether the event is known; then this delivery of it is counted."""
    counted = session.connection().execute(
        update(HookEvent)
        .where(col(HookEvent.connection_id) == connection_id, col(HookEvent.dedupe) == hint.dedupe)
        .values(deliveries=HookEvent.deliveries + 1)
    )
    return counted.rowcount > 0


def _stored_again(session: Session, connection_id: int, hint: Hint) -> int | None:
    """A tool tells moments by the second, and what was read within that second may have changed
    once more in it."""
    if hint.at is None:
        return None
    stored_again = session.connection().execute(
        update(HookEvent)
        .where(
            col(HookEvent.connection_id) == connection_id,
            col(HookEvent.dedupe) == hint.dedupe,
            col(HookEvent.state) != HookState.STORED,
            col(HookEvent.applied_at) < hint.at + SAME_MOMENT,
        )
        .values(state=HookState.STORED, applied_at=None)
        .returning(col(HookEvent.id))
    )
    return stored_again.scalar()


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


def note_applied(session: Session, event_id: int, deliveries: int, at: datetime) -> None:
    """`deliveries` is what it was before the record was read: one that came since may tell of a
    later change, and leaves the event to be applied again."""
    session.connection().execute(
        update(HookEvent)
        .where(col(HookEvent.id) == event_id, col(HookEvent.deliveries) == deliveries)
        .values(state=HookState.APPLIED, applied_at=at)
    )


def note_failed(session: Session, event_id: int, deliveries: int, at: datetime) -> None:
    """The record could not be read again; the next scheduled pull brings it.

    What another worker has applied meanwhile stays applied, and `deliveries` is as in
    `note_applied`.
    """
    session.connection().execute(
        update(HookEvent)
        .where(
            col(HookEvent.id) == event_id,
            col(HookEvent.deliveries) == deliveries,
            col(HookEvent.state) == HookState.STORED,
        )
        .values(state=HookState.FAILED, applied_at=at)
    )
