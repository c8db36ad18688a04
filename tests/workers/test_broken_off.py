"""Work that is broken off between two of its parts, and what is left of it (G5, G10)."""

import pytest

from connectors.models import ActionStatus
from sync.store import outbox, past_runs, undone
from sync.tables.agreements import Outcome
from sync.tables.outbox import Outbox, OutboxState
from sync.tables.runs import RunStatus
from sync.undoing import plan_undo
from tests.faults.fuse import Killed
from tests.faults.push_case import DESIGNER
from tests.workers.two_way import TwoWay
from workers import running
from workers.actions import settle_conflict


@pytest.mark.promise("G10")
def test_a_worker_that_dies_at_the_merge_has_not_ended_its_pull(
    sides: TwoWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_given: object, **_named: object) -> None:
        raise Killed("the merge")

    sides.edit_there(STATUS=5)
    with monkeypatch.context() as dying:
        dying.setattr(running, "reconcile_tasks", die)
        with pytest.raises(Killed):
            sides.pull()
    with sides.app.database.reading() as session:
        last = past_runs.recent_runs(session)[0]
    assert (last.stream, last.status) == ("tasks", RunStatus.RUNNING)


@pytest.mark.promise("G5")
def test_a_task_that_is_made_again_does_not_wait_behind_the_create_that_was_refused(
    sides: TwoWay,
) -> None:
    """The task was deleted amid its push: then its stamp is refused."""
    with sides.app.database.writing() as session:
        session.get_one(Outbox, DESIGNER).state = OutboxState.STAMPING
    sides.delete_there()
    assert sides.push().status == RunStatus.INCOMPLETE
    sides.pull()
    assert sides.action().status == ActionStatus.LOST
    (lost,) = sides.conflicts()
    assert lost.id is not None
    settle_conflict(sides.app, lost.id, Outcome.OURS)
    sides.push()
    assert sides.task()["title"] == sides.action().title


@pytest.mark.promise("G5")
def test_a_create_that_is_taken_back_late_leaves_the_task_that_was_made_in_its_place(
    sides: TwoWay,
) -> None:
    sides.delete_there()
    sides.pull()
    (lost,) = sides.conflicts()
    assert lost.id is not None
    settle_conflict(sides.app, lost.id, Outcome.OURS)
    sides.push()
    made = sides.task_id()
    with sides.app.database.writing() as session:
        first = session.get_one(Outbox, DESIGNER)
        assert first.run_id is not None
        done = [each for each in undone.done_in(session, first.run_id) if each.key == DESIGNER]
        wanted, _ = plan_undo(done, first.run_id)
        outbox.intend(session, wanted, sides.now)
    sides.push()
    assert sides.task_id() == made
    with sides.app.database.reading() as session:
        assert session.get_one(Outbox, DESIGNER).state is OutboxState.UNDONE
