"""A disk that is full while a pull writes: nothing is lost, and the next worker goes on."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from connectors.models import Stream
from sync.store import runs
from sync.store.database import Database
from sync.tables.runs import Mode, RunStatus
from tests.connectors.bitrix24.kit import sandbox
from tests.portal import Mirrored, new_database, store_connection
from workers.scheduler import RECONCILE_SECONDS

MANY = 1_000_000
# Of the minute that it may cost; the rest is for the reconciler to come round.
LOST_AT_MOST = timedelta(seconds=60 - RECONCILE_SECONDS)


def room_for(database: Database, pages: int) -> None:
    """The database file may grow to so many pages; then SQLite says what it says on a full disk."""
    database.close()

    def limit(connection: Any, _entry: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(database.engine, "connect", limit)


@pytest.mark.promise("G1")
@pytest.mark.promise("G10")
@pytest.mark.parametrize("more", [1, 20, 60, 90])
def test_a_pull_goes_on_where_the_disk_was_full(tmp_path: Path, more: int) -> None:
    with sandbox(seed=7, records=1500) as portal:
        path = tmp_path / "retro.db"
        database = new_database(path)
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        run_id = mirrored.queue(Stream.DEALS, Mode.FULL)
        database.close()
        room_for(database, path.stat().st_size // 4096 + more)
        with pytest.raises(OperationalError, match="disk is full"):
            mirrored.work(run_id)
        failed_at = mirrored.clock.now()
        room_for(database, MANY)
        with database.reading() as session:
            assert runs.runs_to_enqueue(session, failed_at) == []
            lying = runs.runs_to_enqueue(session, failed_at + LOST_AT_MOST)
        assert [each.id for each in lying] == [run_id]
        run = mirrored.finish(run_id)
        assert (run.status, run.complete) == (RunStatus.SUCCEEDED, True)
        assert mirrored.records(Stream.DEALS) == mirrored.truth(Stream.DEALS)
        assert run.read == len(mirrored.truth(Stream.DEALS))
        database.close()
