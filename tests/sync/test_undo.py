"""A push taken back: only what nobody has changed since, once, and with the rest named."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from connectors.bitrix24.connector import Bitrix24
from connectors.models import Stream
from connectors.port import Presence
from sync.store import by_hand, links, outbox, undone
from sync.store.outbox import Intention
from sync.tables.outbox import LinkKind, Operation, Outbox, OutboxState
from sync.tables.runs import PUSH, Mode, Run, RunStatus
from sync.undoing import Left, plan_undo
from tests.connectors.bitrix24.kit import Hands, Sandbox
from tests.faults.push_case import COPYWRITER, DESIGNER, REMINDER, TARGET, queue_push
from tests.portal import NOW, Mirrored


def pushed(mirrored: Mirrored) -> Run:
    return mirrored.finish(queue_push(mirrored))


def updated(mirrored: Mirrored, key: str, **fields: Any) -> Run:
    """A later push that changes a task."""
    payload = {**row(mirrored, key).payload, **fields}
    write = Intention(
        f"update:{key}", mirrored.connection_id, Operation.UPDATE_TASK, key, payload, []
    )
    with mirrored.database.writing() as session:
        outbox.intend(session, [write], NOW)
    return mirrored.finish(mirrored.queue(PUSH, Mode.PUSH))


def agree_on(mirrored: Mirrored, key: str, **fields: Any) -> None:
    """As if a pull had read it: what the tool says is what both sides know."""
    ours = mirrored.connection_id
    with mirrored.database.writing() as session:
        base = {**links.base(session, ours, LinkKind.TASK, key), **fields}
        remote_id = links.linked_id(session, ours, LinkKind.TASK, key)
        assert remote_id is not None
        links.link(session, ours, LinkKind.TASK, key, remote_id, base, NOW)


def take_back(mirrored: Mirrored, run: Run, tool: Bitrix24 | None = None) -> list[Left]:
    """Plans it, and works on it once; what is left from the start."""
    assert run.id is not None
    with mirrored.database.writing() as session:
        wanted, left = plan_undo(undone.done_in(session, run.id), run.id)
        outbox.intend(session, wanted, NOW)
    mirrored.work(mirrored.queue(PUSH, Mode.PUSH), tool)
    return left


def row(mirrored: Mirrored, key: str) -> Outbox:
    with mirrored.database.reading() as session:
        return session.get_one(Outbox, key)


def tasks(portal: Sandbox) -> dict[str, dict[str, Any]]:
    wanted = {"start": -1, "select": ["ID", "XML_ID", "TITLE", "DESCRIPTION", "STATUS"]}
    return {each["xmlId"]: each for each in portal.call("tasks.task.list", wanted)["tasks"]}


def linked(mirrored: Mirrored) -> set[str]:
    with mirrored.database.reading() as session:
        return {each.key for each in links.links(session, mirrored.connection_id, LinkKind.TASK)}


@pytest.mark.promise("G13")
def test_tasks_that_nobody_touched_are_deleted_and_the_rest_is_named(mirrored: Mirrored) -> None:
    run = pushed(mirrored)
    left = take_back(mirrored, run)
    assert tasks(mirrored.portal) == {}
    assert {each.key for each in left} == {TARGET, REMINDER}
    assert row(mirrored, f"undo:{run.id}:{DESIGNER}").state is OutboxState.DONE
    assert row(mirrored, DESIGNER).state is OutboxState.UNDONE
    assert linked(mirrored) == set()


@pytest.mark.promise("G5")
def test_a_write_that_was_taken_back_and_is_sent_again_makes_a_task_anew(
    mirrored: Mirrored,
) -> None:
    """The portal remembers the key of a create for a day, and would answer with the old task."""
    run = pushed(mirrored)
    for number in (1, 2):
        take_back(mirrored, run)
        with mirrored.database.writing() as session:
            assert by_hand.retry(session, DESIGNER)
        run = mirrored.finish(mirrored.queue(PUSH, Mode.PUSH))
        assert run.status is RunStatus.SUCCEEDED
        assert row(mirrored, DESIGNER).state is OutboxState.DONE
        assert set(tasks(mirrored.portal)) == {f"{DESIGNER}~anew-{number}"}
        assert linked(mirrored) == {DESIGNER}


@pytest.mark.promise("G13")
def test_a_task_that_somebody_changed_is_left_and_named(mirrored: Mirrored) -> None:
    run = pushed(mirrored)
    task = tasks(mirrored.portal)[DESIGNER]["id"]
    mirrored.portal.call("tasks.task.start", {"taskId": task})
    mirrored.portal.call("tasks.task.update", {"taskId": task, "fields": {"TITLE": "Autre"}})
    take_back(mirrored, run)
    assert set(tasks(mirrored.portal)) == {DESIGNER}
    kept = row(mirrored, f"undo:{run.id}:{DESIGNER}")
    assert kept.state is OutboxState.REFUSED
    assert kept.error is not None
    assert kept.error["message"] == "Somebody changed it since: title, status."
    assert row(mirrored, DESIGNER).state is OutboxState.DONE
    assert row(mirrored, COPYWRITER).state is OutboxState.UNDONE


class TellsHidden(Bitrix24):
    """Tells a task that it does not show from one that is gone, as the portal cannot and other
    tools can."""

    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
        return dict.fromkeys(ids, Presence.HIDDEN)


@pytest.mark.promise("G13")
def test_a_task_that_is_hidden_from_us_is_not_taken_for_deleted(mirrored: Mirrored) -> None:
    """It is there for everybody else: to call it undone would leave it to nobody."""
    run = pushed(mirrored)
    task = tasks(mirrored.portal)[DESIGNER]["id"]
    mirrored.portal.edit("tasks", task, {"hide": True})
    tool = TellsHidden(mirrored.connector().config, Hands().wire())
    mirrored.portal.made.append(tool)
    take_back(mirrored, run, tool)
    kept = row(mirrored, f"undo:{run.id}:{DESIGNER}")
    assert kept.state is OutboxState.REFUSED
    assert kept.error is not None
    assert kept.error["message"] == "Somebody changed it since: its stamp."
    assert row(mirrored, DESIGNER).state is OutboxState.DONE
    assert linked(mirrored) == {DESIGNER}


@pytest.mark.promise("G13")
def test_a_task_that_is_gone_already_counts_as_taken_back(mirrored: Mirrored) -> None:
    run = pushed(mirrored)
    mirrored.portal.edit("tasks", tasks(mirrored.portal)[DESIGNER]["id"], {"delete": True})
    take_back(mirrored, run)
    assert row(mirrored, f"undo:{run.id}:{DESIGNER}").state is OutboxState.DONE
    assert row(mirrored, DESIGNER).state is OutboxState.UNDONE
    assert linked(mirrored) == set()


@pytest.mark.promise("G13")
def test_an_update_is_written_back_to_what_was_there_before(mirrored: Mirrored) -> None:
    """What somebody wrote between our create and our update comes back, not what we had sent."""
    pushed(mirrored)
    task = tasks(mirrored.portal)[DESIGNER]["id"]
    mirrored.portal.call("tasks.task.update", {"taskId": task, "fields": {"TITLE": "Le leur"}})
    agree_on(mirrored, DESIGNER, title="Le leur")
    run = updated(mirrored, DESIGNER, title="Le nôtre", description="autre")
    kept = row(mirrored, f"update:{DESIGNER}").before
    assert kept is not None
    assert kept["title"] == "Le leur"
    assert tasks(mirrored.portal)[DESIGNER]["title"] == "Le nôtre"
    take_back(mirrored, run)
    back = tasks(mirrored.portal)[DESIGNER]
    assert (back["title"], back["description"]) == ("Le leur", kept["description"])
    with mirrored.database.reading() as session:
        base = links.base(session, mirrored.connection_id, LinkKind.TASK, DESIGNER)
    assert base["title"] == "Le leur"


@pytest.mark.promise("G5")
@pytest.mark.promise("G13")
def test_a_delete_whose_answer_was_lost_is_done_and_not_left(mirrored: Mirrored) -> None:
    run = pushed(mirrored)
    mirrored.portal.faults(
        {"on": {"method": "tasks.task.delete", "nth": 1}, "do": "crash_after", "seconds": 0.0}
    )
    take_back(mirrored, run)
    mirrored.portal.faults()
    assert mirrored.finish(mirrored.queue(PUSH, Mode.PUSH)).status is RunStatus.SUCCEEDED
    assert tasks(mirrored.portal) == {}
    assert {row(mirrored, key).state for key in (DESIGNER, COPYWRITER)} == {OutboxState.UNDONE}


@pytest.mark.promise("G5")
def test_what_was_there_before_an_update_survives_a_lost_answer(mirrored: Mirrored) -> None:
    """Read again after the update took effect, the record would show what we wrote ourselves."""
    pushed(mirrored)
    mirrored.portal.faults({"on": {"method": "tasks.task.update"}, "do": "timeout_after"})
    first = row(mirrored, DESIGNER).payload["title"]
    payload = {**row(mirrored, DESIGNER).payload, "title": "Le nôtre"}
    write = Intention("u", mirrored.connection_id, Operation.UPDATE_TASK, DESIGNER, payload, [])
    with mirrored.database.writing() as session:
        outbox.intend(session, [write], NOW)
    run_id = mirrored.queue(PUSH, Mode.PUSH)
    mirrored.work(run_id)
    mirrored.portal.faults()
    assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED
    before = row(mirrored, "u").before
    assert before is not None
    assert before["title"] == first


def test_undoing_twice_plans_nothing_new(mirrored: Mirrored) -> None:
    run = pushed(mirrored)
    take_back(mirrored, run)
    assert run.id is not None
    with mirrored.database.writing() as session:
        wanted, _ = plan_undo(undone.done_in(session, run.id), run.id)
        assert len(wanted) == 2
        assert outbox.intend(session, wanted, NOW) == 0
