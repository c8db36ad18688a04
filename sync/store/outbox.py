"""Intended writes, claimed one at a time, and the links they leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from sync.store import runs
from sync.store.after_restore import restores_since
from sync.store.coalescing import PENDING, coalesced
from sync.store.database import one_at_a_time
from sync.store.elsewhere import as_there
from sync.store.runs import SET_BACK
from sync.tables.outbox import Operation, Outbox, OutboxState

# A write that fails again and again is not put off by more.
LONGEST_PAUSE = timedelta(minutes=30)
# What was written between a backup and its restore is planned anew within this.
LOOK_FIRST = timedelta(days=30)
FAILED = (OutboxState.REFUSED, OutboxState.DEAD)
CREATES = (Operation.CREATE_TASK, Operation.CREATE_TARGET)


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
    """Put writes into the outbox, in order; one whose key is known is not put in again. A push that
    waits out a failing write goes on with what is new.

    After a restore what is new here may have been written before, until the moment of the restore:
    it is looked up first (G5).

    Returns how many are new.
    """
    one_at_a_time(session, "outbox")
    restores = [each.restored_at for each in restores_since(session, at - LOOK_FIRST)]
    sequence = session.exec(select(func.max(Outbox.sequence))).one() or 0
    new, woken = 0, set()
    for intention in intentions:
        if session.get(Outbox, intention.key) is not None:
            continue
        sequence, new = sequence + 1, new + 1
        there = as_there(session, intention.connection_id, intention.operation, intention.payload)
        row = Outbox(**vars(intention), sequence=sequence, planned_at=at)
        if restores:
            row.may_exist, row.doubted_at = True, max(restores)
        if there is not None:
            row.payload, row.may_exist = there, True
        session.add(row)
        woken.add(intention.connection_id)
    for connection_id in woken:
        runs.wake_push(session, connection_id)
    return new


@dataclass(frozen=True)
class Claimed:
    """A write that is now ours to deliver.

    `may_exist` says that it may have taken effect already; `remote_id` is set when it has. The tool
    may still be at a call that went out at `sent_at`, or until `doubted_at` before a restore.
    `attempts` and `waits` count what happened before.
    """

    intention: Intention
    attempts: int
    waits: int
    may_exist: bool
    remote_id: str | None
    before: dict[str, Any] | None = None
    sent_at: datetime | None = None
    doubted_at: datetime | None = None

    @property
    def last_call(self) -> datetime | None:
        """When the last call may have gone out."""
        return max(filter(None, (self.sent_at, self.doubted_at)), default=None)


def claim(
    session: Session, connection_id: int, now: datetime, *, stamps_apart: bool = False
) -> Claimed | None:
    """Take the next write that may go out, with what can go out with it; commit this before the
    call (G5). `stamps_apart` leaves tasks that only want their stamp to `claim_stamps`: None also
    when it is their turn.

    What was put off least goes first, so that one that fails again and again does not keep the
    others from their turn.
    """
    apart = [not_(and_(*_STAMPS))] if stamps_apart else []
    row = session.exec(
        select(Outbox)
        .where(Outbox.connection_id == connection_id, *may_go(now), *apart)
        .order_by(col(Outbox.waits), col(Outbox.sequence))
        .limit(1)
        .with_for_update()
    ).first()
    if row is None or (apart and row.waits and _stamp_waits_less(session, row, now)):
        return None
    return _claimed(session, coalesced(session, row))


def claim_stamps(
    session: Session, connection_id: int, now: datetime, most: int
) -> Sequence[Claimed]:
    """Take tasks that were made and want their stamp."""
    rows = session.exec(
        select(Outbox)
        .where(Outbox.connection_id == connection_id, *may_go(now), *_STAMPS)
        .order_by(col(Outbox.waits), col(Outbox.sequence))
        .limit(most)
        .with_for_update()
    ).all()
    return [_claimed(session, row) for row in rows]


_STAMPS = (
    col(Outbox.state) == OutboxState.STAMPING,
    col(Outbox.operation) == Operation.CREATE_TASK,
)


def _stamp_waits_less(session: Session, row: Outbox, now: datetime) -> bool:
    stamps = select(Outbox.key).where(
        Outbox.connection_id == row.connection_id,
        *may_go(now),
        *_STAMPS,
        col(Outbox.waits) < row.waits,
    )
    return session.exec(stamps.limit(1)).first() is not None


def _claimed(session: Session, row: Outbox) -> Claimed:
    # Nobody else has the run: whoever was sending it is gone. Whoever stamps it notes what came of
    # it, or is gone as well.
    row.attempts += row.state is OutboxState.SENDING
    claimed = Claimed(
        _intention(row),
        row.attempts,
        row.waits,
        row.may_exist,
        row.remote_id,
        row.before,
        row.sent_at,
        row.doubted_at,
    )
    row.attempts += row.state is OutboxState.STAMPING
    if row.state is OutboxState.PLANNED:
        row.state = OutboxState.SENDING
    row.may_exist, row.not_before = True, None
    session.add(row)
    return claimed


def may_go(now: datetime | None = None) -> Sequence[ColumnElement[bool]]:
    """What goes out by itself, now or at any time."""
    if now is None:
        return _IN_TURN
    set_back = col(Outbox.put_off_at) > now + SET_BACK
    due = or_(col(Outbox.not_before).is_(None), col(Outbox.not_before) <= now, set_back)
    return (*_IN_TURN, due)


def _in_turn() -> Sequence[ColumnElement[bool]]:
    """Writes to one subject keep their order: a later one waits until the earlier ones ended, and
    behind a create that was refused until somebody has settled it."""
    before = aliased(Outbox)
    stands = or_(
        col(before.state).in_(PENDING),
        and_(col(before.state).in_(FAILED), col(before.operation).in_(CREATES)),
    )
    held_back = (
        select(before.key)
        .where(
            before.connection_id == Outbox.connection_id,
            before.subject == Outbox.subject,
            col(before.sequence) < Outbox.sequence,
            stands,
        )
        .exists()
    )
    return (col(Outbox.state).in_(PENDING), not_(held_back))


# Made once: putting it together takes longer than the database takes to answer.
_IN_TURN = _in_turn()


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


def note_sent(session: Session, key: str, at: datetime) -> None:
    """To be committed right before a call that must not be done twice."""
    row = session.get_one(Outbox, key)
    row.sent_at = at
    session.add(row)


def note_clock_set_back(session: Session, key: str, at: datetime) -> None:
    """No call of the past lies ahead."""
    row = session.get_one(Outbox, key)
    row.sent_at = min(row.sent_at, at) if row.sent_at else None
    row.doubted_at = min(row.doubted_at, at) if row.doubted_at else None
    session.add(row)


def note_before(session: Session, key: str, before: dict[str, Any]) -> None:
    """To be committed before the call that changes it, where this can be undone."""
    row = session.get_one(Outbox, key)
    row.before = before
    session.add(row)


def note_done(session: Session, key: str, run_id: int, at: datetime) -> None:
    row = session.get_one(Outbox, key)
    row.state, row.run_id, row.done_at, row.error = OutboxState.DONE, run_id, at, None
    session.add(row)


@dataclass(frozen=True)
class PutOff:
    """Why a write goes out later: `told` in words, and what to count for it."""

    told: dict[str, Any]
    may_exist: bool
    not_before: datetime | None
    attempts: int
    waits: int
    at: datetime


def note_put_off(session: Session, key: str, why: PutOff) -> None:
    row = session.get_one(Outbox, key)
    if row.state is OutboxState.SENDING:
        row.state = OutboxState.PLANNED
    row.may_exist, row.error, row.not_before = why.may_exist, why.told, why.not_before
    row.attempts, row.waits, row.put_off_at = why.attempts, why.waits, why.at
    session.add(row)


@dataclass(frozen=True)
class GivenUp:
    """Why a write does not go out again by itself. `state` is refused or dead."""

    told: dict[str, Any]
    may_exist: bool
    state: OutboxState
    run_id: int
    at: datetime


def note_given_up(session: Session, key: str, why: GivenUp) -> None:
    """What somebody let go while it was under way stays so."""
    row = session.get_one(Outbox, key, with_for_update=True)
    if row.state is OutboxState.DROPPED:
        return
    row.state, row.error, row.may_exist = why.state, why.told, why.may_exist
    row.run_id, row.done_at = why.run_id, why.at
    row.attempts += 1
    session.add(row)


def state_of(session: Session, key: str) -> OutboxState | None:
    found = session.get(Outbox, key)
    return found.state if found else None


def is_to_be_made(session: Session, key: str) -> bool:
    """Whether this create is still to go out, by itself or once somebody has settled it."""
    return state_of(session, key) in (*PENDING, *FAILED)


def given_up_in(session: Session, run_id: int) -> Sequence[Outbox]:
    """What a run left for people to settle."""
    return session.exec(
        select(Outbox)
        .where(Outbox.run_id == run_id, col(Outbox.state).in_(FAILED))
        .order_by(col(Outbox.sequence))
    ).all()


def has_unsent(session: Session, connection_id: int) -> bool:
    """Whether anything will go out by itself."""
    waiting = select(Outbox.key).where(Outbox.connection_id == connection_id, *may_go())
    return session.exec(waiting.limit(1)).first() is not None


def any_target_pending(session: Session, targets: Sequence[str]) -> bool:
    """Whether one of these has still to be made."""
    if not targets:
        return False
    rows = session.exec(
        select(Outbox.key).where(
            col(Outbox.subject).in_(targets),
            col(Outbox.operation) == Operation.CREATE_TARGET,
            col(Outbox.state).in_((OutboxState.PLANNED, OutboxState.SENDING)),
        )
    )
    return rows.first() is not None


def outbox_rows(session: Session, connection_id: int | None = None) -> Sequence[Outbox]:
    statement = select(Outbox).order_by(col(Outbox.sequence))
    if connection_id is not None:
        statement = statement.where(Outbox.connection_id == connection_id)
    return session.exec(statement).all()
