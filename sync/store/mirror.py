"""Writing and reading the mirror, a page at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, Table, bindparam, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Session

from connectors.models import DailyStats, Record, Stream
from sync.rows import columns, content_hash, differences, values
from sync.store.bulk import insert_rows
from sync.store.ids import listed
from sync.store.rules_due import ask_for_rules
from sync.tables.columns import table_of
from sync.tables.mirror import MIRROR, Change
from sync.tables.runs import RunSeen

SEEN = table_of(RunSeen)


@dataclass(frozen=True)
class Feed:
    """One stream of one connection: whose records these are."""

    connection_id: int
    stream: Stream

    @property
    def table(self) -> Table:
        return table_of(MIRROR[self.stream])


class Held(NamedTuple):
    """What is known of a record before it is saved; `hash` is None where it counts as deleted."""

    hash: bytes | None
    updated_at: datetime | None


@dataclass(frozen=True)
class Saved:
    """How many records of each kind; `written` are the ids of the new and the changed ones."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    written: frozenset[str] = field(default=frozenset(), compare=False)


def save_records(
    session: Session, feed: Feed, records: Sequence[Record], *, run_id: int, seen_at: datetime
) -> Saved:
    """Insert what is new, update what differs and note each field, leave the rest untouched.

    A record that comes twice in one page counts once, as it came last. One that was held to be
    deleted and comes again is alive again. Where only the tool's own moment of change has moved,
    the record is unchanged and the moment is kept up to date. A figure that a record of daily
    figures does not know is left as it is held (G6).

    Raises ValueError or ArithmeticError, bare or inside a StatementError, on a value that its
    column cannot hold; what was written of the page is then to be rolled back.
    """
    if not records:
        return Saved()
    latest = {record.id: record for record in records}
    if isinstance(records[0], DailyStats):
        latest = _completed(session, feed, latest)
    hashes = {id_: content_hash(record) for id_, record in latest.items()}
    known = _known(session, feed, list(latest))
    new = [record for id_, record in latest.items() if id_ not in known]
    changed = [r for id_, r in latest.items() if id_ in known and known[id_].hash != hashes[id_]]
    bumped = [
        r
        for id_, r in latest.items()
        if id_ in known and known[id_].hash == hashes[id_] and known[id_].updated_at != r.updated_at
    ]
    if new:
        names = ("connection_id", "hash", *columns(type(new[0])))
        rows = ((feed.connection_id, hashes[record.id], *values(record)) for record in new)
        insert_rows(session, feed.table, names, rows)
    if changed:
        differing = _note_changes(session, feed, changed, run_id, seen_at)
        _overwrite(session, feed, changed, hashes)
        # The hash of another version may differ where no field does.
        changed = [r for r in changed if r.id in differing or known[r.id].hash is None]
    if bumped:
        _set_moments(session, feed, bumped)
    written = frozenset(record.id for record in (*new, *changed))
    return Saved(len(new), len(changed), len(latest) - len(written), written)


def _completed(session: Session, feed: Feed, latest: Mapping[str, Record]) -> dict[str, Record]:
    """The records with the held figures in place of those that they do not know."""
    held = {row.id: row for row in rows_by_id(session, feed, list(latest)) if not row.deleted_at}
    return {id_: _filled(record, held.get(id_)) for id_, record in latest.items()}


def _filled(record: Record, row: Any) -> Record:
    if row is None:
        return record
    names = [name for name in columns(type(record)) if getattr(record, name) is None]
    missing = {name: getattr(row, name) for name in names if getattr(row, name) is not None}
    if not missing:
        return record
    # Several sources make up the record: their moments of change would undo each other's.
    if record.updated_at is not None and row.updated_at is not None:
        missing["updated_at"] = max(record.updated_at, row.updated_at)
    return msgspec.structs.replace(record, **missing)


def _known(session: Session, feed: Feed, ids: Sequence[str]) -> dict[str, Held]:
    table = feed.table
    rows = session.execute(
        select(table.c.id, table.c.hash, table.c.deleted_at, table.c.updated_at).where(
            table.c.connection_id == feed.connection_id, table.c.id.in_(listed(session, ids))
        )
    )
    return {id_: Held(None if gone else hash_, at) for id_, hash_, gone, at in rows}


def _set_moments(session: Session, feed: Feed, records: Sequence[Record]) -> None:
    table = feed.table
    session.connection().execute(
        update(table)
        .where(table.c.connection_id == feed.connection_id, table.c.id == bindparam("key_id"))
        .values(updated_at=bindparam("updated_at")),
        [{"key_id": record.id, "updated_at": record.updated_at} for record in records],
    )


def _row(feed: Feed, record: Record, hashes: Mapping[str, bytes]) -> dict[str, Any]:
    row = dict(zip(columns(type(record)), values(record), strict=True))
    row["connection_id"] = feed.connection_id
    row["hash"] = hashes[record.id]
    return row


def _note_changes(
    session: Session, feed: Feed, changed: Sequence[Record], run_id: int, seen_at: datetime
) -> set[str]:
    """Ids of the records of which a field differs."""
    names = columns(type(changed[0]))
    before = {row.id: row for row in rows_by_id(session, feed, [r.id for r in changed])}
    changes = [
        {
            "connection_id": feed.connection_id,
            "stream": feed.stream.value,
            "record_id": record.id,
            "field": name,
            "old": old,
            "new": new,
            "changed_at": record.updated_at,
            "seen_at": seen_at,
            "run_id": run_id,
        }
        for record in changed
        for name, old, new in differences(
            names, [getattr(before[record.id], name) for name in names], values(record)
        )
    ]
    if changes:
        session.execute(insert(Change), changes)
    return {str(change["record_id"]) for change in changes}


