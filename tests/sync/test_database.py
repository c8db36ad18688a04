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


def test_checks_of_an_older_release_keep_their_window(tmp_path: Path) -> None:
    """Without it every target that was checked would be checked again."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    database.upgrade("0001")
    with database.writing() as session:
        for statement in OLDER:
            session.connection().exec_driver_sql(statement)
    database.upgrade()
    with database.reading() as session:
        windows = session.execute(text('SELECT id, window_end FROM "check" ORDER BY id')).all()
    assert windows == [(1, None), (2, "2027-01-15"), (3, "2027-01-15")]
    database.close()


MOMENT = "2026-11-23T09:00:00.000000+00:00"
OLDER = [
    f"INSERT INTO connection (id, name, kind, settings, secrets, state, sandbox, created_at)"
    f" VALUES (1, 'p', 'bitrix24', '{{}}', x'00', 'active', 0, '{MOMENT}')",
    "INSERT INTO person (id, name, role, country, active) VALUES ('p', 'P', 'SDR', 'FR', 1)",
    f"INSERT INTO retro (id, held_at, status, participants, imported_at)"
    f" VALUES ('R', '{MOMENT}', 'open', '[]', '{MOMENT}')",
    f"INSERT INTO decision (id, retro_id, type, text, accountable, due_on, status, details,"
    f" created_at) VALUES ('D', 'R', 'task', '', 'p', '2026-12-01', 'measured', '{{}}',"
    f" '{MOMENT}')",
    f"INSERT INTO target (key, decision_id, kpi, slice, baseline_start, baseline_end,"
    f" baseline_numerator, baseline_denominator, baseline_complete, definition_version, relative,"
    f" target_value, status, measure_start, measure_end, recheck_on, frozen_at, because) VALUES"
    f" ('D:k', 'D', 'k', '{{}}', '2026-10-26', '2026-11-23', 1, 2, 1, 1, 0.1, 0.5, 'met',"
    f" '2026-12-18', '2027-01-15', '2027-01-15', '{MOMENT}', '[]')",
    *(
        f'INSERT INTO "check" (id, target_key, checked_at, verdict, message, figures)'
        f" VALUES ({id_}, 'D:k', '{day}T23:10:00.000000+00:00', '', '', '{{}}')"
        for id_, day in ((1, "2027-01-08"), (2, "2027-01-14"), (3, "2027-01-15"))
    ),
]
