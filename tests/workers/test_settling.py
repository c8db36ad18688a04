"""What becomes of what was planned when a person settles a conflict."""

import pytest
from sqlmodel import select

from connectors.models import ActionStatus
from sync.store import by_hand, links, outbox
from sync.store.outbox import Intention
from sync.tables.agreements import WHOLE_TASK, Conflict, Outcome, Reason
from sync.tables.outbox import LinkKind, Operation, Outbox, OutboxState
from sync.tables.runs import PUSH, Run
from tests.faults.push_case import DESIGNER
from tests.workers.two_way import START, TwoWay
from workers.actions import settle_conflict
from workers.errors import CannotRun
from workers.undoing import undo_now

REFUSED = {"do": "error", "code": "ACCESSDENIEDEXCEPTION", "description": "no"}


def lost(sides: TwoWay) -> int:
    """The task was deleted there; the number of the conflict about it."""
    sides.delete_there()
    sides.pull()
    (conflict,) = sides.conflicts()
    assert conflict.id is not None
    return conflict.id


def refuse(sides: TwoWay, key: str, operation: Operation) -> None:
    """As if the tool had refused this write of the task."""
    payload = {"text": "Demain ?"} if operation is Operation.COMMENT else {"only": []}
    write = Intention(key, sides.connection_id, operation, DESIGNER, payload, [])
    with sides.app.database.writing() as session:
        outbox.intend(session, [write], START)
        session.get_one(Outbox, key).state = OutboxState.REFUSED


def state(sides: TwoWay, key: str) -> OutboxState | None:
    with sides.app.database.reading() as session:
        return outbox.state_of(session, key)


def made_again(sides: TwoWay, number: int) -> Outbox:
    with sides.app.database.reading() as session:
        return session.get_one(Outbox, f"task:{DESIGNER}:{number}")


def test_nobody_is_asked_any_more_about_what_was_refused_of_a_task_that_is_given_up(
    sides: TwoWay,
) -> None:
    for operation in (Operation.UPDATE_TASK, Operation.COMMENT):
        refuse(sides, operation.value, operation)
    settle_conflict(sides.app, lost(sides), Outcome.THEIRS)
    assert state(sides, "update_task") is state(sides, "comment") is OutboxState.DROPPED


@pytest.mark.promise("G5")
def test_a_comment_that_was_refused_is_kept_for_the_task_that_is_made_again(sides: TwoWay) -> None:
    for operation in (Operation.UPDATE_TASK, Operation.COMMENT):
        refuse(sides, operation.value, operation)
    settle_conflict(sides.app, lost(sides), Outcome.OURS)
    assert state(sides, "update_task") is OutboxState.DROPPED
    assert state(sides, "comment") is OutboxState.REFUSED


@pytest.mark.promise("G12")
@pytest.mark.parametrize("outcome", [Outcome.OURS, Outcome.THEIRS])
def test_a_task_that_is_deleted_before_its_stamp_holds_up_nothing(
    sides: TwoWay, outcome: Outcome
) -> None:
    """Found by the soak: the stamp was refused for good, and the new create waited behind it."""
    with sides.app.database.writing() as session:
        session.get_one(Outbox, DESIGNER).state = OutboxState.STAMPING
    number = lost(sides)
    settle_conflict(sides.app, number, outcome)
    assert sides.push().status == "succeeded"
    assert state(sides, DESIGNER) is OutboxState.DROPPED
    again = state(sides, f"task:{DESIGNER}:{number}")
    assert again is (OutboxState.DONE if outcome is Outcome.OURS else None)


@pytest.mark.promise("G12")
@pytest.mark.parametrize("as_it_was", [OutboxState.STAMPING, OutboxState.REFUSED])
def test_what_waits_behind_the_stamp_of_a_deleted_task_goes_on_without_a_person(
    sides: TwoWay, as_it_was: OutboxState
) -> None:
    """Found by the soak."""
    comment = Intention("c", sides.connection_id, Operation.COMMENT, DESIGNER, {"text": "x"}, [])
    with sides.app.database.writing() as session:
        session.get_one(Outbox, DESIGNER).state = as_it_was
        outbox.intend(session, [comment], START)
    lost(sides)
    assert state(sides, DESIGNER) is OutboxState.DROPPED
    sides.push()
    # Nobody can comment on a task that is gone.
    assert state(sides, "c") is OutboxState.REFUSED
    assert sides.push().status == "succeeded"


def test_a_stamp_that_is_refused_after_its_task_was_given_up_stays_let_go(sides: TwoWay) -> None:
    with sides.app.database.writing() as session:
        session.get_one(Outbox, DESIGNER).state = OutboxState.STAMPING
    settle_conflict(sides.app, lost(sides), Outcome.THEIRS)
    refused = outbox.GivenUp({}, True, OutboxState.REFUSED, 1, START)
    with sides.app.database.writing() as session:
        outbox.note_given_up(session, DESIGNER, refused)
    assert state(sides, DESIGNER) is OutboxState.DROPPED


def test_a_task_is_made_again_as_our_action_stands_with_what_only_its_task_was_told(
    sides: TwoWay,
) -> None:
    sides.edit_there(STATUS=3)
    sides.pull()
    sides.edit_here(title="Bouton vert")
    with sides.app.database.writing() as session:
        link = session.get_one(Outbox, DESIGNER)
        assert link.payload["bind_targets"] == []
        tied = links.task_link(session, sides.connection_id, DESIGNER)
        assert tied is not None
        tied.base = {**tied.base, "bind_targets": ["D-email-ctr:target"]}
    number = lost(sides)
    settle_conflict(sides.app, number, Outcome.OURS)
    assert sides.action().status == ActionStatus.IN_PROGRESS
    payload = made_again(sides, number).payload
    assert (payload["title"], payload["key"]) == ("Bouton vert", f"{DESIGNER}~{number}")
    # Not of our action, but of what was agreed on when the task was made.
    assert payload["bind_targets"] == ["D-email-ctr:target"]
    # A task is open when it is made.
    assert "status" not in payload


