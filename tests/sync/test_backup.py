"""A backup is of one moment, fits either database, and brings everything back."""

import threading
import zipfile
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlmodel import Session

from connectors.models import Stream
from sync.store import outbox, runs
from sync.store.backup import (
    HEADER,
    NotABackup,
    NotAlone,
    StillAtWork,
    is_empty,
    restore_backup,
    write_backup,
)
from sync.store.database import Database, newest_revision
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.store.outbox import Intention
from sync.store.runs import LEASE, Worker
from sync.tables import metadata
from sync.tables.connections import Connection
from sync.tables.mirror import CampaignStatsRow
from sync.tables.outbox import Operation
from sync.tables.runs import Mode, Trigger
from tests.portal import new_database
from tests.sync.conftest import NOW
from tests.sync.test_many_workers import deal
from tests.waiting import eventually


def fill(database: Database) -> Feed:
    with database.writing() as session:
        row = Connection(
            name="portal", kind="bitrix24", settings={"é": [1]}, secrets=b"\0\xff", created_at=NOW
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        feed = Feed(row.id, Stream.DEALS)
        run = runs.queue_run(
            session, row.id, "deals", mode=Mode.FULL, trigger=Trigger.MANUAL, at=NOW
        )
        assert run.id is not None
        some = [deal(str(n), amount=Decimal("12.3456"), currency="EUR") for n in range(5)]
        take_in(session, feed, some, (), run_id=run.id, at=NOW)
        write = Intention("task:D", row.id, Operation.CREATE_TASK, "D", {"text": "été"}, [])
        outbox.intend(session, [write], NOW)
        session.add(
            CampaignStatsRow(
                connection_id=row.id,
                id="1",
                hash=b"h",
                extra={},
                day=date(2026, 11, 1),
                campaign="C",
                group="all",
                spend=Decimal("0.01"),
            )
        )
    return feed


def content(database: Database) -> dict[str, list[Any]]:
    with database.reading() as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table)).all()))
            for table in metadata.sorted_tables
        }


@pytest.fixture
def other(empty_database: Database) -> Database:
    """Where a backup is taken to."""
    return empty_database


def backed_up(database: Database, path: Path) -> Path:
    with path.open("w+b") as file:
        write_backup(database, file, NOW)
    return path


def test_a_backup_moves_everything_to_either_database(
    database: Database, other: Database, tmp_path: Path
) -> None:
    feed = fill(database)
    before = content(database)
    assert is_empty(other)
    restored = restore_backup(other, backed_up(database, tmp_path / "b.zip"), NOW)
    after = content(other)
    assert len(after.pop("restore")) == 1
    before.pop("restore")
    assert restored.rows == sum(map(len, before.values()))
    assert other.revision() == newest_revision()
    assert not is_empty(other)
    # What was to be sent may have been sent since.
    with other.reading() as session:
        assert [row.may_exist for row in outbox.outbox_rows(session)] == [True]
    # A pull that nobody has begun has nothing behind it.
    assert restored.ended_pulls == 0
    assert {**after, "outbox": []} == {**before, "outbox": []}
    # New rows get new numbers.
    with other.writing() as session:
        again = runs.queue_run(
            session,
            feed.connection_id,
            "leads",
            mode=Mode.FULL,
            trigger=Trigger.MANUAL,
            at=NOW,
        )
        session.flush()
        assert again.id is not None
        assert again.id > 1


def test_a_backup_made_while_somebody_writes_is_of_one_moment(
    database: Database, other: Database, tmp_path: Path
) -> None:
    """A deal and a write come in together, again and again: the copy has as many of each."""
    feed = fill(database)
    stop, written = threading.Event(), threading.Event()

    def write() -> None:
        with closing(Database(database.url)) as own:
            number = 100
            while not stop.is_set():
                number += 1
                with own.writing() as session:
                    one = Intention(
                        f"k{number}", feed.connection_id, Operation.COMMENT, "D", {}, []
                    )
                    outbox.intend(session, [one], NOW)
                    take_in(session, feed, [deal(str(number))], (), run_id=1, at=NOW)
                written.set()

    with ExitStack() as stack:
        thread = threading.Thread(target=write)
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)
        eventually(written.is_set)
        path = backed_up(database, tmp_path / "b.zip")
    restore_backup(other, path, NOW)
    with other.reading() as session:
        assert _count(session, "deal") - 5 == _count(session, "outbox") - 1 > 0


def _count(session: Session, table: str) -> int:
    return int(
        session.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one()
    )


@pytest.mark.parametrize("harm", ["no zip", "no header", "newer", "fewer rows", "cut"])
def test_what_is_no_whole_backup_is_refused_and_changes_nothing(
    database: Database, tmp_path: Path, harm: str
) -> None:
    fill(database)
    path = backed_up(database, tmp_path / "b.zip")
    _harm(path, harm)
    before = content(database)
    with pytest.raises(NotABackup):
        restore_backup(database, path, NOW)
    assert content(database) == before


