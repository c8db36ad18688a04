"""Tasks that another installation made: our key stands on them, and nothing here is tied to it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from connectors.models import Stream
from sync.store.cursors import watermark
from sync.store.mirror import Feed
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import Link, LinkKind, Operation


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


def may_be_there(
    session: Session, connection_id: int, operation: Operation, payload: dict[str, Any]
) -> bool:
    """Whether what a create makes may be there already: then whoever makes it looks first, and ties
    what is found to what we know (G5). Of KPI targets only the tasks beside them tell."""
    key = col(RemoteTaskRow.key)
    match operation:
        case Operation.CREATE_TASK:
            such = key == payload.get("key")
        case Operation.CREATE_TARGET:
            such = key.startswith(f"{payload.get('decision')}:", autoescape=True)
        case _:
            return False
    return bool(made_elsewhere(session, connection_id, such))


def never_read(session: Session, connection_id: int) -> bool:
    """Whether nothing is known of what others made."""
    return watermark(session, Feed(connection_id, Stream.TASKS)) is None
