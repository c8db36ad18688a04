"""The day of a target is moved wherever it is ours, and what it was before is told (G6, G13)."""

from typing import Any

import pytest

from sync.store import by_hand
from sync.store.outbox import Intention
from sync.tables.outbox import Operation, OutboxState
from sync.tables.runs import PUSH, Mode, RunStatus
from tests.faults.push_case import TARGET, intentions
from tests.portal import Mirrored
from tests.sync.test_push_targets import the_item
from tests.sync.test_rehearsal import held_base, intend, move, row, sent, set_day

PLANNED, REFUSED, WANTED = "2027-01-15", "2027-01-09", "2027-01-20"
ON_UPDATE = {"on": {"method": "crm.item.update", "nth": 1}}
NO = {"do": "error", "code": "ACCESSDENIEDEXCEPTION", "description": "no"}


@pytest.fixture
def made(mirrored: Mirrored) -> Mirrored:
    """With a target that is in the portal."""
    intend(mirrored, *intentions(mirrored.connection_id))
    sent(mirrored)
    return mirrored


def let_go(mirrored: Mirrored) -> None:
    """A move that the tool refused, and of which nobody wants to hear any more."""
    refused = move(mirrored, PLANNED, REFUSED)
    intend(mirrored, refused)
    mirrored.portal.faults({**ON_UPDATE, **NO})
    assert mirrored.finish(mirrored.queue(PUSH, Mode.PUSH)).status is RunStatus.INCOMPLETE
    with mirrored.database.writing() as session:
        assert by_hand.drop(session, refused.key) is OutboxState.REFUSED


def there(mirrored: Mirrored) -> str:
    return str(the_item(mirrored.portal)["closedate"])[:10]


def before(mirrored: Mirrored, write: Intention) -> Any:
    return row(mirrored, write.key).before


@pytest.mark.promise("G6")
def test_a_move_that_was_let_go_holds_up_no_later_one(made: Mirrored) -> None:
    let_go(made)
    later = move(made, REFUSED, WANTED)
    intend(made, later)
    sent(made)
    assert there(made) == held_base(made)["recheck_on"] == WANTED
    assert before(made, later) == {"recheck_on": PLANNED, "stays": False}


@pytest.mark.promise("G6")
def test_after_a_move_that_was_let_go_the_day_of_people_stays_as_well(made: Mirrored) -> None:
    let_go(made)
    set_day(made, "2027-02-01")
    intend(made, move(made, REFUSED, WANTED))
    sent(made)
    assert there(made) == "2027-02-01"
    assert held_base(made)["recheck_on"] == PLANNED


def test_the_day_before_a_move_whose_answer_was_lost_is_told(made: Mirrored) -> None:
    moved = move(made, PLANNED, WANTED)
    intend(made, moved)
    made.portal.faults({**ON_UPDATE, "do": "timeout_after"})
    assert made.finish(made.queue(PUSH, Mode.PUSH)).status is RunStatus.SUCCEEDED
    assert there(made) == WANTED
    assert before(made, moved) == {"recheck_on": PLANNED, "stays": False}


def test_results_say_nothing_of_a_day_that_was_not_moved(made: Mirrored) -> None:
    let_go(made)
    found = {**row(made, TARGET).payload, "recheck_on": REFUSED, "actual": 0.04}
    intend(made, Intention("r", made.connection_id, Operation.UPDATE_TARGET, TARGET, found, []))
    sent(made)
    assert (held_base(made)["recheck_on"], held_base(made)["actual"]) == (PLANNED, 0.04)
