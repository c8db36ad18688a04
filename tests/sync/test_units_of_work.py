"""Units of work beside each other: what a reader sees, and what becomes of those that block."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

from sqlalchemy import func
from sqlmodel import Session, select

from sync.store.database import Database, again_after_conflict
from sync.tables.connections import Connection
from sync.tables.runs import Mode, Run
from tests.postgres import Postgres
from tests.sync.conftest import NOW
from tests.sync.test_many_workers import PATIENCE, queue


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
