"""An update that is taken back: what was there comes again, unless somebody changed it since."""

from typing import Any

import pytest

from sync.tables.outbox import Operation, Outbox, OutboxState
from sync.tables.runs import Run
from sync.undoing import Left, TakenBack, plan_undo
from tests.faults.push_case import DESIGNER
from tests.portal import NOW, Mirrored
from tests.sync.test_undo import agree_on, pushed, row, take_back, tasks, updated

UPDATE = f"update:{DESIGNER}"


def write(operation: Operation, remote_id: str | None, before: dict[str, Any] | None) -> Outbox:
    return Outbox(
        key=f"{operation.value}-{remote_id}",
        sequence=1,
        connection_id=1,
        operation=operation,
        subject="a",
        payload={"title": "Le nôtre"},
        planned_at=NOW,
        remote_id=remote_id,
        before=before,
        because=[],
    )


def told(mirrored: Mirrored, run: Run) -> tuple[OutboxState, str]:
    """How the write that takes the update back ended."""
    found = row(mirrored, f"undo:{run.id}:{UPDATE}")
    return found.state, "" if found.error is None else found.error["message"]


def task_id(mirrored: Mirrored) -> str:
    return str(tasks(mirrored.portal)[DESIGNER]["id"])


@pytest.mark.promise("G13")
def test_the_last_write_is_taken_back_first_and_what_is_not_known_is_left() -> None:
    before = {"id": "7", "title": "Le leur", "status": "open"}
    create = write(Operation.CREATE_TASK, "7", None)
    update = write(Operation.UPDATE_TASK, None, before)
    lost = write(Operation.CREATE_TASK, None, None)
    unseen = write(Operation.UPDATE_TASK, None, None)
    wanted, left = plan_undo([create, update, lost, unseen], 3)
    assert [(each.operation, each.key) for each in wanted] == [
        (Operation.RESTORE_TASK, f"undo:3:{update.key}"),
        (Operation.DELETE_TASK, f"undo:3:{create.key}"),
    ]
    why = "what was there is not known"
    assert left == [Left(unseen.key, why), Left(lost.key, why)]
    back = TakenBack.of_payload(wanted[0].payload)
    assert back.before is not None
    assert (back.before["title"], back.expected["title"]) == ("Le leur", "Le nôtre")
    # What an update does not write is expected as it was.
    assert back.expected["status"] == "open"


@pytest.mark.promise("G13")
@pytest.mark.parametrize(
    ("changed", "differs"),
    [({"TITLE": "Un autre"}, "title"), ({"STATUS": 5}, "status")],
    ids=["what we wrote", "what we did not"],
)
def test_an_updated_task_that_somebody_changed_is_left_and_named(
    mirrored: Mirrored, changed: dict[str, Any], differs: str
) -> None:
    pushed(mirrored)
    run = updated(mirrored, DESIGNER, title="Le nôtre")
    mirrored.portal.edit("tasks", task_id(mirrored), {"set": changed})
    take_back(mirrored, run)
    assert told(mirrored, run) == (OutboxState.REFUSED, f"Somebody changed it since: {differs}.")
    assert row(mirrored, UPDATE).state is OutboxState.DONE
    assert tasks(mirrored.portal)[DESIGNER]["title"] == changed.get("TITLE", "Le nôtre")


@pytest.mark.promise("G5")
@pytest.mark.promise("G13")
def test_a_task_that_is_as_it_was_before_already_counts_as_taken_back(mirrored: Mirrored) -> None:
    """Somebody was faster, or the answer to our own call was lost."""
    pushed(mirrored)
    before = tasks(mirrored.portal)[DESIGNER]["title"]
    run = updated(mirrored, DESIGNER, title="Le nôtre")
    mirrored.portal.edit("tasks", task_id(mirrored), {"set": {"TITLE": before}})
    asked = sum(each["method"] == "tasks.task.update" for each in mirrored.portal.log())
    take_back(mirrored, run)
    assert told(mirrored, run) == (OutboxState.DONE, "")
    assert row(mirrored, UPDATE).state is OutboxState.UNDONE
    assert asked == sum(each["method"] == "tasks.task.update" for each in mirrored.portal.log())


def test_a_task_that_is_gone_is_not_taken_back_to_what_it_was(mirrored: Mirrored) -> None:
    pushed(mirrored)
    run = updated(mirrored, DESIGNER, title="Le nôtre")
    mirrored.portal.edit("tasks", task_id(mirrored), {"delete": True})
    take_back(mirrored, run)
    assert told(mirrored, run) == (OutboxState.REFUSED, "The task is not in the tool any more.")


def test_a_task_that_had_no_due_date_before_is_left_and_named(mirrored: Mirrored) -> None:
    pushed(mirrored)
    mirrored.portal.edit("tasks", task_id(mirrored), {"set": {"DEADLINE": ""}})
    agree_on(mirrored, DESIGNER, due_at=None)
    run = updated(mirrored, DESIGNER, title="Le nôtre")
    take_back(mirrored, run)
    why = "The task had no owner or no due date before."
    assert told(mirrored, run) == (OutboxState.REFUSED, why)


def test_a_task_that_had_no_words_before_has_none_again(mirrored: Mirrored) -> None:
    pushed(mirrored)
    mirrored.portal.edit("tasks", task_id(mirrored), {"set": {"DESCRIPTION": ""}})
    agree_on(mirrored, DESIGNER, description=None)
    run = updated(mirrored, DESIGNER, description="Le nôtre")
    assert tasks(mirrored.portal)[DESIGNER]["description"] == "Le nôtre"
    take_back(mirrored, run)
    assert told(mirrored, run) == (OutboxState.DONE, "")
    assert not tasks(mirrored.portal)[DESIGNER]["description"]
