"""What a PostgreSQL server does that SQLite does not."""

from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from connectors.models import Stream
from sync.store import cursors
from sync.store.database import Database
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.tables.connections import Connection
from sync.tables.runs import Mode
from tests.postgres import Postgres
from tests.sync.conftest import NOW
from tests.sync.test_many_workers import deal, queue


def test_a_server_that_goes_away_while_it_is_given_rows_is_known_as_one_that_is_away(
    postgres_server: Postgres,
) -> None:
    with closing(postgres_server.new_database()) as database:
        with database.writing() as session:
            row = Connection(name="p", kind="x", settings={}, secrets=b"", created_at=NOW)
            session.add(row)
            session.flush()
            feed = Feed(row.id or 0, Stream.DEALS)
        run_id = queue(database, feed.connection_id, "deals", Mode.FULL)

        def save() -> None:
            with database.writing() as session:
                pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
                postgres_server.execute(f"SELECT pg_terminate_backend({pid})")
                take_in(session, feed, [deal("1")], (), run_id=run_id, at=NOW)

        with pytest.raises(OperationalError):
            save()


def test_a_text_that_postgresql_cannot_hold_is_set_aside(
    database: Database, connection_id: int, deals: Feed
) -> None:
    run_id = queue(database, connection_id, "deals", Mode.FULL)
    with database.writing() as session:
        taken = take_in(
            session, deals, [deal("1", title="a\0b"), deal("2")], (), run_id=run_id, at=NOW
        )
    if database.engine.dialect.name == "postgresql":
        assert (taken.created, taken.set_aside) == (1, 1)
        with database.reading() as session:
            assert [each.reason for each in cursors.all_set_aside(session)] == [
                "title: it holds a NUL character"
            ]
    else:
        assert taken.created == 2
