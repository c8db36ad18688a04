"""Rows that go in past the ORM."""

from itertools import count, islice

from sqlalchemy import Connection, event, func, select
from sqlmodel import Session

from sync.store.bulk import AT_ONCE, insert_rows
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.tables.runs import Mode, Run, RunSeen, Trigger
from tests.sync.conftest import NOW

SIZES = (0, 1, 2, 3, 97, 255, 256, 257, 499, 511, 512, 700)


def a_run(session: Session, feed: Feed) -> int:
    run = Run(
        connection_id=feed.connection_id,
        stream=feed.stream,
        mode=Mode.FULL,
        trigger=Trigger.MANUAL,
        queued_at=NOW,
    )
    session.add(run)
    session.flush()
    assert run.id is not None
    return run.id


def test_pages_of_any_size_go_in_by_few_statements(database: Database, deals: Feed) -> None:
    """The driver keeps the last that it saw: one for each size of page was 20 MB of a long pull."""
    told: set[str] = set()

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        told.add(statement)

    with database.writing() as session:
        run_id, ids = a_run(session, deals), (str(number) for number in count())
        told.clear()
        for size in SIZES:
            rows = [(run_id, id_) for id_ in islice(ids, size)]
            insert_rows(session, RunSeen.__table__, ("run_id", "record_id"), rows)
        assert len(told) <= len(AT_ONCE)
        there = select(func.count()).where(RunSeen.run_id == run_id)
        assert session.scalar(there) == sum(SIZES)
