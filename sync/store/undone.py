"""Writes of a run that were done, and that were taken back."""

from collections.abc import Sequence

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from sync.store.agreements import CHANGES
from sync.store.outbox import CREATES
from sync.tables.outbox import Operation, Outbox, OutboxState


def done_in(session: Session, run_id: int) -> Sequence[Outbox]:
    """What a run did and what of it was taken back since, in order."""
    return session.exec(
        select(Outbox)
        .where(
            Outbox.run_id == run_id,
            col(Outbox.state).in_((OutboxState.DONE, OutboxState.UNDONE)),
        )
        .order_by(col(Outbox.done_at), col(Outbox.sequence))
    ).all()


def states_of(session: Session, run_id: int) -> dict[str, OutboxState]:
    """By key, of what a run did."""
    return {row.key: row.state for row in done_in(session, run_id)}


def written_again(session: Session, row: Outbox) -> int | None:
    """The last run that wrote to the task of a write after it; None where none did."""
    later = select(Outbox.run_id).where(
        Outbox.connection_id == row.connection_id,
        Outbox.subject == row.subject,
        col(Outbox.operation).in_((Operation.CREATE_TASK, *CHANGES)),
        Outbox.state == OutboxState.DONE,
        col(Outbox.sequence) > row.sequence,
        Outbox.run_id != row.run_id,
    )
    return session.exec(later.order_by(col(Outbox.sequence).desc()).limit(1)).first()


def create_taken_back(session: Session, connection_id: int, subject: str) -> str | None:
    """The key of the create that an object misses since it was taken back; None where it misses
    none."""
    last = session.exec(_creates(connection_id, subject).limit(1)).first()
    return last.key if last is not None and last.state is OutboxState.UNDONE else None


def made_again_by(session: Session, row: Outbox) -> str | None:
    """The key of the last create of the object that this one made: to send this one as well would
    make two. One that was taken back is what to send again then."""
    if row.operation not in CREATES:
        return None
    later = _creates(row.connection_id, row.subject).where(
        col(Outbox.sequence) > row.sequence, col(Outbox.state) != OutboxState.DROPPED
    )
    last = session.exec(later.limit(1)).first()
    return None if last is None else last.key


def _creates(connection_id: int, subject: str) -> SelectOfScalar[Outbox]:
    """Of one object, the last one first."""
    return (
        select(Outbox)
        .where(
            Outbox.connection_id == connection_id,
            Outbox.subject == subject,
            col(Outbox.operation).in_(CREATES),
        )
        .order_by(col(Outbox.sequence).desc())
    )


def note_undone(session: Session, key: str) -> None:
    row = session.get_one(Outbox, key)
    row.state = OutboxState.UNDONE
    session.add(row)
