"""A copy of all tables in one file, of one moment, the same for SQLite and PostgreSQL.

The file is a zip: `backup.json` says of which revision the tables are, what their columns hold and
how many rows there are; each table is a file of JSON lines, a row each. The key ring is not in it.
"""

import base64
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Table

from sync.store.after_restore import set_right
from sync.store.database import Database, knows_revision, take_time, upgrade_tables
from sync.store.runs import LEASE, SET_BACK
from sync.tables import metadata
from sync.tables.columns import UtcDateTime
from sync.tables.runs import RunStatus

FORMAT = 1
# What reading a file raises in which some bytes are not as they were written.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    ValueError,
    NotImplementedError,  # zipfile, of a method of compression that it does not know
    msgspec.MsgspecError,
)
# How the entries of a zip are packed by us, or by whoever packed one anew.
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # of an entry's flags
HEADER = "backup.json"
AT_ONCE = 1000
VERSIONS = "alembic_version"
# Of any version of ours, also of one that is newer than this; other programs use other names.
OUR_REVISION = re.compile(r"\d{4}")
# By the word in the file: the type by which a column is read and written.
KINDS: Mapping[str, Callable[[], sa.types.TypeEngine[Any]]] = {
    "text": sa.Text,
    "int": sa.BigInteger,
    "float": sa.Float,
    "bool": sa.Boolean,
    "bytes": sa.LargeBinary,
    "date": sa.Date,
    "moment": UtcDateTime,
}
FROM_JSON: Mapping[str, Callable[[Any], Any]] = {
    "bytes": base64.b64decode,
    "date": date.fromisoformat,
    "moment": datetime.fromisoformat,
}


class NotABackup(Exception):
    """The text says what is wrong with the file, and what to do."""


class StillAtWork(Exception):
    """A worker would go on in the tables that were put in place of its own."""


class NotAlone(Exception):
    """The database holds tables of another program, which a restore must not touch."""


class TableOfFile(msgspec.Struct, frozen=True):
    """`columns` are pairs of a name and a kind."""

    name: str
    columns: list[tuple[str, str]]
    rows: int

    def as_table(self) -> Table:
        columns = [sa.Column(name, KINDS[kind]()) for name, kind in self.columns]
        return Table(self.name, sa.MetaData(), *columns)


class Header(msgspec.Struct, frozen=True):
    format: int
    revision: str
    made_at: datetime
    tables: list[TableOfFile]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True)
class Restored:
    revision: str
    made_at: datetime
    rows: int
    ended_pulls: int


def write_backup(database: Database, file: IO[bytes], at: datetime) -> Header:
    """While others write: one reader's view of everything."""
    tables = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, database.reading() as session:
        connection = session.connection()
        revision = connection.execute(_REVISION)
        for table in metadata.sorted_tables:
            kinds = [(str(column.name), _kind(column.type)) for column in table.columns]
            count = 0
            with archive.open(_entry(table.name), "w", force_zip64=True) as lines:
                for row in _rows(connection, TableOfFile(table.name, kinds, 0).as_table()):
                    lines.write(msgspec.json.encode(list(row)) + b"\n")
                    count += 1
            tables.append(TableOfFile(str(table.name), kinds, count))
        header = Header(FORMAT, revision.scalar_one(), at, tables)
        archive.writestr(HEADER, msgspec.json.encode(header))
    return header


def _kind(type_: sa.types.TypeEngine[Any]) -> str:
    if isinstance(type_, UtcDateTime):
        return "moment"
    if isinstance(type_, sa.types.TypeDecorator):
        return _kind(type_.impl_instance)
    if isinstance(type_, sa.String):
        return "text"
    if isinstance(type_, sa.Integer):
        return "int"
    for kind in ("float", "bool", "bytes", "date"):
        if isinstance(type_, KINDS[kind]):  # type: ignore[arg-type]  # these are classes
            return kind
    raise TypeError(f"a backup does not know columns of {type_!r}")


def _rows(connection: Connection, table: Table) -> Iterator[Any]:
    return iter(connection.execute(sa.select(table).execution_options(yield_per=AT_ONCE)))


