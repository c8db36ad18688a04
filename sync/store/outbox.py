"""Intended writes, claimed one at a time, and the links they leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from sync.tables.outbox import Link, LinkKind, Operation, Outbox, OutboxState

# Left behind by a worker that died in the middle: their outcome is unknown.
IN_FLIGHT = (OutboxState.SENDING, OutboxState.STAMPING)


@dataclass(frozen=True)
class Intention:
    """A write as planned. `key` tells it from every other one, for good."""

    key: str
    connection_id: int
    operation: Operation
    subject: str
    payload: dict[str, Any]
    because: list[dict[str, Any]]


def intend(session: Session, intentions: Sequence[Intention], at: datetime) -> int:
    """Put writes into the outbox, in order; one whose key is known is not put in again.

    Returns how many are new.
    """
    sequence = session.exec(select(func.max(Outbox.sequence))).one() or 0
    new = 0
    for intention in intentions:
        if session.get(Outbox, intention.key) is not None:
            continue
        sequence, new = sequence + 1, new + 1
        session.add(Outbox(**vars(intention), sequence=sequence, planned_at=at))
    return new


@dataclass(frozen=True)
class Claimed:
    """A write that is now ours to deliver.

    `interrupted` says that it may have taken effect already; `remote_id` is set when it has.
    """

    intention: Intention
    attempts: int
    interrupted: bool
    remote_id: str | None


def claim(session: Session, connection_id: int, now: datetime) -> Claimed | None:
    """Take the next write that may go out; commit this before the call (G5).

    Writes to one subject keep their order: a later one waits until the earlier ones ended.
    """
    waiting = session.exec(
        select(Outbox)
        .where(
            Outbox.connection_id == connection_id,
            or_(col(Outbox.state) == OutboxState.PLANNED, col(Outbox.state).in_(IN_FLIGHT)),
        )
        .order_by(col(Outbox.sequence))
    ).all()
    held_back: set[str] = set()
    for row in waiting:
        too_early = row.not_before is not None and row.not_before > now
        if too_early or row.subject in held_back:
            held_back.add(row.subject)
            continue
        interrupted = row.state in IN_FLIGHT
        if row.state is OutboxState.PLANNED:
            row.state = OutboxState.SENDING
        row.attempts += 1
        row.not_before = None
        session.add(row)
        return Claimed(_intention(row), row.attempts, interrupted, row.remote_id)
    return None


def _intention(row: Outbox) -> Intention:
    return Intention(
        key=row.key,
        connection_id=row.connection_id,
        operation=row.operation,
        subject=row.subject,
        payload=row.payload,
        because=row.because,
    )


def note_created(session: Session, key: str, remote_id: str) -> None:
    """The record is there and known; what remains may be repeated freely."""
    row = session.get_one(Outbox, key)
    row.state, row.remote_id = OutboxState.STAMPING, remote_id
    session.add(row)


def note_done(session: Session, key: str, run_id: int, at: datetime) -> None:
    row = session.get_one(Outbox, key)
    row.state, row.run_id, row.done_at, row.error = OutboxState.DONE, run_id, at, None
    session.add(row)


def note_not_sent(
    session: Session, key: str, error: dict[str, Any], not_before: datetime | None
) -> None:
    """The tool did not do it: it goes out again later."""
    row = session.get_one(Outbox, key)
    if row.state is OutboxState.SENDING:
        row.state = OutboxState.PLANNED
    row.error, row.not_before = error, not_before
    session.add(row)


def note_unknown(session: Session, key: str, error: dict[str, Any], not_before: datetime) -> None:
    """Its answer was lost: it stays in flight, so that it is looked up before anything else."""
    row = session.get_one(Outbox, key)
    row.error, row.not_before = error, not_before
    session.add(row)


def note_refused(
    session: Session, key: str, error: dict[str, Any], state: OutboxState, at: datetime
) -> None:
    row = session.get_one(Outbox, key)
    row.state, row.error, row.done_at = state, error, at
    session.add(row)


def retry(session: Session, key: str) -> bool:
    """Send a refused or dead write again; False when there is none with this key."""
    row = session.get(Outbox, key)
    if row is None or row.state not in (OutboxState.REFUSED, OutboxState.DEAD):
        return False
    row.state = OutboxState.PLANNED if row.remote_id is None else OutboxState.STAMPING
    row.attempts, row.error, row.not_before, row.done_at = 0, None, None, None
    session.add(row)
    return True


def next_attempt(session: Session, connection_id: int) -> datetime | None:
    """When the earliest write that waits may go out."""
    return session.exec(
        select(func.min(Outbox.not_before)).where(
            Outbox.connection_id == connection_id,
            col(Outbox.state).in_((OutboxState.PLANNED, *IN_FLIGHT)),
        )
    ).one()


def pending_connections(session: Session, now: datetime) -> Sequence[int]:
    """Connections whose outbox holds something that may go out now."""
    return session.exec(
        select(Outbox.connection_id)
        .where(
            col(Outbox.state).in_((OutboxState.PLANNED, *IN_FLIGHT)),
            or_(col(Outbox.not_before).is_(None), col(Outbox.not_before) <= now),
        )
        .distinct()
    ).all()


def has_unsent(session: Session, connection_id: int) -> bool:
    return (
        session.exec(
            select(Outbox.key)
            .where(
                Outbox.connection_id == connection_id,
                col(Outbox.state).in_((OutboxState.PLANNED, *IN_FLIGHT)),
            )
            .limit(1)
        ).first()
        is not None
    )


def is_pending(session: Session, subject: str, operation: Operation) -> bool:
    """Whether a write to this object has still to end."""
    rows = session.exec(
        select(Outbox.key).where(
            Outbox.subject == subject,
            col(Outbox.operation) == operation,
            col(Outbox.state).in_((OutboxState.PLANNED, OutboxState.SENDING)),
        )
    )
    return rows.first() is not None


def outbox_rows(session: Session, connection_id: int | None = None) -> Sequence[Outbox]:
    statement = select(Outbox).order_by(col(Outbox.sequence))
    if connection_id is not None:
        statement = statement.where(Outbox.connection_id == connection_id)
    return session.exec(statement).all()


def link(
    session: Session,
    connection_id: int,
    kind: LinkKind,
    key: str,
    remote_id: str,
    base: dict[str, Any],
    at: datetime,
) -> None:
    """Tie our object to its remote record; doing it again only refreshes the base."""
    session.merge(
        Link(
            connection_id=connection_id,
            kind=kind,
            key=key,
            remote_id=remote_id,
            base=base,
            linked_at=at,
        )
    )


def linked_id(session: Session, connection_id: int, kind: LinkKind, key: str) -> str | None:
    found = session.get(Link, (connection_id, kind, key))
    return found.remote_id if found else None


def links(session: Session, connection_id: int, kind: LinkKind) -> Sequence[Link]:
    return session.exec(
        select(Link).where(Link.connection_id == connection_id, Link.kind == kind)
    ).all()
