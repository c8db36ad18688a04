"""Writes that need not go out one by one: the newest state of a task is sent once."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from sqlmodel import Session, col, select

from sync.tables.outbox import Operation, Outbox, OutboxState

PENDING = (OutboxState.PLANNED, OutboxState.SENDING, OutboxState.STAMPING)
# What an update writes; tags and bindings of a create are its own.
UPDATED = ("title", "description", "owner", "due_at")


def coalesced(session: Session, row: Outbox) -> Outbox:
    """The write that goes out for `row`: updates that follow one another become the last one, and
    what follows a create that was never tried goes out with it. Their keys stay, as superseded.

    A comment or an end between two updates keeps them apart: the order within a task is kept.
    """
    if row.operation is Operation.UPDATE_TASK:
        return _last_of(session, row)
    if row.operation is Operation.CREATE_TASK and _never_tried(row):
        for update in _updates_after(session, row):
            changed = {name: update.payload[name] for name in UPDATED if name in update.payload}
            row.payload = {**row.payload, **changed}
            _supersede(session, update, row)
    return row


def _last_of(session: Session, row: Outbox) -> Outbox:
    updates = [row, *_updates_after(session, row)]
    last = updates[-1]
    for earlier in updates[:-1]:
        last.payload = _both(earlier.payload, last.payload)
        last.before = earlier.before or last.before
        # A tool that is not well is not asked more often because more was planned.
        last.waits = max(last.waits, earlier.waits)
        _supersede(session, earlier, last)
    session.add(last)
    return last


def _both(earlier: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    """An update of some fields (`only`) and a later one are one of the fields of both."""
    payload = {**earlier, **last}
    payload.pop("only", None)
    if "only" in earlier and "only" in last:
        payload["only"] = sorted({*earlier["only"], *last["only"]})
    return payload


def _never_tried(row: Outbox) -> bool:
    """A key that makes a create repeatable does so for one text only."""
    is_new = row.state is OutboxState.PLANNED and not row.may_exist
    return is_new and row.attempts == row.waits == 0 and row.error is None


def _updates_after(session: Session, row: Outbox) -> Sequence[Outbox]:
    following = session.exec(
        select(Outbox)
        .where(
            Outbox.connection_id == row.connection_id,
            Outbox.subject == row.subject,
            col(Outbox.sequence) > row.sequence,
            col(Outbox.state).in_(PENDING),
        )
        .order_by(col(Outbox.sequence))
    )
    return list(takewhile(lambda each: each.operation is Operation.UPDATE_TASK, following))


def _supersede(session: Session, row: Outbox, by: Outbox) -> None:
    row.state, row.superseded_by = OutboxState.SUPERSEDED, by.key
    session.add(row)
