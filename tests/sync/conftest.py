"""A database with one connection in it; what runs on it runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.models import Stream
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.tables.connections import Connection
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.portal import Mirrored, new_database, store_connection
from tests.postgres import Postgres

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "postgresql":
        with request.getfixturevalue("postgres_server").lent_database() as database:
            yield database
        return
    database = new_database(tmp_path / "retro.db")
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Without any tables."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        database = server.empty_database()
    yield database
    database.close()


@pytest.fixture
def connection_id(database: Database) -> int:
    with database.writing() as session:
        row = Connection(name="portal", kind="bitrix24", settings={}, secrets=b"", created_at=NOW)
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id


@pytest.fixture
def deals(connection_id: int) -> Feed:
    return Feed(connection_id, Stream.DEALS)


@pytest.fixture
def portal() -> Iterator[Sandbox]:
    """With hardly anything in it, for writes."""
    with sandbox(records=4, seed=5) as running:
        yield running


@pytest.fixture
def mirrored(portal: Sandbox, tmp_path: Path) -> Iterator[Mirrored]:
    """An empty mirror of the portal of the test."""
    database = new_database(tmp_path / "retro.db")
    yield Mirrored(database, portal, store_connection(database, portal))
    database.close()
