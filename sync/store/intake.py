"""Takes a page into the mirror; a record that cannot be stored is set aside, the rest goes in.

What can be stored shows when it is stored: a look at every value before would cost each page for
what hardly any page has.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Integer
from sqlalchemy.exc import DataError, DBAPIError, StatementError
from sqlmodel import Session

from connectors.models import Record, history_with
from connectors.port import RefusedRecord
from sync.rows import columns, content_hash, values
from sync.store import cursors, deletes, mirror
from sync.store.bulk import bound_values
from sync.store.closings import correct_closings, meet_in_turn
from sync.store.mirror import Feed, Saved
from sync.store.rules_due import ask_for_rules
from sync.store.runs import Progress
from sync.tables.columns import LARGEST

# Of a column of four bytes; SQLite has none.
LARGEST_SHORT = 2**31 - 1


def take_in(
    session: Session,
    feed: Feed,
    records: Sequence[Record],
    refused: Sequence[RefusedRecord],
    *,
    run_id: int,
    at: datetime,
) -> Progress:
    """Save the records, keep the refused ones with their reason, and forget the reasons of those
    that came through after all. Part of the caller's own transaction."""
    meet_in_turn(session, feed)
    # Before the records, as who accepts deletes takes the question first and then its records.
    deletes.forget_alive(session, feed, [record.id for record in records])
    saved, unfit = _save(session, feed, records, run_id, at)
    aside = (*refused, *unfit)
    without = {one.id for one in unfit}
    taken = [record for record in records if record.id not in without]
    correct_closings(session, feed, [r for r in taken if r.id in saved.written])
    cursors.set_aside(session, feed, aside, run_id=run_id, at=at)
    told = {whole for record in taken if (whole := history_with(record)) is not None}
    cursors.clear_set_aside(session, feed, [*(record.id for record in taken), *told])
    if saved.created or saved.updated:
        ask_for_rules(session, feed.connection_id, feed.stream)
    return Progress(
        read=len(records) + len(refused),
        created=saved.created,
        updated=saved.updated,
        unchanged=saved.unchanged,
        set_aside=len(aside),
    )


def _save(
    session: Session, feed: Feed, records: Sequence[Record], run_id: int, at: datetime
) -> tuple[Saved, Sequence[RefusedRecord]]:
    try:
        with session.begin_nested():
            return mirror.save_records(session, feed, records, run_id=run_id, seen_at=at), ()
    except (ValueError, ArithmeticError, StatementError) as error:
        if isinstance(error, DBAPIError) and not isinstance(error, DataError):
            raise
        unfit = _unfit(session, feed, records)
        if not unfit:
            raise
    without = {one.id for one in unfit}
    fit = [record for record in records if record.id not in without]
    return mirror.save_records(session, feed, fit, run_id=run_id, seen_at=at), unfit


def _unfit(session: Session, feed: Feed, records: Sequence[Record]) -> list[RefusedRecord]:
    found = {}
    for record in records:
        reason = _why_unfit(session, feed, record)
        if reason is not None:
            found[record.id] = RefusedRecord(record.id, reason, _raw(record))
    return list(found.values())


def _why_unfit(session: Session, feed: Feed, record: Record) -> str | None:
    part = ""
    try:
        for part, value in zip(columns(type(record)), values(record), strict=True):
            _check_fits(session, feed, part, value)
        part = "record"
        content_hash(record)
    except (ValueError, ArithmeticError, TypeError) as error:
        return f"{part}: {error}"
    return None


def _check_fits(session: Session, feed: Feed, name: str, value: Any) -> None:
    is_postgresql = session.connection().dialect.name == "postgresql"
    type_ = feed.table.c[name].type
    is_short = is_postgresql and isinstance(type_, Integer) and not isinstance(type_, BigInteger)
    largest = LARGEST_SHORT if is_short else LARGEST
    for bound in bound_values(session, feed.table, name, [value]):
        if isinstance(bound, int) and not -largest - 1 <= bound <= largest:
            raise ValueError(f"{value} is too large")
        if isinstance(bound, str):
            bound.encode()
            if "\0" in bound and is_postgresql:
                raise ValueError("it holds a NUL character")


def _raw(record: Record) -> str:
    try:
        return msgspec.json.encode(record).decode()
    except ValueError:
        return repr(record).encode("ascii", "backslashreplace").decode()
