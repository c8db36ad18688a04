"""What people ask of the outbox as a whole."""

from sqlalchemy import update
from sqlmodel import Session, col, select

from sync.store import outbox, runs
from sync.tables.outbox import Outbox


def retry_all(session: Session) -> int:
    """Send every refused or dead write again; returns how many there are."""
    keys = session.exec(
        select(Outbox.key)
        .where(col(Outbox.state).in_(outbox.FAILED))
        .order_by(col(Outbox.sequence))
    ).all()
    return sum(outbox.retry(session, key) for key in keys)


def hurry(session: Session, connection_id: int) -> None:
    """Somebody asks for a push: what was put off may go out now."""
    session.connection().execute(
        update(Outbox)
        .where(col(Outbox.connection_id) == connection_id, col(Outbox.not_before).is_not(None))
        .values(not_before=None)
    )
    runs.wake_push(session, connection_id)