def test_until_it_is_made_again_the_task_that_is_gone_asks_nobody_anew(sides: TwoWay) -> None:
    settle_conflict(sides.app, lost(sides), Outcome.OURS)
    for _ in range(2):
        assert sides.conflicts() == []
        assert sides.action().status == ActionStatus.OPEN
        sides.pull()


def test_a_task_that_was_taken_back_meanwhile_is_not_made_again(sides: TwoWay) -> None:
    number = lost(sides)
    with sides.app.database.writing() as session:
        tied = links.task_link(session, sides.connection_id, DESIGNER)
        assert tied is not None
        links.unlink(session, sides.connection_id, LinkKind.TASK, DESIGNER, tied.remote_id)
    with pytest.raises(CannotRun, match="made again already"):
        settle_conflict(sides.app, number, Outcome.OURS)
    assert [each.id for each in sides.conflicts()] == [number]


def test_a_side_that_is_not_known_cannot_be_given_up(sides: TwoWay) -> None:
    with sides.app.database.writing() as session:
        row = Conflict(
            connection_id=sides.connection_id,
            action_key=DESIGNER,
            field="title",
            reason=Reason.CLASH,
            ours="Bouton vert",
            detected_at=START,
        )
        session.add(row)
        session.flush()
        number = row.id
    assert number is not None
    with pytest.raises(CannotRun, match="pull the tasks first"):
        settle_conflict(sides.app, number, Outcome.OURS)


@pytest.mark.promise("G6")
@pytest.mark.parametrize("dropped", [False, True])
def test_ours_is_sent_though_the_same_was_refused_before(sides: TwoWay, dropped: bool) -> None:
    refused(sides, title="Bouton vert")
    if dropped:
        with sides.app.database.writing() as session:
            by_hand.drop(session, sides.changes()[0].key)
    sides.edit_there(TITLE="Bouton rouge")
    sides.pull()
    (conflict,) = sides.conflicts()
    assert conflict.id is not None
    settle_conflict(sides.app, conflict.id, Outcome.OURS)
    sides.push()
    assert sides.task()["title"] == "Bouton vert"


@pytest.mark.promise("G6")
def test_an_edit_that_the_task_before_was_given_is_sent_to_the_one_that_was_made_again(
    sides: TwoWay,
) -> None:
    first = sides.task()["title"]
    for title in ("Bouton vert", first):
        sides.edit_here(title=title)
        sides.sync()
    settle_conflict(sides.app, lost(sides), Outcome.OURS)
    sides.push()
    sides.edit_here(title="Bouton vert")
    sides.push()
    assert sides.task()["title"] == "Bouton vert"


@pytest.mark.promise("G5")
def test_nobody_is_asked_any_more_about_a_task_that_was_taken_back(sides: TwoWay) -> None:
    """Who answered once it was made again would make it twice."""
    with sides.app.database.reading() as session:
        pushed = session.exec(select(Run.id).where(Run.stream == PUSH)).one()
    assert pushed is not None
    lost(sides)
    undo_now(sides.app, pushed)
    assert sides.conflicts() == []
    with sides.app.database.writing() as session:
        assert by_hand.retry(session, DESIGNER)
    sides.sync()
    assert (sides.conflicts(), sides.action().status) == ([], ActionStatus.OPEN)


def test_a_question_about_a_task_that_is_there_is_closed(sides: TwoWay) -> None:
    with sides.app.database.writing() as session:
        row = Conflict(
            connection_id=sides.connection_id,
            action_key=DESIGNER,
            field=WHOLE_TASK,
            reason=Reason.DELETED,
            detected_at=START,
        )
        session.add(row)
    sides.pull()
    assert sides.conflicts() == []


@pytest.mark.promise("G6")
def test_a_refused_edit_is_let_go_when_a_newer_one_takes_its_place(sides: TwoWay) -> None:
    """Who retried all that was refused would write the older one over it."""
    refused(sides, title="A")
    sides.edit_here(title="B")
    sides.push()
    assert [row.state for row in sides.changes()] == [OutboxState.SUPERSEDED, OutboxState.DONE]
    assert sides.task()["title"] == "B"


@pytest.mark.promise("G6")
@pytest.mark.parametrize("refused_too", [True, False])
def test_an_edit_that_was_refused_is_sent_when_somebody_comes_back_to_it(
    sides: TwoWay, refused_too: bool
) -> None:
    refused(sides, title="A")
    if refused_too:
        refused(sides, title="B")
    else:
        sides.edit_here(title="B")
    sides.edit_here(title="A")
    assert sides.push().status == "succeeded"
    assert sides.task()["title"] == "A"


@pytest.mark.promise("G6")
def test_a_refused_edit_that_was_taken_back_here_is_not_sent_by_a_retry_of_all(
    sides: TwoWay,
) -> None:
    before = sides.task()["title"]
    refused(sides, title="A")
    sides.edit_here(title=before)
    with sides.app.database.writing() as session:
        assert by_hand.retry_all(session) == {}
    assert [row.state for row in sides.changes()] == [OutboxState.SUPERSEDED]


def refused(sides: TwoWay, **edit: str) -> None:
    sides.portal.faults({"on": {"method": "tasks.task.update"}, **REFUSED})
    sides.edit_here(**edit)
    assert sides.push().status == "incomplete"
    sides.portal.faults()
