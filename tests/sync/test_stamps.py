"""New tasks get their stamps in batches; one bad record does not keep the others from theirs."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.models import Task
from sync import delivery, push
from sync.store import by_hand, links, outbox
from sync.store.outbox import Intention
from sync.tables.outbox import Link, LinkKind, Operation, Outbox, OutboxState
from sync.tables.runs import PUSH, Mode, RunStatus
from tests.connectors.bitrix24.kit import Sandbox
from tests.portal import NOW, Mirrored

MANY = 120
REFUSED = {"do": "error", "code": "ERROR_CORE", "description": "The value is not allowed"}
# A code that is not known would count as an outage, after which the same batch is sent again.
WHOLE = {"on": {"method": "batch", "nth": 1}, **REFUSED, "code": "ACCESSDENIEDEXCEPTION"}


def new_task(connection_id: int, key: str) -> Intention:
    task = Task(
        key=key,
        title=f"Task {key}",
        description="One of many.",
        owner="7",
        due_at=datetime(2026, 12, 14, 17, 0, tzinfo=UTC),
    )
    payload = msgspec.to_builtins(task)
    return Intention(f"task:{key}", connection_id, Operation.CREATE_TASK, key, payload, [])


def queue(mirrored: Mirrored, count: int) -> int:
    tasks = [new_task(mirrored.connection_id, f"k{number}") for number in range(count)]
    with mirrored.database.writing() as session:
        outbox.intend(session, tasks, NOW)
    return mirrored.queue(PUSH, Mode.PUSH)


def stamped(mirrored: Mirrored) -> Counter[str | None]:
    wanted: dict[str, Any] = {"start": -1, "select": ["ID", "UF_RETRO_KEY"]}
    tasks: list[Any] = []
    while page := mirrored.portal.call("tasks.task.list", wanted)["tasks"]:
        tasks += page
        wanted = wanted | {"filter": {">ID": page[-1]["id"]}}
    return Counter(task["ufRetroKey"] for task in tasks)


def rows(mirrored: Mirrored) -> list[Outbox]:
    with mirrored.database.reading() as session:
        return list(outbox.outbox_rows(session))


def methods(portal: Sandbox) -> Counter[str]:
    return Counter(each["method"] for each in portal.log())


@pytest.mark.promise("G5")
def test_many_tasks_take_little_more_than_a_request_each(mirrored: Mirrored) -> None:
    run_id = queue(mirrored, MANY)
    mirrored.work(run_id)
    run = mirrored.run(run_id)
    assert (run.status, run.created, run.read) == (RunStatus.SUCCEEDED, MANY, MANY)
    asked = methods(mirrored.portal)
    assert (asked["tasks.task.add"], asked["batch"]) == (MANY, 3)
    assert run.requests == asked.total() <= 1.1 * MANY
    assert stamped(mirrored) == Counter(f"k{number}" for number in range(MANY))


@pytest.mark.promise("G12")
@pytest.mark.parametrize("whole", [False, True], ids=["alone", "with its batch"])
def test_one_bad_stamp_is_marked_and_the_others_go_through(mirrored: Mirrored, whole: bool) -> None:
    """A batch that is refused as a whole tells nothing of its records, so it is cut in two."""
    bad = {"on": {"method": "tasks.task.update", "nth": 3}, "nested": True, **REFUSED}
    mirrored.portal.faults(*([WHOLE] if whole else []), bad)
    run_id = queue(mirrored, 6)
    mirrored.work(run_id)
    run = mirrored.run(run_id)
    assert (run.status, run.set_aside) == (RunStatus.INCOMPLETE, 1)
    assert methods(mirrored.portal)["batch"] == (3 if whole else 1)
    (refused,) = [row for row in rows(mirrored) if row.state is not OutboxState.DONE]
    assert refused.state is OutboxState.REFUSED
    assert refused.remote_id is not None
    others = {f"k{n}" for n in range(6)} - {refused.subject}
    assert stamped(mirrored).keys() == {*others, None}
    mirrored.portal.faults()
    with mirrored.database.writing() as session:
        assert by_hand.retry(session, refused.key)
    mirrored.work(mirrored.queue(PUSH, Mode.PUSH))
    assert stamped(mirrored) == Counter(f"k{number}" for number in range(6))
    assert methods(mirrored.portal)["tasks.task.add"] == 6


@pytest.mark.promise("G5")
def test_stamps_that_found_the_portal_down_are_done_by_the_next_slice(mirrored: Mirrored) -> None:
    mirrored.portal.faults({"on": {"method": "batch"}, "do": "html"})
    run_id = queue(mirrored, 5)
    assert mirrored.work(run_id) is RunStatus.WAITING
    assert {row.state for row in rows(mirrored)} == {OutboxState.STAMPING}
    mirrored.portal.faults()
    assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED
    assert stamped(mirrored) == Counter(f"k{number}" for number in range(5))
    assert methods(mirrored.portal)["tasks.task.add"] == 5


@pytest.mark.promise("G8")
def test_reads_that_used_up_the_time_for_batches_do_not_hold_up_stamps(mirrored: Mirrored) -> None:
    mirrored.portal.faults({"on": {"method": "batch"}, "do": "429"})
    run_id = queue(mirrored, 3)
    assert mirrored.work(run_id) is RunStatus.SUCCEEDED
    assert stamped(mirrored) == Counter(f"k{number}" for number in range(3))


class Never:
    """No connector is one of these."""


@pytest.mark.promise("G6")
def test_a_worker_that_dies_before_a_single_stamp_costs_nothing_that_was_agreed_since(
    mirrored: Mirrored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a tool that stamps one by one, as most do."""
    for module in (push, delivery):
        monkeypatch.setattr(module, "StampsTasks", Never)
    assert mirrored.finish(queue(mirrored, 1)).status is RunStatus.SUCCEEDED
    with mirrored.database.writing() as session:
        session.get_one(Outbox, "task:k0").state = OutboxState.STAMPING
        tie = session.get_one(Link, (mirrored.connection_id, LinkKind.TASK, "k0"))
        tie.base = {**tie.base, "title": "Agreed since", "status": "done"}
        agreed = tie.base
    run = mirrored.finish(mirrored.queue(PUSH, Mode.PUSH))
    assert (run.status, run.created) == (RunStatus.SUCCEEDED, 0)
    assert stamped(mirrored) == {"k0": 1}
    with mirrored.database.reading() as session:
        assert links.base(session, mirrored.connection_id, LinkKind.TASK, "k0") == agreed
