"""How the database is opened, brought up to date, and kept whole."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, text

from sync.store.database import (
    MIGRATIONS,
    Database,
    NewerTables,
    knows_revision,
    newest_revision,
)
from sync.tables import metadata
from sync.tables.connections import Connection
from sync.tables.mirror import DealRow
from sync.tables.retros import Target
from sync.tables.runs import Run
from tests.sync.conftest import NOW


def test_the_migrations_make_the_tables_that_the_code_declares(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_newest_migration_is_known_without_loading_any() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert newest_revision() == scripts.get_current_head()
    assert all(knows_revision(each.revision) for each in scripts.walk_revisions())
    assert not knows_revision("9999")


def rows_of_0001() -> dict[str, list[dict[str, object]]]:
    """By table, in the form in which the first revision keeps them."""
    at = "2026-11-{:02}T09:00:00.000000+00:00"
    ours = {"connection_id": 1}
    counts = ["read", "created", "updated", "unchanged", "deleted", "set_aside", "requests"]
    deal = {"title": "Une affaire", "pipeline": "0", "stage": "APOLOGY", "stage_kind": "lost"}
    rest = {"contacts": "[]", "extra": "{}", "hash": b"h", "created_at": at.format(1)}
    ended = {"amount": 150_005_000, "closed_at": at.format(15), "final_at": at.format(15)}
    move = {"entity": "deals", "entity_id": "7", "stage": "x", "extra": "{}", "hash": b"h"}
    kinds = ("open", False), ("lost", True), ("lost", True)
    secret = {"secrets": b"sealed", "state": "active", "sandbox": False}
    run = {"mode": "incremental", "trigger": "manual", "status": "queued", "fence": 0}
    return {
        "connection": [
            {"id": 1, "name": "portal", "kind": "bitrix24", "settings": "{}", **secret}
            | {"account": "portal.example", "created_at": at.format(1)}
        ],
        "run": [
            {"id": 1, "stream": "deals", "queued_at": at.format(20), "seconds": 0.0, **run, **ours}
            | {"window_start": at.format(19), **dict.fromkeys(counts, 0)}
        ],
        "deal": [{"id": "7", **deal, **rest, **ended, **ours}],
        "stage_change": [
            {"id": f"deals:{n}", "stage_kind": kind, "closing": closing, **move, **ours}
            | {"at": at.format(5 * n), "updated_at": at.format(5 * n)}
            for n, (kind, closing) in enumerate(kinds, start=1)
        ],
        "cursor": [
            {"stream": "deals", "partition": "*", "position": "", "finished": True, **ours}
            | {"watermark": at.format(18)}
        ],
    }


def test_an_upgrade_from_the_first_revision_keeps_what_is_there(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    database.upgrade("0001")
    given = rows_of_0001()
    with database.writing() as session:
        connection = session.connection()
        for table, rows in given.items():
            for row in rows:
                names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)
    database.upgrade()
    with database.reading() as session:
        for table, rows in given.items():
            names = [name for name in rows[0] if name != "final_at"]
            found = session.execute(text(f"SELECT {', '.join(names)} FROM {table}")).mappings()
            assert [dict(row) for row in found] == [
                {name: row[name] for name in names} for row in rows
            ]
        # What the new columns say of old rows, and the closing date by its new meaning.
        row = session.get_one(Connection, 1)
        run = session.get_one(Run, 1)
        deal = session.get_one(DealRow, (1, "7"))
        assert row.identity is None
        assert (run.since, run.stalled) == (datetime(2026, 11, 19, 9, tzinfo=UTC), 0)
        assert deal.final_at == datetime(2026, 11, 10, 9, tzinfo=UTC)
    database.close()


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


def test_a_unit_of_work_that_is_interrupted_amid_a_statement_lets_others_write(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def work() -> None:
        with database.writing() as session:
            event.listen(session.connection(), "after_cursor_execute", interrupt, once=True)
            session.execute(text("SELECT version_num FROM alembic_version"))

    # While the interrupt is at hand so is its traceback, whose frames hold the open cursor.
    with pytest.raises(KeyboardInterrupt) as interrupted:
        work()
    monkeypatch.setattr("sync.store.database.BUSY_MS", 100)
    with database.writing() as session:
        session.execute(text("DELETE FROM connection"))
    assert interrupted.traceback


def test_tables_of_a_newer_version_are_left_alone(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerTables, match="newer version"):
        database.upgrade()


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


def test_targets_of_an_older_release_know_no_control_group(empty_database: Database) -> None:
    database = empty_database
    database.upgrade("0008")
    with database.writing() as session:
        for table, row in rows_of_0008().items():
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)
    database.upgrade()
    assert database.revision() == newest_revision()
    with database.writing() as session:
        target = session.get_one(Target, "D:k")
        assert (target.control_numerator, target.control_denominator) == (None, None)
        assert target.control_complete is None
        assert (target.baseline_numerator, target.baseline_denominator) == (1, 2)
        assert (target.baseline_complete, target.recheck_on) == (True, date(2027, 1, 15))
        target.control_numerator, target.control_denominator = 3, 4
        target.control_complete = True
    with database.reading() as session:
        target = session.get_one(Target, "D:k")
        assert (target.control_numerator, target.control_complete) == (3, True)


def rows_of_0008() -> dict[str, dict[str, object]]:
    """A target and what it belongs to, by table."""
    person = {"id": "p", "name": "P", "role": "SDR", "country": "FR", "active": True}
    retro = {"id": "R", "held_at": MOMENT, "status": "open", "participants": "[]"}
    decision = {"id": "D", "retro_id": "R", "type": "task", "text": "", "accountable": "p"}
    when = {"due_on": "2026-12-01", "status": "measured", "details": "{}", "created_at": MOMENT}
    target = {"key": "D:k", "decision_id": "D", "kpi": "k", "slice": "{}", "because": "[]"}
    days = {"baseline_start": "2026-10-26", "baseline_end": "2026-11-23", "frozen_at": MOMENT}
    counts = {"baseline_numerator": 1, "baseline_denominator": 2, "baseline_complete": True}
    wanted = {"definition_version": 1, "relative": 0.1, "target_value": 0.5, "status": "open"}
    return {
        "person": person,
        "retro": retro | {"imported_at": MOMENT},
        "decision": decision | when,
        "target": target | days | counts | wanted | {"recheck_on": "2027-01-15"},
    }


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
