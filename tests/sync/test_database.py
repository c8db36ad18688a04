"""How the database is opened, brought up to date, and kept whole."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from sync.store.database import Database
from sync.tables import metadata
from sync.tables.connections import Connection
from tests.sync.conftest import NOW


def test_the_migrations_make_the_tables_that_the_code_declares(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_an_upgrade_keeps_what_is_there(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    database.upgrade("0001")
    with database.writing() as session:
        session.add(
            Connection(name="portal", kind="bitrix24", settings={}, secrets=b"x", created_at=NOW)
        )
    database.close()
    again = Database(f"sqlite:///{tmp_path / 'old.db'}")
    again.upgrade()
    with again.reading() as session:
        assert session.execute(text("SELECT name, created_at FROM connection")).all() == [
            ("portal", "2026-11-23T09:00:00.000000+00:00")
        ]
    again.close()


def test_a_unit_of_work_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.add(
                Connection(name="half", kind="bitrix24", settings={}, secrets=b"x", created_at=NOW)
            )
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM connection")).scalar_one() == 0
