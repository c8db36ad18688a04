"""A push whose machine loses its power: SQLite comes back as of the last commit that waited for the
disk, which is the worst that may happen to what it keeps in its log."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlmodel import Session

from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app
from sync.store.database import Database
from sync.tables.runs import RunStatus
from tests.connectors.bitrix24.kit import Sandbox
from tests.faults.fuse import Fuse, FusedDatabase, FusedTransport, Killed
from tests.faults.in_process import NOWHERE, InProcess
from tests.faults.push_case import V2, assert_delivered_once, queue_push
from tests.portal import Mirrored, new_database, store_connection

FULL = 2
CREATE = "after tasks.task.add"


class Volatile(FusedDatabase):
    """Keeps aside what a loss of power would leave."""

    on_disk: Path

    @classmethod
    def of(cls, database: Database, fuse: Fuse, on_disk: Path) -> "Volatile":
        volatile = cls.sharing(database, fuse)
        assert isinstance(volatile, cls)
        volatile.on_disk = on_disk
        return volatile

    def commit(self, session: Session) -> None:
        level = session.connection().exec_driver_sql("PRAGMA synchronous").scalar_one()
        super().commit(session)
        if level == FULL:
            copy(Path(str(self.engine.url.database)), self.on_disk)


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


@contextmanager
def power_lost(folder: Path, fuse: Fuse) -> Iterator[tuple[Mirrored, int, bool]]:
    """A push that ended with the power, and the database that is there when it comes back; whether
    the power was lost before the push had ended."""
    options = SandboxOptions(records=4, seed=5, limit="off", scopes=V2)
    transport = InProcess(create_app(options))
    try:
        database, on_disk = new_database(folder / "retro.db"), folder / "disk.db"
        portal = Sandbox(options, NOWHERE, transport=transport)
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        run_id = queue_push(mirrored)
        copy(folder / "retro.db", on_disk)
        doomed = Mirrored(
            Volatile.of(database, fuse, on_disk), portal, mirrored.connection_id, mirrored.clock
        )
        connector = doomed.connector(FusedTransport(fuse, transport))
        lost = False
        try:
            doomed.work(run_id, connector)
        except Killed:
            lost = True
        finally:
            connector.close()
            database.close()
        mirrored.database = Database(f"sqlite:///{on_disk}")
        yield mirrored, run_id, lost
        mirrored.database.close()
        for each in portal.made:
            each.close()
    finally:
        transport.end()


@pytest.mark.promise("G5")
@pytest.mark.parametrize("number", [1, 2])
def test_a_task_that_was_made_before_the_power_went_is_not_made_again(
    tmp_path: Path, number: int
) -> None:
    with power_lost(tmp_path, Fuse(number, only=CREATE)) as (mirrored, run_id, lost):
        assert lost
        assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED
        assert_delivered_once(mirrored)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.promise("G5")
def test_a_push_delivers_each_write_once_wherever_the_power_goes(tmp_path: Path) -> None:
    for at in range(1, 1000):
        (folder := tmp_path / str(at)).mkdir()
        with power_lost(folder, Fuse(at)) as (mirrored, run_id, lost):
            assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED, at
            assert_delivered_once(mirrored)
        if not lost:
            assert at > 50
            return
    raise AssertionError("the walk does not end")
