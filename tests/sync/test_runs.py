"""Runs: one at a time, a lease that runs out, a fence that keeps the late one from writing."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from sync.store import cancelling, runs
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.store.runs import LEASE, Lease, LeaseLost, Progress, Worker
from sync.tables.runs import Mode, Run, RunStatus, Trigger
from tests.sync.conftest import NOW

ANNA, BORIS = Worker("anna", 1), Worker("boris", 2)


def queue(database: Database, feed: Feed) -> int:
    with database.writing() as session:
        run = runs.queue_run(
            session,
            feed.connection_id,
            feed.stream,
            mode=Mode.FULL,
            trigger=Trigger.MANUAL,
            at=NOW,
        )
        assert run.id is not None
        return run.id


def take(database: Database, run_id: int, worker: Worker, at: object = NOW) -> Lease | None:
    with database.writing() as session:
        return runs.take_run(session, run_id, worker, at)  # type: ignore[arg-type]


def read(database: Database, run_id: int) -> Run:
    with database.reading() as session:
        return runs.get_run(session, run_id)


@pytest.mark.promise("G9")
def test_a_second_request_joins_the_run_that_is_active(database: Database, deals: Feed) -> None:
    assert queue(database, deals) == queue(database, deals)


@pytest.mark.promise("G9")
def test_the_database_itself_refuses_a_second_active_run(database: Database, deals: Feed) -> None:
    queue(database, deals)
    second = Run(
        connection_id=deals.connection_id,
        stream=deals.stream,
        mode=Mode.FULL,
        trigger=Trigger.MANUAL,
        status=RunStatus.WAITING,
        queued_at=NOW,
    )
    with database.writing() as session:
        session.add(second)
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()


@pytest.mark.promise("G9")
def test_a_run_is_taken_by_one_worker(database: Database, deals: Feed) -> None:
    run_id = queue(database, deals)
    assert take(database, run_id, ANNA) == Lease(run_id, fence=1)
    assert take(database, run_id, BORIS) is None
    assert read(database, run_id).host == "anna"


@pytest.mark.promise("G9")
@pytest.mark.promise("G10")
def test_a_lease_that_ran_out_goes_to_the_next_worker(database: Database, deals: Feed) -> None:
    run_id = queue(database, deals)
    take(database, run_id, ANNA)
    later = NOW + LEASE + timedelta(seconds=1)
    with database.reading() as session:
        assert [run.id for run in runs.runs_to_enqueue(session, later)] == [run_id]
        assert runs.runs_to_enqueue(session, NOW) == []
    assert take(database, run_id, BORIS, later) == Lease(run_id, fence=2)


SET_BACK_BY = pytest.mark.parametrize(
    "by", [timedelta(hours=1), timedelta(minutes=9), timedelta(seconds=40)], ids=str
)


@pytest.mark.promise("G10")
@SET_BACK_BY
def test_a_clock_that_was_set_back_keeps_no_lost_run_from_its_next_worker(
    database: Database, deals: Feed, by: timedelta
) -> None:
    run_id = queue(database, deals)
    take(database, run_id, ANNA)
    back = NOW - by
    with database.reading() as session:
        assert [run.id for run in runs.runs_to_enqueue(session, back)] == [run_id]
    lease = take(database, run_id, BORIS, back)
    assert lease == Lease(run_id, fence=2)
    # A step of seconds takes no run away.
    assert take(database, run_id, ANNA, back - timedelta(seconds=5)) is None


@pytest.mark.promise("G10")
@SET_BACK_BY
@pytest.mark.parametrize("pause", [timedelta(minutes=10), timedelta(hours=6)])
def test_a_clock_that_was_set_back_keeps_no_run_waiting_for_longer(
    database: Database, deals: Feed, pause: timedelta, by: timedelta
) -> None:
    run_id = queue(database, deals)
    lease = take(database, run_id, ANNA)
    assert lease is not None
    with database.writing() as session:
        runs.release(session, lease, NOW, seconds=0.0, waiting_until=NOW + pause)
    back = NOW - by
    with database.reading() as session:
        assert runs.runs_to_enqueue(session, NOW) == []
        # A step of seconds ends no pause.
        assert runs.runs_to_enqueue(session, NOW - timedelta(seconds=5)) == []
        assert [run.id for run in runs.runs_to_enqueue(session, back)] == [run_id]
    assert take(database, run_id, BORIS, back) == Lease(run_id, fence=2)


@pytest.mark.promise("G9")
def test_a_worker_that_lost_its_lease_cannot_write(database: Database, deals: Feed) -> None:
    run_id = queue(database, deals)
    old = take(database, run_id, ANNA)
    assert old is not None
    take(database, run_id, BORIS, NOW + LEASE + timedelta(seconds=1))
    with pytest.raises(LeaseLost), database.writing() as session:
        runs.advance(session, old, Progress(read=1), NOW)
    with pytest.raises(LeaseLost), database.writing() as session:
        runs.renew_lease(session, old, NOW)
    assert read(database, run_id).read == 0


@pytest.mark.promise("G9")
def test_the_fence_holds_even_when_the_clock_of_the_late_worker_is_right(
    database: Database, deals: Feed
) -> None:
    """Anna's lease ran out, but nobody has taken the run: she may go on."""
    run_id = queue(database, deals)
    lease = take(database, run_id, ANNA)
    assert lease is not None
    with database.writing() as session:
        runs.advance(session, lease, Progress(read=5), NOW + timedelta(hours=1))
    assert read(database, run_id).read == 5


