"""A disk that is full while a pull writes: nothing is lost, and the next worker goes on."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from connectors.models import Stream
from sync.store.database import Database
from sync.tables.runs import Mode, RunStatus
from tests.connectors.bitrix24.kit import sandbox
from tests.portal import Mirrored, new_database, store_connection

MANY = 1_000_000


def room_for(database: Database, pages: int) -> None:
    """The database file may grow to so many pages; then SQLite says what it says on a full disk."""
    database.close()

    def limit(connection: Any, _entry: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(database.engine, "connect", limit)


@pytest.mark.promise("G1")
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
        room_for(database, MANY)
        run = mirrored.finish(run_id)
        assert (run.status, run.complete) == (RunStatus.SUCCEEDED, True)
        assert mirrored.rows(Stream.DEALS).keys() == mirrored.truth(Stream.DEALS).keys()
        database.close()
