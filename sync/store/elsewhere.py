"""Tasks that another installation made: our key stands on them, and nothing here is tied to it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from connectors.models import Stream
from sync.store.cursors import watermark
from sync.store.mirror import Feed
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import Link, LinkKind, Operation

# Between the key of a task and what tells one that was made in its place.
AGAIN = "~"


def made_elsewhere(
    session: Session, connection_id: int, *such: ColumnElement[bool]
) -> Sequence[RemoteTaskRow]:
    """Those that are there, as they were last read."""
    tied = select(Link.key).where(
        Link.connection_id == RemoteTaskRow.connection_id,
        Link.kind == LinkKind.TASK,
        Link.remote_id == RemoteTaskRow.id,
    )
    return session.exec(
        select(RemoteTaskRow).where(
            RemoteTaskRow.connection_id == connection_id,
            col(RemoteTaskRow.key).is_not(None),
            col(RemoteTaskRow.deleted_at).is_(None),
            ~tied.exists(),
            *such,
        )
    ).all()


def as_there(
    session: Session, connection_id: int, operation: Operation, payload: dict[str, Any]
) -> dict[str, Any] | None:
    """What a create says, where what it makes may be there already: then whoever makes it looks
    first, and ties what is found to what we know (G5). A task that was made again since has another
    key, and is looked for by that. Of KPI targets only the tasks beside them tell.

    None where nothing is known to be there.
    """
    key, column = str(payload.get("key")), col(RemoteTaskRow.key)
    match operation:
        case Operation.CREATE_TASK:
            again = column.startswith(f"{key}{AGAIN}", autoescape=True)
            found = made_elsewhere(session, connection_id, or_(column == key, again))
            keys = {each.key for each in found if each.key is not None}
            return {**payload, "key": key if key in keys else max(keys)} if keys else None
        case Operation.CREATE_TARGET:
            beside = column.startswith(f"{payload.get('decision')}:", autoescape=True)
            return payload if made_elsewhere(session, connection_id, beside) else None
        case _:
            return None


def never_read(session: Session, connection_id: int) -> bool:
    """Whether nothing is known of what others made."""
    return watermark(session, Feed(connection_id, Stream.TASKS)) is None
