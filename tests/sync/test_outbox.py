"""The outbox: which write is next, and what an older release left in it."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text

from sync.store import outbox
from sync.store.database import Database
from sync.store.outbox import Claimed, Intention, PutOff
from sync.tables.outbox import Operation
from tests.sync.conftest import NOW


def intention(connection_id: int, key: str, subject: str, operation: Operation) -> Intention:
    return Intention(key, connection_id, operation, subject, {}, [])


def intend(database: Database, *intentions: Intention) -> None:
    with database.writing() as session:
        outbox.intend(session, intentions, NOW)


def claim(database: Database, connection_id: int) -> Claimed | None:
    with database.writing() as session:
        return outbox.claim(session, connection_id, NOW)


def keys(database: Database, connection_id: int) -> list[str]:
    """What may go out now, in order, when each is delivered at once."""
    found = []
    while (claimed := claim(database, connection_id)) is not None:
        found.append(claimed.intention.key)
        with database.writing() as session:
            outbox.note_done(session, claimed.intention.key, 1, NOW)
    return found


def put_off(database: Database, claimed: Claimed) -> None:
    later = NOW + timedelta(minutes=1)
    with database.writing() as session:
        why = PutOff(told={}, may_exist=False, not_before=later, attempts=0, waits=1, at=NOW)
        outbox.note_put_off(session, claimed.intention.key, why)


def test_a_claim_loads_one_write_however_many_wait(database: Database, connection_id: int) -> None:
    intend(
        database,
        *(intention(connection_id, f"w{n}", f"s{n}", Operation.CREATE_TASK) for n in range(50)),
    )
    loaded: list[str] = []
    with database.writing() as session:
        event.listen(session, "loaded_as_persistent", lambda _, row: loaded.append(row.key))
        outbox.claim(session, connection_id, NOW)
    assert loaded == ["w0"]


def test_a_later_write_to_a_subject_waits_for_the_earlier_one(
    database: Database, connection_id: int
) -> None:
    intend(
        database,
        intention(connection_id, "make a", "a", Operation.CREATE_TASK),
        intention(connection_id, "tell a", "a", Operation.COMMENT),
        intention(connection_id, "make b", "b", Operation.CREATE_TASK),
    )
    first = claim(database, connection_id)
    assert first is not None
    put_off(database, first)
    assert keys(database, connection_id) == ["make b"]
    with database.reading() as session:
        assert outbox.has_unsent(session, connection_id)
        assert outbox.next_attempt(session, connection_id, NOW) == NOW + timedelta(minutes=1)


@pytest.mark.promise("G5")
def test_a_write_whose_worker_died_is_claimed_again_as_one_that_may_exist(
    database: Database, connection_id: int
) -> None:
    intend(database, intention(connection_id, "make a", "a", Operation.CREATE_TASK))
    claims = [claim(database, connection_id) for _ in range(2)]
    assert [each and each.may_exist for each in claims] == [False, True]


@pytest.mark.promise("G10")
@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(seconds=40)], ids=str)
def test_a_clock_that_was_set_back_keeps_no_write_waiting_for_longer(
    database: Database, connection_id: int, by: timedelta
) -> None:
    intend(database, intention(connection_id, "w", "s", Operation.CREATE_TASK))
    claimed = claim(database, connection_id)
    assert claimed is not None
    put_off(database, claimed)
    with database.writing() as session:
        assert outbox.pending_connections(session, NOW) == []
        assert outbox.pending_connections(session, NOW - timedelta(seconds=5)) == []
        back = NOW - by
        assert outbox.pending_connections(session, back) == [connection_id]
        assert outbox.claim(session, connection_id, back) is not None


@pytest.mark.promise("G5")
def test_after_the_upgrade_whatever_was_tried_before_is_looked_up(tmp_path: Path) -> None:
    old = Database(f"sqlite:///{tmp_path / 'old.db'}")
    old.upgrade("0001")
    rows = (("new", "planned", 0), ("tried", "planned", 3), ("dead", "dead", 8), ("ok", "done", 1))
    with old.writing() as session:
        session.execute(
            text(
                "INSERT INTO connection (id, name, kind, settings, secrets, state, sandbox,"
                " created_at) VALUES (1, 'portal', 'bitrix24', '{}', x'', 'active', 0, :at)"
            ),
            {"at": NOW.isoformat(timespec="microseconds")},
        )
        for sequence, (key, state, attempts) in enumerate(rows):
            session.execute(
                text(
                    "INSERT INTO outbox (key, connection_id, operation, subject, payload, because,"
                    " state, attempts, sequence, planned_at) VALUES (:key, 1, 'create_task', :key,"
                    " '{}', '[]', :state, :attempts, :sequence, :at)"
                ),
                {
                    "key": key,
                    "state": state,
                    "attempts": attempts,
                    "sequence": sequence,
                    "at": NOW.isoformat(timespec="microseconds"),
                },
            )
    old.upgrade()
    with old.reading() as session:
        found = {row.key: row.may_exist for row in outbox.outbox_rows(session)}
    assert found == {"new": False, "tried": True, "dead": True, "ok": False}
    old.close()
