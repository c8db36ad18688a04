"""Webhooks name tasks of everybody: only ours are mirrored."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connectors.models import Stream, Task
from sync.hints import read_again
from sync.store.runs import LEASE, Worker
from sync.tables.runs import Mode, RunStatus
from tests.connectors.bitrix24.kit import sandbox
from tests.portal import Mirrored, new_database, store_connection
from tests.waiting import eventually

AT_ONCE = timedelta(milliseconds=1)
TASK = Task(
    key="D-1:designer",
    title="Nouveau gabarit",
    description="",
    owner="7",
    due_at=datetime(2026, 12, 14, 17, 0, tzinfo=UTC),
)
FOREIGN = {"TITLE": "Payroll of November", "RESPONSIBLE_ID": 5, "XML_ID": "hr-771"}


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Mirrored]:
    with sandbox(seed=11, records=20) as portal:
        database = new_database(tmp_path / "retro.db")
        yield Mirrored(database, portal, store_connection(database, portal))
        database.close()


def hint(mirrored: Mirrored, *ids: str) -> None:
    run_id = mirrored.queue(Stream.TASKS, Mode.INCREMENTAL)
    lease = mirrored.take(run_id)
    read_again(
        mirrored.database,
        mirrored.connector(),
        mirrored.feed(Stream.TASKS),
        lease,
        ids,
        mirrored.clock.now,
    )


def test_a_task_of_other_people_is_not_mirrored(mirrored: Mirrored) -> None:
    foreign = mirrored.portal.call("tasks.task.add", {"fields": FOREIGN})["task"]["id"]
    hint(mirrored, foreign)
    assert mirrored.rows(Stream.TASKS) == {}


def test_a_task_is_mirrored_from_its_stamp_on_and_not_thought_gone_before(
    mirrored: Mirrored,
) -> None:
    connector = mirrored.connector()
    task_id = connector.create_task(TASK)
    hint(mirrored, task_id)
    assert mirrored.rows(Stream.TASKS) == {}
    connector.stamp_task(task_id, TASK)
    hint(mirrored, task_id)
    row = mirrored.rows(Stream.TASKS)[task_id]
    assert (row.key, row.deleted_at) == (TASK.key, None)


@pytest.mark.quirk(15)
def test_a_mirrored_task_without_its_tag_stays_and_is_still_followed(mirrored: Mirrored) -> None:
    connector = mirrored.connector()
    task_id = connector.create_task(TASK)
    connector.stamp_task(task_id, TASK)
    hint(mirrored, task_id)
    mirrored.portal.edit("tasks", task_id, {"set": {"TAGS": ["urgent"], "TITLE": "Autre titre"}})
    hint(mirrored, task_id)
    row = mirrored.rows(Stream.TASKS)[task_id]
    assert (row.title, row.key, row.deleted_at) == ("Autre titre", TASK.key, None)


class Slow(httpx.BaseTransport):
    """Each answer takes longer than a lease lasts; another worker looks for work meanwhile."""

    def __init__(self, mirrored: Mirrored, run_id: int) -> None:
        self.mirrored = mirrored
        self.run_id = run_id
        self.tool = httpx.HTTPTransport()
        self.answers = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.mirrored.clock.advance(LEASE * 2)
        eventually(self._is_renewed)
        assert self.mirrored.take_if_free(self.run_id, Worker("boris", 2)) is None
        self.answers += 1
        return self.tool.handle_request(request)

    def close(self) -> None:
        self.tool.close()

    def _is_renewed(self) -> bool:
        until = self.mirrored.run(self.run_id).lease_until
        return until is not None and until > self.mirrored.clock.now()


@pytest.mark.promise("G9")
def test_a_tool_that_answers_slowly_does_not_cost_the_lease(mirrored: Mirrored) -> None:
    run_id = mirrored.queue(Stream.TASKS, Mode.INCREMENTAL)
    lease, slow = mirrored.take(run_id), Slow(mirrored, run_id)
    feed, now = mirrored.feed(Stream.TASKS), mirrored.clock.now
    connector = mirrored.connector(slow)
    status = read_again(mirrored.database, connector, feed, lease, ["999"], now, AT_ONCE)
    assert (status, mirrored.run(run_id).fence) == (RunStatus.SUCCEEDED, 1)
    assert slow.answers > 0


@pytest.mark.quirk(26)
def test_the_echo_of_our_own_write_changes_nothing(mirrored: Mirrored) -> None:
    connector = mirrored.connector()
    task_id = connector.create_task(TASK)
    connector.stamp_task(task_id, TASK)
    hint(mirrored, task_id)
    before = mirrored.count_changes()
    requests = mirrored.portal.requests()
    hint(mirrored, task_id)
    assert mirrored.count_changes() == before
    # One read: an echo that was answered by a write would go round for ever.
    assert mirrored.portal.requests() == requests + 1
