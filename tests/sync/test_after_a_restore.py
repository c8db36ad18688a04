"""What was planned and sent between a backup and its restore is planned again, and found (G5)."""

from datetime import timedelta
from pathlib import Path

import pytest

from sync.store.backup import restore_backup, write_backup
from sync.tables.runs import RunStatus
from tests.connectors.bitrix24.kit import sandbox
from tests.faults.push_case import V2, assert_delivered_once, queue_push
from tests.portal import NOW, Mirrored, new_database, store_connection


@pytest.mark.promise("G5")
def test_what_was_sent_since_the_backup_is_not_made_a_second_time(tmp_path: Path) -> None:
    database = new_database(tmp_path / "retro.db")
    with sandbox(records=4, seed=5, scopes=V2) as portal:
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        with (tmp_path / "backup.zip").open("wb") as file:
            write_backup(database, file, NOW)
        assert mirrored.finish(queue_push(mirrored)).status is RunStatus.SUCCEEDED
        mirrored.clock.advance(timedelta(days=1))
        restore_backup(database, tmp_path / "backup.zip", mirrored.clock.now())
        assert mirrored.finish(queue_push(mirrored)).status is RunStatus.SUCCEEDED
        assert_delivered_once(mirrored)
    database.close()
