"""Tasks that the portal's listing does not show: gone before they were read, or without our tag."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.models import ActionStatus, Stream
from sync.tables.agreements import WHOLE_TASK
from tests.faults.push_case import COPYWRITER, DESIGNER
from tests.workers.two_way import TwoWay, two_way
from workers.pulling import pull_now


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[TwoWay]:
    with two_way(tmp_path / "home", read_back=False) as made:
        yield made


@pytest.mark.promise("G4")
def test_a_task_deleted_before_it_was_ever_read_is_lost_and_its_owner_is_asked(
    sides: TwoWay,
) -> None:
    sides.delete_there()
    sides.pull()
    assert sides.action().status == ActionStatus.LOST
    assert [(each.action_key, each.field) for each in sides.conflicts()] == [(DESIGNER, WHOLE_TASK)]
    assert sides.action(COPYWRITER).status == ActionStatus.OPEN
    sides.pull()
    assert len(sides.conflicts(only_open=False)) == 1


@pytest.mark.promise("G11")
def test_a_task_that_could_not_be_taken_when_it_was_first_listed_is_counted_once(
    sides: TwoWay,
) -> None:
    sides.edit_there(TITLE="")
    (run,) = pull_now(sides.app, "portal", [Stream.TASKS], full=True)
    assert (run.read, run.set_aside) == (2, 1)


@pytest.mark.promise("G11")
def test_a_task_whose_tag_was_taken_away_still_tells_its_status(sides: TwoWay) -> None:
    sides.pull()
    sides.edit_there(TAGS=["urgent"], STATUS=5)
    sides.pull()
    assert sides.action().status == ActionStatus.DONE
    sides.edit_there(STATUS=2)
    sides.pull()
    assert sides.action().status == ActionStatus.OPEN
    assert sides.conflicts(only_open=False) == []
