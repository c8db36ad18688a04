"""Two units of work over one task, of which the second waits for the first: on PostgreSQL both see
what the other one left, and not what was there before."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from sqlmodel import Session

from connectors.models import RemoteTask, TaskStatus
from connectors.port import TASK_STATUSES
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.store import mirror, outbox
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.tables.outbox import OutboxState
from sync.tables.retros import Action
from tests.faults.push_case import DESIGNER
from tests.sync.conftest import NOW
from tests.sync.test_many_workers import PATIENCE, waits_or_is_done
from tests.sync.test_reconcile_tasks import conflicts, edited, planned, pulled
from tests.sync.test_reconcile_tasks import tasks as tasks
from tests.sync.test_runs import queue
from tests.waiting import eventually

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


@pytest.mark.promise("G5")
def test_a_write_that_is_claimed_meanwhile_is_not_withdrawn(
    database: Database, tasks: Feed
) -> None:
    there = RemoteTask(id="51", title="Nouveau gabarit", status=TaskStatus.OPEN)
    edited(database, title="Bouton vert")
    pulled(database, tasks, there)

    def take_back(session: Session) -> None:
        action = session.get_one(Action, DESIGNER)
        action.title = "Nouveau gabarit"
        session.add(action)
        merged(tasks)(session)

    with followed_by(database, take_back) as first:
        assert outbox.claim(first, tasks.connection_id, NOW) is not None
    # What is on its way is told by its end; then the way back is planned.
    assert [row.state for row in planned(database)] == [OutboxState.SENDING]