def test_a_run_that_waits_is_taken_when_its_moment_has_come(
    database: Database, deals: Feed
) -> None:
    run_id = queue(database, deals)
    lease = take(database, run_id, ANNA)
    assert lease is not None
    until = NOW + timedelta(minutes=10)
    with database.writing() as session:
        runs.release(session, lease, NOW, seconds=1.5, waiting_until=until)
    assert read(database, run_id).status is RunStatus.WAITING
    assert take(database, run_id, BORIS, until - timedelta(seconds=1)) is None
    assert take(database, run_id, BORIS, until) == Lease(run_id, fence=2)


def test_a_run_keeps_the_first_clock_of_the_tool(database: Database, deals: Feed) -> None:
    run_id = queue(database, deals)
    lease = take(database, run_id, ANNA)
    assert lease is not None
    for minutes in (0, 5):
        with database.writing() as session:
            runs.advance(session, lease, Progress(), NOW, NOW + timedelta(minutes=minutes))
    assert read(database, run_id).remote_now == NOW


def test_after_a_run_ended_the_next_request_makes_a_new_one(
    database: Database, deals: Feed
) -> None:
    run_id = queue(database, deals)
    lease = take(database, run_id, ANNA)
    assert lease is not None
    with database.writing() as session:
        runs.finish(session, lease, RunStatus.SUCCEEDED, NOW, seconds=1.0)
    assert queue(database, deals) != run_id
    with pytest.raises(LeaseLost), database.writing() as session:
        runs.advance(session, lease, Progress(), NOW)


def asked(mode: Mode, trigger: Trigger = Trigger.SCHEDULE, since: datetime | None = None) -> Run:
    return Run(connection_id=1, stream="deals", mode=mode, trigger=trigger, since=since)


@pytest.mark.parametrize(
    ("run", "mode", "since", "served"),
    [
        (asked(Mode.INCREMENTAL), Mode.INCREMENTAL, None, True),
        (asked(Mode.FULL), Mode.INCREMENTAL, None, True),
        (asked(Mode.FULL), Mode.INCREMENTAL, NOW, True),
        (asked(Mode.PUSH), Mode.PUSH, None, True),
        (asked(Mode.INCREMENTAL, since=NOW), Mode.INCREMENTAL, NOW, True),
        (asked(Mode.INCREMENTAL), Mode.FULL, None, False),
        (asked(Mode.INCREMENTAL), Mode.INCREMENTAL, NOW, False),
        (asked(Mode.INCREMENTAL, since=NOW), Mode.INCREMENTAL, None, False),
        (asked(Mode.FULL, since=NOW), Mode.FULL, None, False),
        (asked(Mode.INCREMENTAL, Trigger.HOOK), Mode.INCREMENTAL, None, False),
        (asked(Mode.INCREMENTAL, Trigger.REPLAY), Mode.INCREMENTAL, None, False),
    ],
)
def test_a_run_serves_a_request_for_no_more_than_it_brings(
    run: Run, mode: Mode, since: datetime | None, served: bool
) -> None:
    assert runs.serves(run, mode, since) is served


def cancel(database: Database, run_id: int, at: datetime = NOW) -> RunStatus | None:
    with database.writing() as session:
        return cancelling.cancel_run(session, run_id, at)


def test_a_run_that_nobody_works_on_is_cancelled_at_once(database: Database, deals: Feed) -> None:
    run_id = queue(database, deals)
    assert cancel(database, run_id) is RunStatus.CANCELLED
    assert read(database, run_id).ended_at == NOW
    assert take(database, run_id, ANNA) is None
    assert cancel(database, run_id) is None
    waits = queue(database, deals)
    lease = take(database, waits, ANNA)
    assert lease is not None
    with database.writing() as session:
        runs.release(session, lease, NOW, seconds=0.0, waiting_until=NOW + timedelta(hours=1))
    assert cancel(database, waits) is RunStatus.CANCELLED


def test_the_worker_of_a_cancelled_run_is_told_at_its_next_page(
    database: Database, deals: Feed
) -> None:
    run_id = queue(database, deals)
    lease = take(database, run_id, ANNA)
    assert lease is not None
    with database.writing() as session:
        assert runs.advance(session, lease, Progress(read=1), NOW) is False
    assert cancel(database, run_id) is RunStatus.RUNNING
    with database.writing() as session:
        assert runs.advance(session, lease, Progress(read=1), NOW) is True
    assert cancel(database, run_id, NOW + LEASE * 2) is RunStatus.CANCELLED


@pytest.mark.promise("G15")
def test_workers_that_are_lost_without_having_brought_anything_are_counted(
    database: Database, deals: Feed
) -> None:
    run_id, at = queue(database, deals), NOW
    for lost in range(3):
        lease = take(database, run_id, ANNA, at)
        assert read(database, run_id).lost == lost
        at += LEASE * 2
    assert lease is not None
    with database.writing() as session:
        runs.advance(session, lease, Progress(read=1), NOW)
    assert read(database, run_id).lost == 0