@pytest.mark.promise("G9")
def test_nothing_is_put_in_place_beside_a_worker_until_its_lease_has_run_out(
    database: Database, tmp_path: Path
) -> None:
    """The run would be in the backup too, further back, and the worker would go on with it."""
    feed = fill(database)
    path = backed_up(database, tmp_path / "b.zip")
    with database.writing() as session:
        (run,) = runs.runs_to_enqueue(session, NOW)
        assert run.id is not None
        lease = runs.take_run(session, run.id, Worker("anna", 1), NOW)
        assert lease is not None
        take_in(session, feed, [deal("6")], (), run_id=run.id, at=NOW)
    before = content(database)
    with pytest.raises(StillAtWork, match="Runs that workers are at: 1"):
        restore_backup(database, path, NOW)
    assert content(database) == before
    restore_backup(database, path, NOW + LEASE * 1.5)
    with database.reading() as session:
        assert _count(session, "deal") == 5


# By what another program left in the database: what a refusal names.
OTHERS = {
    "a table": (["CREATE TABLE invoices (id INTEGER)"], "invoices"),
    "a table named like one of ours": (["CREATE TABLE person (id INTEGER)"], "person"),
    "tables that its own migrations made": (
        [
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            "INSERT INTO alembic_version VALUES ('ae1027a6acf0')",
            "CREATE TABLE person (id INTEGER)",
        ],
        "alembic_version, person",
    ),
}


@pytest.mark.parametrize("left", OTHERS)
def test_tables_of_another_program_are_not_dropped(
    other: Database, tmp_path: Path, left: str
) -> None:
    statements, named = OTHERS[left]
    with closing(new_database(tmp_path / "retro.db")) as source:
        path = backed_up(source, tmp_path / "b.zip")
    with other.writing() as session:
        for statement in statements:
            session.execute(text(statement))
    with pytest.raises(NotAlone, match=f"not Retro ROI's.*: {named}\\. .* a database of its own"):
        restore_backup(other, path, NOW)
    with other.reading() as session:
        for table in named.split(", "):
            session.execute(text(f"SELECT * FROM {table}"))


def test_a_table_of_another_program_between_ours_is_not_dropped_either(
    empty_database: Database, tmp_path: Path
) -> None:
    empty_database.upgrade()
    fill(empty_database)
    path = backed_up(empty_database, tmp_path / "b.zip")
    before = content(empty_database)
    with empty_database.writing() as session:
        session.execute(text("CREATE TABLE invoices (id INTEGER)"))
    with pytest.raises(NotAlone, match="invoices"):
        restore_backup(empty_database, path, NOW)
    assert content(empty_database) == before
    with empty_database.writing() as session:
        session.execute(text("DROP TABLE invoices"))
    restore_backup(empty_database, path, NOW)


def _harm(path: Path, harm: str) -> None:
    if harm == "no zip":
        path.write_bytes(b"something else")
        return
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-40])
        return
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if harm == "no header":
        del parts[HEADER]
    if harm == "newer":
        revision = newest_revision().encode()
        parts[HEADER] = parts[HEADER].replace(b'"' + revision + b'"', b'"9999"')
    if harm == "fewer rows":
        parts["deal.jsonl"] = parts["deal.jsonl"].split(b"\n", 1)[1]
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    path.write_bytes(buffer.getvalue())


def test_a_backup_of_an_older_release_is_brought_up_to_date(
    other: Database, tmp_path: Path
) -> None:
    moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=9)
    restored = restore_backup(other, old_backup(tmp_path / "old.zip"), NOW)
    assert (restored.revision, restored.rows) == ("0001", 1)
    assert other.revision() == newest_revision()
    with other.reading() as session:
        row = session.get_one(Connection, 1)
        assert (row.secrets, row.created_at, row.identity) == (b"\0\xff", moment, None)


def old_backup(path: Path, packed: int = zipfile.ZIP_STORED) -> Path:
    """Of one table, as the first release made it."""
    header = (
        '{"format":1,"revision":"0001","made_at":"2026-11-01T09:00:00Z","tables":[{"name":'
        '"connection","rows":1,"columns":[["id","int"],["name","text"],["kind","text"],'
        '["settings","text"],["secrets","bytes"],["state","text"],["sandbox","bool"],'
        '["created_at","moment"]]}]}'
    )
    line = '[1,"portal","bitrix24","{}","AP8=","active",false,"2026-11-01T09:00:00Z"]\n'
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr(HEADER, header)
        archive.writestr("connection.jsonl", line)
    return path
