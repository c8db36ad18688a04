"""A pull under way in a backup is not gone on with: what it saw is of another time (G4)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from connectors.models import Stream
from sync.store.backup import restore_backup, write_backup
from sync.store.database import Database
from sync.tables.connections import WHOLE_STREAM, Cursor
from sync.tables.runs import Mode, RunSeen, RunStatus
from tests.connectors.bitrix24.kit import sandbox
from tests.portal import NOW, Mirrored, active_runs, new_database, store_connection

# More than a request brings.
TWO_PAGES = 540


@pytest.fixture
def own(database: Database) -> Iterator[Mirrored]:
    with sandbox(seed=11, records=TWO_PAGES) as portal:
        yield Mirrored(database, portal, store_connection(database, portal))


def seen(mirrored: Mirrored) -> list[str]:
    with mirrored.database.reading() as session:
        return list(session.exec(select(RunSeen.record_id)).all())


@pytest.mark.promise("G4")
@pytest.mark.parametrize("moved", [False, True], ids=["in place", "to another database"])
def test_a_full_pull_under_way_in_a_backup_is_ended_and_the_next_one_sees_all_anew(
    own: Mirrored, tmp_path: Path, moved: bool
) -> None:
    own.pull(Stream.DEALS)
    half = own.queue(Stream.DEALS)
    assert own.work(half, slice=timedelta(0)) is RunStatus.QUEUED
    gone, edited, *_ = seen(own)
    backup = tmp_path / "backup.zip"
    with backup.open("wb") as file:
        write_backup(own.database, file, NOW)
    own.portal.edit("deals", gone, {"delete": True})
    own.portal.edit("deals", edited, {"set": {"opportunity": 77.5}})
    held = own.records(Stream.DEALS)
    if moved:
        own.database = new_database(tmp_path / "other.db")
    own.clock.advance(timedelta(days=1))
    restored = restore_backup(own.database, backup, own.clock.now())

    assert restored.ended_pulls == 1
    assert (active_runs(own.database), seen(own)) == ([], [])
    assert own.run(half).status is RunStatus.CANCELLED
    with own.database.reading() as session:
        shares = select(Cursor).where(col(Cursor.partition) != WHOLE_STREAM)
        assert session.exec(shares).all() == []
    # The restore takes nothing for deleted, nor does a pull that asks for what changed.
    assert own.records(Stream.DEALS) == held
    assert own.pull(Stream.DEALS, Mode.INCREMENTAL).deleted == 0
    assert own.records(Stream.DEALS)[edited]["amount"] == "77.50"
    run = own.pull(Stream.DEALS)
    assert (run.status, run.deleted) == (RunStatus.SUCCEEDED, 1)
    truth = own.truth(Stream.DEALS)
    assert gone not in truth
    assert own.records(Stream.DEALS) == truth
    if moved:
        own.database.close()
