"""Writes of a run that were done, and that were taken back."""

from collections.abc import Sequence

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from sync.store import links
from sync.store.agreements import CHANGES
from sync.store.coalescing import PENDING
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
    """The last run that wrote to the task of a write after it; None where none did. What was made
    anew since is another task."""
    anew = aliased(Outbox)
    in_its_place = (
        select(anew.key)
        .where(
            anew.connection_id == row.connection_id,
            anew.subject == row.subject,
            anew.operation == Operation.CREATE_TASK,
            col(anew.sequence) > row.sequence,
            col(anew.sequence) <= Outbox.sequence,
            col(anew.remote_id) != row.remote_id,
        )
        .exists()
    )
    later = select(Outbox.run_id).where(
        Outbox.connection_id == row.connection_id,
        Outbox.subject == row.subject,
        col(Outbox.operation).in_((Operation.CREATE_TASK, *CHANGES)),
        Outbox.state == OutboxState.DONE,
        col(Outbox.sequence) > row.sequence,
        Outbox.run_id != row.run_id,
        ~in_its_place,
    )
    return session.exec(later.order_by(col(Outbox.sequence).desc()).limit(1)).first()


def create_taken_back(session: Session, connection_id: int, subject: str) -> str | None:
    """The key of the create that an object misses since it was taken back; None where it misses
    none."""
    last = session.exec(_creates(connection_id, subject).limit(1)).first()
    return last.key if last is not None and last.state is OutboxState.UNDONE else None


def made_by_another(session: Session, row: Outbox) -> str | None:
    """The key of another create of the object that this one made, or was to make: one that came
    later and was not let go, that is on its way, or whose record is the one that is tied. To send
    this one as well would make two. All are locked until the unit of work ends."""
    if row.operation not in CREATES:
        return None
    every = _creates(row.connection_id, row.subject).with_for_update()
    creates = session.exec(every.execution_options(populate_existing=True)).all()
    kind = links.kind_of(row.operation)
    tied = links.linked_id(session, row.connection_id, kind, row.subject)

    def stands(other: Outbox) -> bool:
        if other.sequence > row.sequence and other.state is not OutboxState.DROPPED:
            return True
        is_tied = tied is not None and other.remote_id == tied != row.remote_id
        return is_tied or other.state in PENDING

    return next((each.key for each in creates if each.key != row.key and stands(each)), None)


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
