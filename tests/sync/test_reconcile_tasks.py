"""What happens to our tasks in the tool comes back to their actions."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.models import ActionStatus, RemoteTask, Stream, TaskStatus
from connectors.port import TASK_STATUSES
from sync.merge import TaskField
from sync.reconcile_tasks import Now, Taken, reconcile_tasks
from sync.store import mirror, outbox
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.tables.outbox import LinkKind
from sync.tables.retros import Action
from tests.faults.push_case import COPYWRITER, DESIGNER, plan_behind
from tests.sync.conftest import NOW
from tests.sync.test_runs import queue

OPEN, IN_PROGRESS = ActionStatus.OPEN, ActionStatus.IN_PROGRESS
DONE, LOST = ActionStatus.DONE, ActionStatus.LOST
CLOSED = NOW - timedelta(hours=1)
BASE = {
    "key": DESIGNER,
    "title": "Nouveau gabarit",
    "description": "",
    "owner": "7",
    "due_at": NOW.isoformat(),
    "tags": [],
}


@pytest.fixture
def tasks(database: Database, connection_id: int) -> Feed:
    """Two actions whose tasks are in the tool, with the ids 51 and 52."""
    with database.writing() as session:
        plan_behind(session, connection_id)
        for key, remote_id in ((DESIGNER, "51"), (COPYWRITER, "52")):
            outbox.link(session, connection_id, LinkKind.TASK, key, remote_id, BASE, NOW)
    return Feed(connection_id, Stream.TASKS)


def pulled(database: Database, feed: Feed, *tasks: RemoteTask) -> list[Taken]:
    """Those tasks arrive in the mirror; what moved by that."""
    run_id = queue(database, feed)
    with database.writing() as session:
        mirror.save_records(session, feed, tasks, run_id=run_id, seen_at=NOW)
        return reconcile_tasks(session, feed.connection_id, TASK_STATUSES, Now(NOW, NOW))


def remote(id_: str, status: TaskStatus, **fields: Any) -> RemoteTask:
    return RemoteTask(id=id_, title="Nouveau gabarit", status=status, **fields)


def held(database: Database, key: str) -> tuple[str, datetime | None]:
    with database.reading() as session:
        action = session.get_one(Action, key)
        return action.status, action.done_at


def moved(key: str, old: ActionStatus, new: ActionStatus, at: datetime) -> Taken:
    return Taken(key, TaskField.STATUS, old, new, at)


def test_a_task_that_was_done_closes_its_action_at_the_tools_moment(
    database: Database, tasks: Feed
) -> None:
    done = remote("51", TaskStatus.DONE, closed_at=CLOSED)
    begun = remote("52", TaskStatus.IN_REVIEW, updated_at=CLOSED)
    assert pulled(database, tasks, done, begun) == [
        moved(COPYWRITER, OPEN, IN_PROGRESS, CLOSED),
        moved(DESIGNER, OPEN, DONE, CLOSED),
    ]
    assert held(database, DESIGNER) == ("done", CLOSED)
    assert held(database, COPYWRITER) == ("in_progress", None)


def test_a_second_look_at_the_same_tasks_moves_nothing(database: Database, tasks: Feed) -> None:
    done = remote("51", TaskStatus.DONE, closed_at=CLOSED)
    pulled(database, tasks, done)
    assert pulled(database, tasks, done) == []


def test_a_task_that_was_reopened_reopens_its_action(database: Database, tasks: Feed) -> None:
    pulled(database, tasks, remote("51", TaskStatus.DONE, closed_at=CLOSED))
    reopened = remote("51", TaskStatus.OPEN, updated_at=NOW)
    assert pulled(database, tasks, reopened) == [moved(DESIGNER, DONE, OPEN, NOW)]
    assert held(database, DESIGNER) == ("open", None)


def test_a_task_that_is_gone_loses_its_action_until_it_comes_back(
    database: Database, tasks: Feed
) -> None:
    there = remote("51", TaskStatus.OPEN)
    pulled(database, tasks, there)
    with database.writing() as session:
        mirror.mark_deleted(session, tasks, ["51"], CLOSED)
        found = reconcile_tasks(session, tasks.connection_id, TASK_STATUSES, Now(NOW, NOW))
    assert found == [moved(DESIGNER, OPEN, LOST, CLOSED)]
    assert held(database, DESIGNER) == ("lost", None)
    assert pulled(database, tasks, there) == [moved(DESIGNER, LOST, OPEN, NOW)]


def test_a_task_that_is_not_ours_moves_nothing(database: Database, tasks: Feed) -> None:
    assert pulled(database, tasks, remote("77", TaskStatus.DONE, closed_at=CLOSED)) == []


def test_what_a_status_means_is_a_setting_of_the_connection(
    database: Database, tasks: Feed
) -> None:
    with database.writing() as session:
        waiting = remote("51", TaskStatus.IN_REVIEW)
        mirror.save_records(session, tasks, [waiting], run_id=1, seen_at=NOW)
        meaning = {**TASK_STATUSES, TaskStatus.IN_REVIEW: DONE}
        found = reconcile_tasks(session, tasks.connection_id, meaning, Now(NOW, NOW))
    assert found == [moved(DESIGNER, OPEN, DONE, NOW)]
