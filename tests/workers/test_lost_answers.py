"""Updates whose outcome nobody was told, and edits that go back to what they wrote (G6, G7)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connectors.models import ActionStatus
from sync.merge import Contract, TaskField
from sync.store import by_hand, outbox, runs, undone
from sync.store.outbox import PutOff
from sync.tables.agreements import Outcome
from sync.tables.outbox import OutboxState
from sync.tables.runs import PUSH, Mode, Run, RunStatus, Trigger
from sync.undoing import plan_undo
from tests.faults.push_case import DESIGNER
from tests.workers import two_way as building
from tests.workers.two_way import NADIA, STRANGER, TwoWay
from workers.actions import settle_conflict
from workers.running import work_on
from workers.undoing import undo_now

UPDATES = "tasks.task.update"
# A read of ours is repeated as often, and so is a write that may be.
TRIES = 5


def push_in_vain(sides: TwoWay, fault: str) -> None:
    """The answers to all tries of one update are lost."""
    tries = range(1, TRIES + 1)
    sides.portal.faults(*({"do": fault, "on": {"method": UPDATES, "nth": n}} for n in tries))
    assert push_once(sides) is RunStatus.WAITING
    sides.portal.faults()


def push_once(sides: TwoWay) -> RunStatus | None:
    """One slice, without waiting for what is left."""
    with sides.app.database.writing() as session:
        run = runs.queue_run(
            session,
            sides.connection_id,
            PUSH,
            mode=Mode.PUSH,
            trigger=Trigger.MANUAL,
            at=sides.app.database.now(),
        )
    assert run.id is not None
    return work_on(sides.app, run.id)


def plan_to_undo(sides: TwoWay, run: Run) -> None:
    """What takes the run back waits to be sent."""
    assert run.id is not None
    with sides.app.database.writing() as session:
        wanted, _ = plan_undo(undone.done_in(session, run.id), run.id)
        outbox.intend(session, wanted, sides.now)


def titles(sides: TwoWay) -> tuple[str, str]:
    return sides.action().title, sides.task()["title"]


@pytest.mark.promise("G6")
@pytest.mark.promise("G7")
@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before"])
@pytest.mark.parametrize("then", ["back", "on"])
@pytest.mark.parametrize("contract", [Contract.ASK, Contract.THEIRS])
def test_an_edit_after_a_write_whose_answer_was_lost_stands_on_both_sides(
    sides: TwoWay, fault: str, then: str, contract: Contract
) -> None:
    sides.contract(TaskField.TITLE, contract)
    before = sides.action().title
    wanted = before if then == "back" else "C"
    sides.edit_here(title="B")
    push_in_vain(sides, fault)
    assert sides.task()["title"] == ("B" if fault == "timeout_after" else before)
    sides.edit_here(title=wanted)
    sides.push()
    sides.sync()
    assert titles(sides) == (wanted, wanted)
    assert sides.conflicts(only_open=False) == []


@pytest.mark.promise("G6")
def test_what_somebody_writes_there_long_after_a_lost_write_of_the_same_is_theirs(
    sides: TwoWay,
) -> None:
    """The write never took effect, and the pulls since have shown it."""
    before = sides.action().title
    sides.edit_here(title="B")
    push_in_vain(sides, "timeout_before")
    sides.edit_here(title=before)
    with pytest.MonkeyPatch.context() as patch:
        later = sides.app.database.now() + building.AN_HOUR
        patch.setattr(sides.app.database, "now", lambda: later)
        sides.pull()
        sides.edit_there(TITLE="B")
        sides.sync()
    assert titles(sides) == ("B", "B")


@pytest.mark.promise("G6")
def test_an_edit_that_goes_back_to_one_that_was_superseded_is_sent(sides: TwoWay) -> None:
    sides.edit_here(title="B")
    # It is edited while the write is under way, and meets an outage twice.
    with claimed(sides):
        sides.edit_here(title="C")
    with claimed(sides):
        pass
    states = [row.state for row in sides.changes()]
    assert states == [OutboxState.SUPERSEDED, OutboxState.PLANNED]
    sides.edit_here(title="B")
    sides.push()
    assert titles(sides) == ("B", "B")
    sides.sync()
    assert titles(sides) == ("B", "B")


@contextmanager
def claimed(sides: TwoWay) -> Iterator[None]:
    """The next write is under way, and put off then."""
    database = sides.app.database
    with database.writing() as session:
        write = outbox.claim(session, sides.connection_id, database.now())
    assert write is not None
    yield
    with database.writing() as session:
        waits, at = write.waits + 1, database.now()
        why = PutOff({}, may_exist=True, not_before=None, attempts=0, waits=waits, at=at)
        outbox.note_put_off(session, write.intention.key, why)


@pytest.mark.promise("G13")
def test_an_edit_that_was_taken_back_stays_so_on_both_sides(sides: TwoWay) -> None:
    before = sides.action().title
    sides.edit_here(title="B")
    run = sides.push()
    sides.pull()
    assert run.id is not None
    assert undo_now(sides.app, run.id).left == []
    assert titles(sides) == (before, before)
    for _ in range(2):
        sides.sync()
    assert titles(sides) == (before, before)
    assert sides.conflicts(only_open=False) == []
    # The same edit once more is one of its own.
    sides.edit_here(title="B")
    sides.sync()
    assert titles(sides) == ("B", "B")


@pytest.mark.promise("G13")
def test_what_was_edited_here_since_is_not_taken_back_with_it(sides: TwoWay) -> None:
    sides.edit_here(title="B")
    run = sides.push()
    sides.pull()
    sides.edit_here(title="C")
    assert run.id is not None
    undo_now(sides.app, run.id)
    sides.sync()
    assert titles(sides) == ("C", "C")


@pytest.mark.promise("G13")
def test_what_is_edited_here_before_an_undo_goes_out_is_not_taken_back_with_it(
    sides: TwoWay,
) -> None:
    sides.edit_here(title="B")
    run = sides.push()
    sides.pull()
    plan_to_undo(sides, run)
    sides.edit_here(title="C")
    sides.push()
    # Before the task is read again, from which the action would learn it anew.
    assert titles(sides) == ("C", "C")
    sides.sync()
    assert titles(sides) == ("C", "C")


@pytest.mark.promise("G6")
def test_an_end_here_goes_out_beside_an_undo(sides: TwoWay) -> None:
    """It is no edit of what is taken back."""
    sides.edit_here(title="B")
    run = sides.push()
    sides.pull()
    plan_to_undo(sides, run)
    sides.edit_here(status=ActionStatus.DONE)
    assert sides.push().status == "succeeded"
    assert (sides.action().status, sides.task()["status"]) == ("done", "5")


@pytest.mark.promise("G7")
@pytest.mark.promise("G13")
@pytest.mark.parametrize("edited", [True, False])
@pytest.mark.parametrize("contract", [Contract.ASK, Contract.THEIRS])
def test_an_undo_whose_answer_was_lost_is_no_edit_of_somebody_there(
    sides: TwoWay, contract: Contract, edited: bool
) -> None:
    sides.contract(TaskField.TITLE, contract)
    before = sides.action().title
    sides.edit_here(title="B")
    run = sides.push()
    sides.pull()
    plan_to_undo(sides, run)
    push_in_vain(sides, "timeout_after")
    assert run.id is not None
    assert sides.task()["title"] == before
    if edited:
        sides.edit_here(title="C")
    sides.pull()
    assert undo_now(sides.app, run.id).left == []
    sides.sync()
    assert titles(sides) == (("C", "C") if edited else (before, before))
    assert sides.conflicts(only_open=False) == []


@pytest.mark.promise("G13")
def test_a_task_goes_back_to_an_owner_whom_nobody_here_knows(sides: TwoWay) -> None:
    """Our action keeps its own: there is nobody to give it to."""
    sides.edit_there(RESPONSIBLE_ID=int(STRANGER))
    sides.pull()
    (conflict,) = sides.conflicts()
    assert conflict.id is not None
    settle_conflict(sides.app, conflict.id, Outcome.OURS)
    run = sides.push()
    assert run.id is not None
    assert sides.task()["responsibleId"] == NADIA
    assert undo_now(sides.app, run.id).left == []
    assert (sides.task()["responsibleId"], sides.action().owner) == (STRANGER, "p_mkt")


@pytest.mark.promise("G13")
def test_a_task_that_was_taken_back_is_made_again_at_once(sides: TwoWay) -> None:
    """The call that made it has ended: nothing of it is to be waited for."""
    sides.take_back()
    with sides.app.database.writing() as session:
        assert by_hand.retry(session, DESIGNER)
    assert push_once(sides) is RunStatus.SUCCEEDED
