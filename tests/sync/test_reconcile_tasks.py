"""What happens to our tasks in the tool comes back to their actions."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.models import ActionStatus, RemoteTask, Stream, TaskStatus
from connectors.port import TASK_STATUSES
from sync.merge import TaskField
from sync.reconcile_tasks import Now, Taken, reconcile_tasks
from sync.store import agreements, links, mirror, outbox
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.tables.agreements import Conflict
from sync.tables.outbox import LinkKind, Outbox
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
            links.link(session, connection_id, LinkKind.TASK, key, remote_id, BASE, NOW)
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


def edited(database: Database, **fields: Any) -> None:
    with database.writing() as session:
        action = session.get_one(Action, DESIGNER)
        for name, value in fields.items():
            setattr(action, name, value)
        session.add(action)


def planned(database: Database) -> list[Outbox]:
    with database.reading() as session:
        return list(outbox.outbox_rows(session))


def conflicts(database: Database) -> list[Conflict]:
    with database.reading() as session:
        return list(agreements.all_conflicts(session, only_open=False))


def wrote(database: Database, feed: Feed, over: datetime, **fields: str) -> None:
    """What was planned was delivered, over the task as it was at that moment of the tool."""
    with database.writing() as session:
        links.note_written(session, feed.connection_id, DESIGNER, fields, over)
        for row in outbox.outbox_rows(session):
            session.delete(row)


@pytest.mark.promise("G7")
def test_what_was_read_before_our_write_takes_nothing_back(database: Database, tasks: Feed) -> None:
    before = remote("51", TaskStatus.OPEN, updated_at=CLOSED)
    edited(database, title="Bouton vert")
    pulled(database, tasks, before)
    assert [row.payload["only"] for row in planned(database)] == [["title"]]
    wrote(database, tasks, CLOSED, title="Bouton vert")
    # A page that was read before the write is saved after it; then the write comes back.
    assert pulled(database, tasks, before) == []
    echo = RemoteTask(id="51", title="Bouton vert ", status=TaskStatus.OPEN, updated_at=NOW)
    assert pulled(database, tasks, echo) == []
    assert (planned(database), conflicts(database)) == ([], [])


@pytest.mark.promise("G6")
def test_what_somebody_changes_in_the_second_of_our_write_is_theirs(
    database: Database, tasks: Feed
) -> None:
    """Two writes of ours and an edit of theirs, all within one second of the tool's clock."""
    edited(database, title="Bouton vert")
    wrote(database, tasks, CLOSED, title="Bouton vert")
    edited(database, title="Bouton bleu")
    wrote(database, tasks, CLOSED, title="Bouton bleu")
    for ours in ("Nouveau gabarit", "Bouton vert", "Bouton bleu"):
        read = RemoteTask(id="51", title=ours, status=TaskStatus.OPEN, updated_at=CLOSED)
        assert pulled(database, tasks, read) == []
    theirs = RemoteTask(id="51", title="Bouton rouge", status=TaskStatus.OPEN, updated_at=CLOSED)
    (taken,) = pulled(database, tasks, theirs)
    assert (taken.old, taken.new) == ("Bouton bleu", "Bouton rouge")


@pytest.mark.promise("G7")
def test_a_write_under_way_that_is_read_back_is_no_change_of_theirs(
    database: Database, tasks: Feed
) -> None:
    edited(database, title="Bouton vert")
    pulled(database, tasks, remote("51", TaskStatus.OPEN, updated_at=CLOSED))
    with database.writing() as session:
        assert outbox.claim(session, tasks.connection_id, NOW) is not None
        tried = {"title": "Bouton vert"}
        links.note_attempt(session, tasks.connection_id, DESIGNER, tried, NOW)
    # It took effect, and before that is known here somebody goes on editing here.
    edited(database, title="Bouton bleu")
    echo = RemoteTask(id="51", title="Bouton vert", status=TaskStatus.OPEN, updated_at=NOW)
    assert pulled(database, tasks, echo) == []
    assert conflicts(database) == []
    assert [row.payload["title"] for row in planned(database)] == ["Bouton vert", "Bouton bleu"]


@pytest.mark.promise("G6")
def test_a_clash_stays_open_and_shows_both_sides_as_they_are_now(
    database: Database, tasks: Feed
) -> None:
    edited(database, title="Bouton vert")
    for title in ("Bouton rouge", "Bouton noir"):
        found = pulled(database, tasks, RemoteTask(id="51", title=title, status=TaskStatus.OPEN))
        assert found == []
    (conflict,) = conflicts(database)
    assert (conflict.base, conflict.ours) == ("Nouveau gabarit", "Bouton vert")
    assert (conflict.theirs, conflict.state) == ("Bouton noir", "open")
    assert planned(database) == []


def test_a_conflict_ends_when_both_sides_come_to_say_the_same(
    database: Database, tasks: Feed
) -> None:
    edited(database, title="Bouton vert")
    for title in ("Bouton rouge", "Bouton vert"):
        pulled(database, tasks, RemoteTask(id="51", title=title, status=TaskStatus.OPEN))
    (conflict,) = conflicts(database)
    assert (conflict.state, conflict.outcome) == ("settled", "agreed")


def test_a_change_is_withdrawn_when_it_is_taken_back_before_it_went_out(
    database: Database, tasks: Feed
) -> None:
    there = remote("51", TaskStatus.OPEN)
    edited(database, title="Bouton vert")
    pulled(database, tasks, there)
    edited(database, title="Nouveau gabarit")
    pulled(database, tasks, there)
    assert planned(database) == []
