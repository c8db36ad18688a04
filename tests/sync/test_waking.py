"""A push that waits goes on when there is something new to send, unless the tool asked for it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from connectors.errors import RateLimited, Unavailable
from sync.store import by_hand, outbox, pushes, runs
from sync.store.database import Database
from sync.store.outbox import Intention, PutOff
from sync.store.runs import Worker
from sync.tables.outbox import Operation, Outbox
from sync.tables.runs import PUSH, Mode, Run, RunStatus, Trigger
from tests.sync.conftest import NOW

LATER = NOW + timedelta(minutes=30)


def intend(database: Database, connection_id: int, key: str) -> None:
    with database.writing() as session:
        write = Intention(key, connection_id, Operation.COMMENT, key, {}, [])
        outbox.intend(session, [write], NOW)


def waiting_run(database: Database, connection_id: int, why: type[Exception]) -> int:
    """A push that put one write off and waits for it."""
    intend(database, connection_id, "failing")
    with database.writing() as session:
        run = runs.queue_run(
            session, connection_id, PUSH, mode=Mode.PUSH, trigger=Trigger.PLAN, at=NOW
        )
        assert run.id is not None
        lease = runs.take_run(session, run.id, Worker("anna", 1), NOW)
        assert lease is not None
        assert outbox.claim(session, connection_id, NOW)
        told: dict[str, Any] = {"kind": why.__name__}
        put_off = PutOff(told=told, may_exist=False, not_before=LATER, attempts=0, waits=1, at=NOW)
        outbox.note_put_off(session, "failing", put_off)
        runs.release(session, lease, NOW, seconds=1.0, waiting_until=LATER, error=told)
        return run.id


def run_of(database: Database, run_id: int) -> Run:
    with database.reading() as session:
        return runs.get_run(session, run_id)


@pytest.mark.parametrize(
    ("why", "status"), [(Unavailable, RunStatus.QUEUED), (RateLimited, RunStatus.WAITING)]
)
def test_a_new_write_wakes_a_push_unless_it_waits_for_its_budget(
    database: Database, connection_id: int, why: type[Exception], status: RunStatus
) -> None:
    run_id = waiting_run(database, connection_id, why)
    intend(database, connection_id, "failing")
    assert run_of(database, run_id).status is RunStatus.WAITING
    intend(database, connection_id, "new")
    assert run_of(database, run_id).status is status
    with database.writing() as session:
        claimed = outbox.claim(session, connection_id, NOW)
    assert claimed is not None
    assert claimed.intention.key == "new"


def test_who_asks_by_hand_does_not_wait_for_what_was_put_off(
    database: Database, connection_id: int
) -> None:
    run_id = waiting_run(database, connection_id, Unavailable)
    with database.writing() as session:
        by_hand.hurry(session, connection_id)
    assert run_of(database, run_id).status is RunStatus.QUEUED
    with database.reading() as session:
        assert session.get_one(Outbox, "failing").not_before is None


@pytest.mark.promise("G10")
def test_what_may_go_at_once_does_not_wait_behind_what_was_put_off(
    database: Database, connection_id: int
) -> None:
    """It came between the last look of a push and its end."""
    waiting_run(database, connection_id, Unavailable)
    with database.reading() as session:
        assert pushes.next_attempt(session, connection_id, NOW) == LATER
    intend(database, connection_id, "new")
    with database.reading() as session:
        assert pushes.next_attempt(session, connection_id, NOW) == NOW


@pytest.mark.promise("G10")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_nobody_plans_between_a_last_look_and_the_end_of_a_push(
    database: Database, connection_id: int
) -> None:
    """The push would end, or wait, without the new write. SQLite has one writer anyway."""
    new = Intention("new", connection_id, Operation.COMMENT, "s", {}, [])
    with database.writing() as session:
        assert pushes.next_attempt(session, connection_id, NOW) is None
        with database.writing() as other:
            other.connection().exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                outbox.intend(other, [new], NOW)
    with database.writing() as session:
        assert outbox.intend(session, [new], NOW) == 1
