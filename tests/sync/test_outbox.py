"""The outbox: which write is next, and what an older release left in it."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text

from sync.store import outbox, pushes
from sync.store.database import Database
from sync.store.outbox import Claimed, GivenUp, Intention, PutOff
from sync.tables.connections import Connection
from sync.tables.outbox import Operation, Outbox, OutboxState
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
        assert pushes.next_attempt(session, connection_id, NOW) == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("refused", "goes_on"),
    [(Operation.CREATE_TASK, False), (Operation.UPDATE_TASK, True), (Operation.COMMENT, True)],
)
def test_what_was_refused_holds_up_the_rest_of_its_subject_only_where_it_was_to_make_it(
    database: Database, connection_id: int, refused: Operation, goes_on: bool
) -> None:
    intend(
        database,
        intention(connection_id, "refused", "a", refused),
        intention(connection_id, "later", "a", Operation.COMMENT),
    )
    why = GivenUp({}, may_exist=False, state=OutboxState.REFUSED, run_id=1, at=NOW)
    with database.writing() as session:
        outbox.note_given_up(session, "refused", why)
    assert keys(database, connection_id) == (["later"] if goes_on else [])


def test_a_write_into_one_tool_does_not_wait_for_one_into_another(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        other = Connection(name="crm", kind="hubspot", settings={}, secrets=b"", created_at=NOW)
        session.add(other)
        session.flush()
        assert other.id is not None
        there = other.id
    intend(
        database,
        intention(connection_id, "here", "target", Operation.CREATE_TARGET),
        intention(there, "there", "target", Operation.CREATE_TARGET),
    )
    assert keys(database, there) == ["there"]


def test_a_write_that_went_out_at_last_tells_no_error(
    database: Database, connection_id: int
) -> None:
    intend(database, intention(connection_id, "w", "s", Operation.COMMENT))
    claimed = claim(database, connection_id)
    assert claimed is not None
    with database.writing() as session:
        why = PutOff({"kind": "Unavailable"}, True, not_before=NOW, attempts=0, waits=1, at=NOW)
        outbox.note_put_off(session, "w", why)
    assert keys(database, connection_id) == ["w"]
    with database.reading() as session:
        assert session.get_one(Outbox, "w").error is None


@pytest.mark.promise("G5")
def test_a_target_at_which_a_worker_was_lost_has_still_to_be_made(
    database: Database, connection_id: int
) -> None:
    """Its task must not go out without it."""

    def pending() -> bool:
        with database.reading() as session:
            return outbox.any_target_pending(session, ["t"])

    assert not pending()
    intend(database, intention(connection_id, "make t", "t", Operation.CREATE_TARGET))
    assert pending()
    assert claim(database, connection_id) is not None
    assert pending()
    with database.writing() as session:
        outbox.note_created(session, "make t", "1")
    assert not pending()


def test_stamps_are_claimed_by_themselves_at_most_so_many_and_of_tasks_only(
    database: Database, connection_id: int
) -> None:
    writes = [
        intention(connection_id, f"task {n}", f"k{n}", Operation.CREATE_TASK) for n in range(3)
    ]
    intend(database, *writes, intention(connection_id, "target", "t", Operation.CREATE_TARGET))
    with database.writing() as session:
        for key in ("task 0", "task 1", "task 2", "target"):
            outbox.note_created(session, key, key)
        apart = outbox.claim(session, connection_id, NOW, stamps_apart=True)
        assert apart is not None
        assert apart.intention.key == "target"
        stamps = outbox.claim_stamps(session, connection_id, NOW, most=2)
    assert [each.intention.key for each in stamps] == ["task 0", "task 1"]


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
        assert pushes.pending_connections(session, NOW) == []
        assert pushes.pending_connections(session, NOW - timedelta(seconds=5)) == []
        back = NOW - by
        assert pushes.pending_connections(session, back) == [connection_id]
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
