"""Two units of work over one task, of which the second waits for the first: on PostgreSQL both see
what the other one left, and not what was there before."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from threading import Event

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import Session

from connectors.models import RemoteTask, Stream, TaskStatus
from connectors.port import TASK_STATUSES
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.store import by_hand, mirror, outbox
from sync.store.agreements import tied_tasks
from sync.store.database import Database, again_after_conflict
from sync.store.mirror import Feed
from sync.store.outbox import Intention, PutOff
from sync.tables.outbox import Operation, Outbox, OutboxState
from sync.tables.retros import Action
from sync.tables.runs import PUSH, Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import Sandbox
from tests.faults.push_case import DESIGNER, TARGET, assert_delivered_once, plan_behind, queue_push
from tests.portal import Mirrored, store_connection
from tests.sync.conftest import NOW
from tests.sync.test_many_workers import PATIENCE, waits_or_is_done
from tests.sync.test_reconcile_tasks import conflicts, edited, planned, pulled
from tests.sync.test_reconcile_tasks import tasks as tasks
from tests.sync.test_runs import queue
from tests.waiting import eventually

AN_HOUR = timedelta(hours=1)

Work = Callable[[Session], None]


@contextmanager
def followed_by(database: Database, second: Work) -> Iterator[Session]:
    """A unit of work; when it has done its part, `second` begins beside it and waits for it."""

    def in_another_process() -> None:
        with closing(Database(database.url)) as own, own.writing() as session:
            second(session)

    with ThreadPoolExecutor(1) as pool:
        with database.writing() as session:
            yield session
            session.flush()
            other = pool.submit(in_another_process)
            eventually(lambda: waits_or_is_done(database, other), within=PATIENCE)
        other.result(PATIENCE)


def merged(feed: Feed) -> Work:
    def merge(session: Session) -> None:
        reconcile_tasks(session, feed.connection_id, TASK_STATUSES, Now(NOW, NOW))

    return merge


def taken_back(feed: Feed) -> Work:
    """An edit that was planned as a write is undone here, and the write with it."""

    def take_back(session: Session) -> None:
        action = session.get_one(Action, DESIGNER)
        action.title = "Nouveau gabarit"
        session.add(action)
        merged(feed)(session)

    return take_back


@pytest.mark.promise("G6")
def test_two_merges_that_meet_one_clash_show_one_conflict(database: Database, tasks: Feed) -> None:
    edited(database, title="Bouton vert")
    run_id, merge = queue(database, tasks), merged(tasks)
    theirs = RemoteTask(id="51", title="Bouton rouge", status=TaskStatus.OPEN)
    with database.writing() as session:
        mirror.save_records(session, tasks, [theirs], run_id=run_id, seen_at=NOW)
    with followed_by(database, merge) as first:
        merge(first)
    assert [(row.ours, row.theirs) for row in conflicts(database)] == [
        ("Bouton vert", "Bouton rouge")
    ]


@pytest.mark.promise("G6")
def test_a_merge_that_waited_sees_the_task_that_the_other_one_read(
    database: Database, tasks: Feed
) -> None:
    """Else it takes what both agreed on for a change there, back to what the task was before."""
    before = RemoteTask(id="51", title="Nouveau gabarit", status=TaskStatus.OPEN)
    pulled(database, tasks, before)
    run_id, merge = queue(database, tasks), merged(tasks)
    after = RemoteTask(id="51", title="Bouton rouge", status=TaskStatus.OPEN)
    with followed_by(database, merge) as first:
        mirror.save_records(first, tasks, [after], run_id=run_id, seen_at=NOW)
        merge(first)
    with database.reading() as session:
        assert session.get_one(Action, DESIGNER).title == "Bouton rouge"


@pytest.mark.promise("G5")
def test_a_write_that_is_claimed_meanwhile_is_not_withdrawn(
    database: Database, tasks: Feed
) -> None:
    there = RemoteTask(id="51", title="Nouveau gabarit", status=TaskStatus.OPEN)
    edited(database, title="Bouton vert")
    pulled(database, tasks, there)

    with followed_by(database, taken_back(tasks)) as first:
        assert outbox.claim(first, tasks.connection_id, NOW) is not None
    # What is on its way is told by its end; then the way back is planned.
    assert [row.state for row in planned(database)] == [OutboxState.SENDING]


def hurried(feed: Feed) -> Work:
    return lambda session: by_hand.hurry(session, feed.connection_id)


def put_off(database: Database, key: str, waits: int) -> None:
    later = NOW + AN_HOUR
    why = PutOff(told={}, may_exist=False, not_before=later, attempts=0, waits=waits, at=NOW)
    with database.writing() as session:
        outbox.note_put_off(session, key, why)


@pytest.mark.promise("G10")
def test_a_write_that_is_withdrawn_meanwhile_does_not_fail_who_asks_for_a_push(
    database: Database, tasks: Feed
) -> None:
    edited(database, title="Bouton vert")
    pulled(database, tasks, RemoteTask(id="51", title="Nouveau gabarit", status=TaskStatus.OPEN))
    (write,) = planned(database)
    put_off(database, write.key, waits=1)
    with followed_by(database, hurried(tasks)) as first:
        taken_back(tasks)(first)
    assert planned(database) == []


@pytest.mark.promise("G10")
def test_who_asks_for_a_push_locks_writes_in_the_order_of_a_merge(
    database: Database, tasks: Feed
) -> None:
    """However they lie in the table: else one of the two is broken off."""
    # By their order; by their keys it is the other one.
    writes = [
        Intention(key, tasks.connection_id, Operation.UPDATE_TASK, key, {}, [])
        for key in ("b", "a")
    ]
    with database.writing() as session:
        outbox.intend(session, writes, NOW)
    put_off(database, "a", waits=1)
    put_off(database, "b", waits=2)

    def in_another_process() -> None:
        with closing(Database(database.url)) as own, own.writing() as session:
            hurried(tasks)(session)

    with ThreadPoolExecutor(1) as pool:
        with database.writing() as session:
            session.get_one(Outbox, "b", with_for_update=True)
            other = pool.submit(in_another_process)
            eventually(lambda: waits_or_is_done(database, other), within=PATIENCE)
            session.get_one(Outbox, "a", with_for_update=True)
        other.result(PATIENCE)


class Met(httpx.BaseTransport):
    """`meet` is called once, when the tool has taken an update and its push has still to say so."""

    def __init__(self, meet: Callable[[], None]) -> None:
        self._inner = httpx.HTTPTransport()
        self._meet = meet
        self._met = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        if request.url.path.endswith("/tasks.task.update") and not self._met:
            self._met = True
            response.read()
            self._meet()
        return response

    def close(self) -> None:
        self._inner.close()


@pytest.mark.promise("G10")
def test_a_push_and_a_merge_of_one_task_wait_for_each_other_in_one_order(
    database: Database, portal: Sandbox
) -> None:
    """Else one of them is broken off, and does its work again."""
    mirrored = Mirrored(database, portal, store_connection(database, portal))
    ours, locked = mirrored.connection_id, Event()
    merge = merged(mirrored.feed(Stream.TASKS))
    with database.writing() as session:
        plan_behind(session, ours)
    mirrored.finish(queue_push(mirrored))
    with database.writing() as session:
        merge(session)

    def in_another_process() -> None:
        with closing(Database(database.url)) as own, own.writing() as session:
            tied_tasks(session, ours)
            locked.set()
            eventually(lambda: waits_or_is_done(database, pushed[0]), within=PATIENCE)
            merge(session)

    def push() -> RunStatus:
        return mirrored.work(mirrored.queue(PUSH, Mode.PUSH), mirrored.connector(Met(meet)))

    def meet() -> None:
        others.append(pool.submit(in_another_process))
        assert locked.wait(PATIENCE)

    before = deadlocks(database)
    pushed: list[Future[RunStatus]] = []
    others: list[Future[None]] = []
    with ThreadPoolExecutor(2) as pool:
        pushed.append(pool.submit(push))
        assert pushed[0].result(PATIENCE) is RunStatus.SUCCEEDED
        others[0].result(PATIENCE)
    assert deadlocks(database) == before


@pytest.mark.promise("G10")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("stamping", [False, True], ids=["a write", "its stamp"])
def test_a_push_that_is_broken_off_at_taking_a_write_takes_it_again(
    database: Database, portal: Sandbox, stamping: bool
) -> None:
    """Somebody has the write, and waits for the run that waits for it."""
    mirrored = Mirrored(database, portal, store_connection(database, portal))
    run_id = queue_push(mirrored)
    if stamping:
        portal.faults({"on": {"method": "batch"}, "do": "html"})
        assert mirrored.work(run_id) is RunStatus.WAITING
        portal.faults()
    mirrored.clock.advance(AN_HOUR)
    first = DESIGNER if stamping else TARGET

    def in_another_process() -> None:
        with closing(Database(database.url)) as own, own.writing() as session:
            session.get_one(Outbox, first, with_for_update=True)
            if not pushed:
                pushed.append(pool.submit(mirrored.work, run_id))
                eventually(lambda: waits_or_is_done(database, pushed[0]), within=PATIENCE)
            session.get_one(Run, run_id, with_for_update=True)

    before = deadlocks(database)
    pushed: list[Future[RunStatus]] = []
    with ThreadPoolExecutor(1) as pool:
        # The server breaks off one of the two, in most cases the push: it was first to wait.
        again_after_conflict(in_another_process)
        assert pushed[0].result(PATIENCE) is RunStatus.SUCCEEDED
    eventually(lambda: deadlocks(database) == before + 1, within=PATIENCE)
    assert_delivered_once(mirrored)


def deadlocks(database: Database) -> int:
    if database.engine.dialect.name == "sqlite":
        return 0
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with database.reading() as session:
        return int(session.execute(text(counted)).scalar_one())
