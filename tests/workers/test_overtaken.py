"""A push that meets what somebody changed in the tool meanwhile, and the dry run of it."""

from datetime import UTC, datetime

import pytest

from tests.faults.push_case import DESIGNER
from tests.workers.two_way import TwoWay
from workers.rehearsing import dry_run
from workers.undoing import undo_now

LATER = datetime(2026, 12, 21, 17, 0, tzinfo=UTC)


@pytest.mark.promise("G6")
def test_a_push_that_meets_a_clash_shows_it_and_sends_the_rest(sides: TwoWay) -> None:
    sides.edit_here(title="Bouton vert", due=LATER)
    sides.edit_there(TITLE="Bouton rouge")
    (promise,) = [each for each in dry_run(sides.app, sides.connection()).promises if each.changes]
    assert [change.field for change in promise.changes] == ["due_at"]
    assert sides.push().status == "succeeded"
    (conflict,) = sides.conflicts()
    assert (conflict.ours, conflict.theirs) == ("Bouton vert", "Bouton rouge")
    assert sides.task()["title"] == "Bouton rouge"
    assert datetime.fromisoformat(sides.task()["deadline"]) == LATER


@pytest.mark.promise("G13")
def test_a_dry_run_shows_the_fields_that_are_sent_and_no_other(sides: TwoWay) -> None:
    sides.edit_here(title="Bouton vert")
    sides.edit_there(DEADLINE=LATER.isoformat())
    (promise,) = dry_run(sides.app, sides.connection()).promises
    assert [change.field for change in promise.changes] == ["title"]
    run = sides.push()
    # What stood there before the push is nobody's change since.
    assert run.id is not None
    undone = undo_now(sides.app, run.id)
    assert undone.left == []
    assert sides.task()["title"] == f"Nouveau gabarit ({DESIGNER})"
    assert datetime.fromisoformat(sides.task()["deadline"]) == LATER