def _overwrite(
    session: Session, feed: Feed, changed: Sequence[Record], hashes: Mapping[str, bytes]
) -> None:
    table = feed.table
    names = [*columns(type(changed[0])), "hash"]
    statement = (
        update(table)
        .where(
            table.c.connection_id == bindparam("key_connection"), table.c.id == bindparam("key_id")
        )
        .values({name: bindparam(name) for name in names} | {"deleted_at": None})
    )
    rows = [_row(feed, record, hashes) for record in changed]
    session.connection().execute(
        statement,
        [{**row, "key_connection": row.pop("connection_id"), "key_id": row["id"]} for row in rows],
    )


def rows_by_id(session: Session, feed: Feed, ids: Sequence[str]) -> list[Any]:
    """Mirror rows by column name, deleted ones included."""
    table = feed.table
    statement = select(table).where(
        table.c.connection_id == feed.connection_id, table.c.id.in_(listed(session, ids))
    )
    return list(session.execute(statement))


def count_records(session: Session, feed: Feed) -> int:
    """Records that are held and not deleted."""
    table = feed.table
    return _number(
        session,
        select(func.count())
        .select_from(table)
        .where(table.c.connection_id == feed.connection_id, table.c.deleted_at.is_(None)),
    )


def remember_seen(session: Session, run_id: int, ids: Sequence[str]) -> None:
    """Note the ids of a page of a full pull; a page that is saved again is noted once."""
    given = listed(session, ids).subquery()
    rows = select(literal(run_id), given.c.value)
    names = ["run_id", "record_id"]
    if session.connection().dialect.name == "sqlite":
        # Its parser takes `ON CONFLICT` after a select for a join; the prefix says the same.
        session.execute(insert(SEEN).prefix_with("OR IGNORE").from_select(names, rows))
    else:
        session.execute(pg_insert(SEEN).from_select(names, rows).on_conflict_do_nothing())


def count_seen(session: Session, run_id: int) -> int:
    return _number(session, select(func.count()).select_from(SEEN).where(SEEN.c.run_id == run_id))


def held_but_not_seen(session: Session, feed: Feed, run_id: int) -> list[str]:
    """Ids that the mirror holds as alive and the full pull did not meet."""
    table = feed.table
    seen = select(SEEN.c.record_id).where(SEEN.c.run_id == run_id)
    return list(
        session.execute(
            select(table.c.id).where(
                table.c.connection_id == feed.connection_id,
                table.c.deleted_at.is_(None),
                table.c.id.not_in(seen),
            )
        ).scalars()
    )


def count_seen_and_held(session: Session, feed: Feed, run_id: int) -> int:
    """How many of the ids that the full pull met are alive in the mirror."""
    table = feed.table
    return _number(
        session,
        select(func.count())
        .select_from(SEEN)
        .join(table, table.c.id == SEEN.c.record_id)
        .where(
            SEEN.c.run_id == run_id,
            table.c.connection_id == feed.connection_id,
            table.c.deleted_at.is_(None),
        ),
    )


def mark_deleted(session: Session, feed: Feed, ids: Sequence[str], at: datetime) -> int:
    """How many of them were held as alive until now."""
    table = feed.table
    marked = session.connection().execute(
        update(table)
        .where(
            table.c.connection_id == feed.connection_id,
            table.c.id.in_(listed(session, ids)),
            table.c.deleted_at.is_(None),
        )
        .values(deleted_at=at)
    )
    if marked.rowcount:
        ask_for_rules(session, feed.connection_id, feed.stream)
    return marked.rowcount


def iterate_rows(
    session: Session, stream: Stream, connection_id: int | None = None, limit: int | None = None
) -> Iterator[Any]:
    """Rows of a stream in key order, deleted ones included, streamed from the database."""
    table = table_of(MIRROR[stream])
    statement = select(table).order_by(table.c.connection_id, table.c.id)
    if connection_id is not None:
        statement = statement.where(table.c.connection_id == connection_id)
    if limit is not None:
        statement = statement.limit(limit)
    yield from session.connection().execute(statement.execution_options(yield_per=1000))


def count_all(session: Session, stream: Stream) -> int:
    """Records of all connections that are held and not deleted."""
    table = table_of(MIRROR[stream])
    return _number(
        session, select(func.count()).select_from(table).where(table.c.deleted_at.is_(None))
    )


def count_pipelines(session: Session) -> int:
    """Pipelines whose stages are held, that of the leads among them."""
    table = table_of(MIRROR[Stream.PIPELINES])
    keys = (table.c.connection_id, table.c.pipeline)
    held = select(*keys).where(table.c.deleted_at.is_(None)).distinct().subquery()
    return _number(session, select(func.count()).select_from(held))


def hashes(session: Session, stream: Stream) -> dict[tuple[int, str], bytes]:
    """The content hash of every row: two states of the mirror can be compared by them."""
    table = table_of(MIRROR[stream])
    rows = session.execute(select(table.c.connection_id, table.c.id, table.c.hash))
    return {(row.connection_id, row.id): row.hash for row in rows}


def count_changes(session: Session) -> int:
    return _number(session, select(func.count()).select_from(table_of(Change)))


def _number(session: Session, statement: Select[int]) -> int:
    return int(session.execute(statement).scalar_one())
