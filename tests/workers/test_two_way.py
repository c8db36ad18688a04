"""Edits on both sides of a task meet: in the portal and here, by poll and by webhook."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.models import ActionStatus
from rules.words import DecisionStatus
from sync.merge import Contract, TaskField
from sync.store import outbox
from sync.store.outbox import Intention
from sync.tables.agreements import Outcome, Reason
from sync.tables.outbox import Operation, OutboxState
from sync.tables.retros import Target
from tests.faults.push_case import COPYWRITER, DESIGNER
from tests.workers.two_way import LEO, NADIA, STRANGER, TwoWay
from workers.actions import settle_conflict
from workers.deciding import settle_decisions
from workers.errors import CannotRun

DUE = datetime(2026, 12, 14, 17, 0, tzinfo=UTC)
LATER = datetime(2026, 12, 21, 17, 0, tzinfo=UTC)


@pytest.mark.promise("G7")
@pytest.mark.parametrize("way", ["poll", "webhook"])
def test_our_own_write_coming_back_is_an_echo(sides: TwoWay, way: str) -> None:
    sides.edit_here(title="Bouton vert", owner="p_des", due=LATER)
    assert sides.push().status == "succeeded"
    for _ in range(2):
        sides.hook() if way == "webhook" else sides.pull()
        sides.push()
    (write,) = sides.changes()
    assert (write.operation, write.state) == (Operation.UPDATE_TASK, OutboxState.DONE)
    assert sides.action().title == sides.task()["title"] == "Bouton vert"
    assert (sides.action().owner, sides.task()["responsibleId"]) == ("p_des", LEO)
    assert sides.action().due_at == datetime.fromisoformat(sides.task()["deadline"]) == LATER
    assert sides.conflicts(only_open=False) == []


@pytest.mark.promise("G7")
def test_a_task_read_before_our_write_takes_nothing_back(sides: TwoWay) -> None:
    sides.edit_here(title="Bouton vert")
    sides.push()
    # The mirror still holds the task as it was: any look at it is older than our write.
    sides.edit_here(COPYWRITER, title="Texte court")
    sides.edit_here(due=LATER)
    assert sides.action().title == "Bouton vert"
    sides.sync()
    assert sides.task()["title"] == "Bouton vert"
    assert sides.conflicts(only_open=False) == []


@pytest.mark.promise("G6")
def test_closed_there_and_renamed_here_in_the_same_minute_both_survive(sides: TwoWay) -> None:
    """T06."""
    sides.edit_there(STATUS=5)
    sides.edit_here(title="Bouton vert")
    sides.sync()
    assert (sides.action().title, sides.action().status) == ("Bouton vert", "done")
    assert (sides.task()["title"], sides.task()["status"]) == ("Bouton vert", "5")
    assert sides.conflicts(only_open=False) == []


@pytest.mark.promise("G6")
def test_a_field_changed_there_is_not_overwritten_along_with_another(sides: TwoWay) -> None:
    sides.edit_here(title="Bouton vert")
    sides.edit_there(DEADLINE=LATER.isoformat(), RESPONSIBLE_ID=int(LEO))
    sides.push()
    sides.pull()
    assert (sides.action().title, sides.task()["title"]) == ("Bouton vert", "Bouton vert")
    assert (sides.action().due_at, sides.action().owner) == (LATER, "p_des")
    assert datetime.fromisoformat(sides.task()["deadline"]) == LATER


@pytest.mark.promise("G6")
@pytest.mark.parametrize("pulled_before_the_push", [True, False])
def test_one_field_changed_on_both_sides_is_shown_and_overwritten_by_nobody(
    sides: TwoWay, pulled_before_the_push: bool
) -> None:
    """T06, the true clash."""
    sides.edit_here(title="Bouton vert")
    sides.edit_there(TITLE="Bouton rouge")
    if pulled_before_the_push:
        sides.pull()
    sides.push()
    sides.sync()
    assert (sides.action().title, sides.task()["title"]) == ("Bouton vert", "Bouton rouge")
    (conflict,) = sides.conflicts()
    assert (conflict.action_key, conflict.field, conflict.reason) == (
        DESIGNER,
        "title",
        Reason.CLASH,
    )
    assert (conflict.ours, conflict.theirs) == ("Bouton vert", "Bouton rouge")
    assert conflict.base == f"Nouveau gabarit ({DESIGNER})"
    assert conflict.theirs_at == sides.now


@pytest.mark.promise("G6")
@pytest.mark.parametrize(
    ("outcome", "title"), [(Outcome.OURS, "Bouton vert"), (Outcome.THEIRS, "Bouton rouge")]
)
def test_a_settled_conflict_makes_both_sides_alike(
    sides: TwoWay, outcome: Outcome, title: str
) -> None:
    sides.edit_here(title="Bouton vert")
    sides.edit_there(TITLE="Bouton rouge")
    sides.sync()
    (conflict,) = sides.conflicts()
    assert conflict.id is not None
    settle_conflict(sides.app, conflict.id, outcome)
    sides.push()
    sides.pull()
    assert sides.action().title == sides.task()["title"] == title
    assert sides.conflicts() == []
    with pytest.raises(CannotRun, match="no open conflict"):
        settle_conflict(sides.app, conflict.id, outcome)


@pytest.mark.promise("G6")
@pytest.mark.parametrize(
    ("contract", "stands"),
    [
        (Contract.OURS, "ours"),
        (Contract.THEIRS, "theirs"),
        (Contract.LATEST, "theirs"),
        (Contract.ASK, None),
    ],
)
def test_the_contract_of_the_field_decides(
    sides: TwoWay, contract: Contract, stands: str | None
) -> None:
    sides.contract(TaskField.TITLE, contract)
    sides.edit_here(title="ours")
    sides.edit_there(TITLE="theirs")
    sides.sync()
    titles = (sides.action().title, sides.task()["title"])
    assert titles == ((stands, stands) if stands else ("ours", "theirs"))
    # Whoever lost can still read what they had written.
    (conflict,) = sides.conflicts(only_open=False)
    assert (conflict.ours, conflict.theirs, conflict.outcome) == ("ours", "theirs", stands)
    assert len(sides.conflicts()) == (0 if stands else 1)


@pytest.mark.promise("G6")
def test_what_the_tool_does_not_tell_clears_nothing(sides: TwoWay) -> None:
    sides.edit_there(DESCRIPTION="", DEADLINE="")
    sides.sync()
    assert sides.action().description == "Parce que le taux de clic est faible"
    assert sides.action().due_at == DUE


@pytest.mark.promise("G6")
def test_edits_before_a_push_go_out_as_one_write(sides: TwoWay) -> None:
    sides.edit_here(title="Bouton vert")
    sides.edit_here(title="Bouton bleu", due=LATER)
    sides.edit_here(title="Bouton vert")
    sides.push()
    (write,) = sides.changes()
    assert (write.payload["title"], write.payload["only"]) == ("Bouton vert", ["due_at", "title"])
    # The same change again, after it was taken back, is another write.
    sides.edit_here(title="Bouton bleu")
    sides.push()
    sides.edit_here(title="Bouton vert")
    sides.push()
    assert sides.task()["title"] == "Bouton vert"


@pytest.mark.promise("G6")
def test_a_write_no_merge_planned_is_refused_where_it_would_overwrite(sides: TwoWay) -> None:
    sides.edit_there(TITLE="Bouton rouge")
    payload = {"title": "Bouton vert", "description": "", "owner": NADIA, "only": ["title"]}
    payload |= {"key": DESIGNER, "due_at": DUE.isoformat()}
    wanted = Intention(
        "by-hand", sides.connection_id, Operation.UPDATE_TASK, DESIGNER, payload, because=[]
    )
    with sides.app.database.writing() as session:
        outbox.intend(session, [wanted], sides.now)
    run = sides.push()
    assert (run.status, run.error and run.error["message"]) == (
        "incomplete",
        f"Not delivered: 1. update_task {DESIGNER}: The title of this task was changed in the tool "
        "since it was read.",
    )
    assert sides.task()["title"] == "Bouton rouge"


@pytest.mark.promise("G6")
def test_an_owner_nobody_here_knows_is_asked_about(sides: TwoWay) -> None:
    sides.edit_there(RESPONSIBLE_ID=int(STRANGER))
    sides.sync()
    (conflict,) = sides.conflicts()
    assert (conflict.field, conflict.reason, conflict.theirs) == (
        "owner",
        Reason.UNKNOWN_ACCOUNT,
        STRANGER,
    )
    assert sides.action().owner == "p_mkt"
    assert conflict.id is not None
    with pytest.raises(CannotRun, match="retro people match"):
        settle_conflict(sides.app, conflict.id, Outcome.THEIRS)
    settle_conflict(sides.app, conflict.id, Outcome.OURS)
    sides.push()
    assert sides.task()["responsibleId"] == NADIA


def test_an_action_finished_here_is_finished_there_and_taken_up_again(sides: TwoWay) -> None:
    sides.edit_here(status=ActionStatus.DONE)
    sides.sync()
    assert (sides.task()["status"], sides.action().status) == ("5", "done")
    sides.edit_here(status=ActionStatus.OPEN)
    sides.sync()
    assert (sides.task()["status"], sides.action().status) == ("2", "open")
    assert sides.conflicts(only_open=False) == []


@pytest.mark.promise("G7")
def test_a_field_that_flips_more_than_five_times_an_hour_is_held(sides: TwoWay) -> None:
    for _ in range(3):
        for title in ("rouge", "vert"):
            sides.edit_there(TITLE=title)
            sides.hook()
    before = sides.action().title
    sides.edit_there(TITLE="rouge")
    sides.hook()
    (conflict,) = sides.conflicts()
    assert (conflict.field, conflict.reason) == ("title", Reason.FLIPS)
    assert sides.action().title == before
    # Held on both sides, and shown as it is now; the other fields go on.
    sides.edit_here(title="bleu")
    sides.edit_there(DEADLINE=LATER.isoformat())
    sides.sync()
    (conflict,) = sides.conflicts()
    assert (conflict.ours, conflict.theirs) == ("bleu", "rouge")
    assert (sides.task()["title"], sides.action().due_at) == ("rouge", LATER)
    assert conflict.id is not None
    settle_conflict(sides.app, conflict.id, Outcome.OURS)
    sides.sync()
    assert (sides.task()["title"], sides.conflicts()) == ("bleu", [])


def test_a_task_deleted_there_asks_its_owner_and_is_not_made_again(sides: TwoWay) -> None:
    """T07."""
    sides.edit_here(title="Bouton vert")
    sides.delete_there()
    sides.sync()
    assert sides.action().status == "lost"
    (conflict,) = sides.conflicts()
    assert (conflict.field, conflict.reason, conflict.base) == ("task", Reason.DELETED, "open")
    assert len(sides.portal.records("tasks", "?key=UF_RETRO_KEY")) == 1
    assert [write.state for write in sides.changes()] == []
    assert conflict.id is not None
    settle_conflict(sides.app, conflict.id, Outcome.THEIRS)
    sides.sync()
    assert (sides.action().status, sides.conflicts()) == ("lost", [])


def test_a_lost_task_is_made_again_when_a_person_says_so(sides: TwoWay) -> None:
    old = sides.task_id()
    sides.delete_there()
    sides.sync()
    (conflict,) = sides.conflicts()
    assert conflict.id is not None
    settle_conflict(sides.app, conflict.id, Outcome.OURS)
    sides.sync()
    assert sides.task_id() != old
    assert sides.task()["title"] == sides.action().title
    assert (sides.action().status, sides.conflicts()) == ("open", [])


def test_a_task_reopened_there_reopens_the_decision_and_its_recheck(sides: TwoWay) -> None:
    """T08."""
    for key in (DESIGNER, COPYWRITER):
        sides.edit_there(key, STATUS=5)
    sides.sync()
    settle_decisions(sides.app)
    assert sides.decision().status == DecisionStatus.DONE_AWAITING_MEASURE
    with sides.app.database.writing() as session:
        session.add(target(sides))
    sides.edit_there(STATUS=2)
    sides.hook()
    settle_decisions(sides.app)
    assert (sides.action().status, sides.action().done_at) == ("open", None)
    assert sides.decision().status == DecisionStatus.IN_PROGRESS
    with sides.app.database.reading() as session:
        assert session.get_one(Target, "T").measure_end is None


def test_a_decision_follows_what_is_said_of_its_actions_here(sides: TwoWay) -> None:
    """T08."""
    for key in (DESIGNER, COPYWRITER):
        sides.edit_here(key, status=ActionStatus.DONE)
    assert sides.decision().status == DecisionStatus.DONE_AWAITING_MEASURE
    sides.edit_here(status=ActionStatus.OPEN)
    assert sides.decision().status == DecisionStatus.IN_PROGRESS


def target(sides: TwoWay) -> Target:
    today = sides.now.date()
    return Target(
        key="T",
        decision_id=sides.decision().id,
        connection_id=sides.connection_id,
        kpi="transactional_email_click_rate",
        slice={},
        baseline_start=today,
        baseline_end=today + timedelta(days=28),
        baseline_numerator=1,
        baseline_denominator=40,
        baseline_complete=True,
        definition_version=1,
        relative=0.15,
        target_value=0.03,
        status="open",
        measure_start=today,
        measure_end=today + timedelta(days=28),
        recheck_on=today + timedelta(days=28),
        frozen_at=sides.now,
        because=[],
    )
