"""Units of work beside each other: what a reader sees, and what becomes of those that block."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func
from sqlmodel import Session, select

from connectors.models import Stream
from sync.store.database import Database, again_after_conflict
from sync.tables.connections import Connection
from sync.tables.runs import Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import sandbox
from tests.faults.push_case import V2, queue_push
from tests.portal import Mirrored, new_database, store_connection
from tests.postgres import Postgres
from tests.sync.conftest import NOW
from tests.sync.test_many_workers import PATIENCE, queue

# Of SQLite's PRAGMA synchronous.
NORMAL, FULL = 1, 2


def test_a_reader_sees_one_state_however_many_queries_it_makes(
    database: Database, connection_id: int
) -> None:
    def count(session: Session) -> int:
        return session.exec(select(func.count()).select_from(Run)).one()

    with database.reading() as session:
        before = count(session)
        queue(database, connection_id, "deals", Mode.FULL)
        assert count(session) == before
    with database.reading() as session:
        assert count(session) == before + 1


def test_units_of_work_that_block_each_other_both_come_through(
    postgres_server: Postgres,
) -> None:
    with closing(postgres_server.new_database()) as database:
        with database.writing() as session:
            for name in ("a", "b"):
                session.add(
                    Connection(name=name, kind="x", settings={}, secrets=b"", created_at=NOW)
                )
        crossed = Barrier(2)

        def touch(names: Sequence[str]) -> int:
            tries = 0

            def work() -> None:
                nonlocal tries
                tries += 1
                with database.writing() as session:
                    for name in names:
                        row = session.exec(select(Connection).where(Connection.name == name)).one()
                        row.account = "".join(names)
                        session.add(row)
                        session.flush()
                        if tries == 1 and name == names[0]:
                            crossed.wait(PATIENCE)

            again_after_conflict(work)
            return tries

        with ThreadPoolExecutor(2) as pool:
            tries = list(pool.map(touch, (("a", "b"), ("b", "a"))))
        assert max(tries) > 1


def synchronous(session: Session) -> int:
    return int(session.connection().exec_driver_sql("PRAGMA synchronous").scalar_one())


def test_only_what_must_outlast_the_power_waits_for_the_disk(tmp_path: Path) -> None:
    """Whatever the one before it on the same connection did."""
    with closing(new_database(tmp_path / "retro.db")) as database:
        for outlasts_power in (False, True, False):
            with database.writing(outlasts_power=outlasts_power) as session:
                assert synchronous(session) == (FULL if outlasts_power else NORMAL)


class Watched(Database):
    """Notes how each commit was made."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.levels: list[int] = []

    def commit(self, session: Session) -> None:
        self.levels.append(synchronous(session))
        super().commit(session)


@pytest.mark.promise("G5")
def test_the_pages_of_a_pull_do_not_wait_for_the_disk_and_a_push_does_before_it_sends(
    tmp_path: Path,
) -> None:
    new_database(path := tmp_path / "retro.db").close()
    with (
        sandbox(records=4, seed=5, scopes=V2) as portal,
        closing(Watched(f"sqlite:///{path}")) as database,
    ):
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        mirrored.pull(Stream.DEALS)
        assert set(database.levels) == {NORMAL}
        database.levels.clear()
        assert mirrored.finish(queue_push(mirrored)).status is RunStatus.SUCCEEDED
        # Of four writes: each was claimed, and each is a call that must not be made twice.
        assert database.levels.count(FULL) >= 8
