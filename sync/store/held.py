"""Writes that do not go out by themselves: somebody has to settle what keeps them."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from sync.store.coalescing import PENDING
from sync.store.outbox import CREATES, FAILED
from sync.tables.outbox import Outbox


def undelivered(session: Session, connection_id: int) -> Sequence[Outbox]:
    """What was given up, and what has not gone out, in order."""
    return session.exec(
        select(Outbox)
        .where(
            Outbox.connection_id == connection_id,
            col(Outbox.state).in_((*PENDING, *FAILED)),
        )
        .order_by(col(Outbox.sequence))
    ).all()


def waiting_behind(writes: Sequence[Outbox]) -> Mapping[str, str]:
    """The key of each pending write that waits until somebody settles a create that was not
    delivered, and the key of that create. `writes` in order."""
    keepers: dict[tuple[int, str], str] = {}
    found = {}
    for write in writes:
        subject = (write.connection_id, write.subject)
        if write.state in FAILED and write.operation in CREATES:
            keepers[subject] = write.key
        elif write.state in PENDING and subject in keepers:
            found[write.key] = keepers[subject]
    return found