def read_header(path: Path) -> Header:
    """Of a file that can be read to its end. Raises NotABackup."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_whole(archive)
            header = msgspec.json.decode(archive.read(HEADER), type=Header)
    except (OSError, *DAMAGED) as error:
        raise NotABackup(f"{path} is no backup of Retro ROI, or is damaged.") from error
    if header.format != FORMAT or not knows_revision(header.revision):
        raise NotABackup(
            f"{path} was made by a newer version ({header.revision}); install that to restore it."
        )
    return header


def _check_whole(archive: zipfile.ZipFile) -> None:
    """Raises what DAMAGED names."""
    for entry in archive.infolist():
        # A bit that is another makes zipfile ask for a password, or unpack with a library that
        # raises what a failing disk raises.
        if entry.flag_bits & ENCRYPTED or entry.compress_type not in PACKED:
            raise zipfile.BadZipFile(f"{entry.filename} is packed in a way that is not ours")
    if (name := archive.testzip()) is not None:
        raise zipfile.BadZipFile(f"{name} is not as it was written")


def refuse_beside_others(database: Database) -> None:
    """Raises NotAlone."""
    with database.reading() as session:
        _refuse_beside_others(session.connection())


def is_empty(database: Database) -> bool:
    """Whether a restore would overwrite nothing that was connected, imported or done. To be asked
    of a database that is ours alone."""
    if database.revision() is None:
        return True
    with database.reading() as session:
        connection = session.connection()
        return not any(
            connection.execute(
                sa.select(sa.literal(1)).select_from(metadata.tables[name]).limit(1)
            ).first()
            for name in ("connection", "retro", "person")
        )


def others_at_work(database: Database) -> int:
    """Other connections of ours to a database server; SQLite cannot tell."""
    if database.engine.dialect.name == "sqlite":
        return 0
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'retro' AND pid <> pg_backend_pid()"
    )
    # Those of our own pool are not others.
    database.close()
    with database.reading() as session:
        return int(session.execute(sa.text(others)).scalar_one())


def restore_backup(database: Database, path: Path, now: datetime) -> Restored:
    """Replaces everything in one transaction, and brings it up to date. `now` is the database's.

    Writes that were still to be sent may have been sent since, and so may those that are planned
    again: they are looked up first (G5). Pulls that were under way are ended.

    Raises NotABackup, NotAlone, StillAtWork; then, and after a crash, what was there is still
    there.
    """
    header = read_header(path)
    with database.engine.connect() as connection, zipfile.ZipFile(path) as archive:
        connection = connection.execution_options(retro_writes=True)
        with connection.begin():
            take_time(connection)
            _refuse_beside_others(connection)
            _refuse_beside_workers(connection, now)
            _drop_ours(connection)
            upgrade_tables(connection, header.revision)
            for each in header.tables:
                _fill(connection, each, archive)
            _count_on(connection, header)
            upgrade_tables(connection)
            ended = set_right(connection, now, header.made_at)
    return Restored(header.revision, header.made_at, header.rows, ended)


def _refuse_beside_others(connection: Connection) -> None:
    if others := _tables(connection) - _ours(connection):
        raise NotAlone(
            "This database holds tables that are not Retro ROI's, or not of this version: "
            f"{', '.join(sorted(others))}. Nothing was changed. Make a database of its "
            "own, name it in RETRO_DATABASE_URL, and restore into that."
        )


def _tables(connection: Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names())


def _ours(connection: Connection) -> set[str]:
    """The names of our tables where they are ours: another program may have a table of persons."""
    if not connection.dialect.has_table(connection, VERSIONS):
        return set()
    revision = connection.execute(_REVISION).scalar()
    if revision is None:
        return {VERSIONS}
    return {VERSIONS, *metadata.tables} if OUR_REVISION.fullmatch(revision) else set()


_REVISION = sa.text(f"SELECT version_num FROM {VERSIONS}")  # noqa: S608  # the name is ours


def _refuse_beside_workers(connection: Connection, now: datetime) -> None:
    """A backup may hold the very run that a living worker has, further back: its next page would
    leave out what lies between. A worker that was killed is gone when its lease has run out."""
    if not connection.dialect.has_table(connection, "run"):
        return
    # Of any revision, so not the table as it is now.
    status, until = sa.column("status", sa.Text), sa.column("lease_until", UtcDateTime)
    held = sa.select(sa.func.count()).select_from(sa.table("run", status, until))
    alive = until.between(now, now + LEASE + SET_BACK)
    count = connection.execute(held.where(status == RunStatus.RUNNING.value, alive)).scalar_one()
    if count:
        raise StillAtWork(
            f"Runs that workers are at: {count}. End every process (a pull in another terminal "
            f"too), wait {LEASE.seconds} seconds, then restore again."
        )


def _drop_ours(connection: Connection) -> None:
    there = sa.MetaData()
    # As they are there, of whatever revision: the order of dropping goes by their foreign keys.
    there.reflect(connection, only=sorted(_tables(connection) & _ours(connection)))
    there.drop_all(connection)


def _fill(connection: Connection, given: TableOfFile, archive: zipfile.ZipFile) -> None:
    table, count = given.as_table(), 0
    connection.execute(sa.delete(table))
    decoders = [FROM_JSON.get(kind) for _, kind in given.columns]
    names = [name for name, _ in given.columns]
    try:
        with archive.open(_entry(given.name)) as lines:
            while some := list(islice(lines, AT_ONCE)):
                rows = [_row(names, decoders, json.loads(line)) for line in some]
                connection.execute(sa.insert(table), rows)
                count += len(rows)
    except DAMAGED as error:
        raise NotABackup(f"The backup is damaged at its table {given.name}.") from error
    if count != given.rows:
        raise NotABackup(f"The backup lacks rows of its table {given.name}.")


def _row(
    names: Sequence[str], decoders: Sequence[Callable[[Any], Any] | None], values: Sequence[Any]
) -> dict[str, Any]:
    return {
        name: decode(value) if decode is not None and value is not None else value
        for name, decode, value in zip(names, decoders, values, strict=True)
    }


def _count_on(connection: Connection, header: Header) -> None:
    """PostgreSQL numbers new rows by counters that know nothing of rows brought along."""
    if connection.dialect.name != "postgresql":
        return
    quote = connection.dialect.identifier_preparer.quote
    for each in header.tables:
        if ("id", "int") in each.columns:
            name = quote(each.name)
            connection.execute(
                sa.text(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), "  # noqa: S608  # names are ours
                    f"(SELECT coalesce(max(id), 0) + 1 FROM {name}), false)"
                )
            )


def _entry(table: str) -> str:
    return f"{table}.jsonl"


def draft_of(path: Path) -> Path:
    """Beside the file: a backup is there whole or not at all."""
    return path.with_name(f".{path.name}.{os.getpid()}")
