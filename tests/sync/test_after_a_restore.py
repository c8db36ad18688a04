"""What was planned and sent between a backup and its restore is planned again, and found (G5)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.bitrix24.connector import Bitrix24
from connectors.capabilities import WritesTasks
from connectors.errors import Rejected
from connectors.models import RemoteTask, Stream, Task, TaskStatus
from sync.finding import AT_ONCE, Finding
from sync.store import outbox
from sync.store.backup import restore_backup, write_backup
from sync.store.in_doubt import made_since
from sync.store.mirror import Feed, save_records
from sync.store.outbox import LOOK_FIRST, Intention
from sync.tables.outbox import Operation, Outbox, OutboxState
from sync.tables.runs import RunStatus
from tests.connectors.bitrix24.kit import sandbox
from tests.faults.push_case import DESIGNER, V2, assert_delivered_once, intentions, queue_push
from tests.portal import NOW, Mirrored, new_database, store_connection
from tests.sync.test_rehearsal import promised, sent

MANY = 30


@pytest.fixture
def of_before(tmp_path: Path) -> Iterator[tuple[Mirrored, Path]]:
    """A portal with nothing of ours in it, and a backup of that time."""
    database, backup = new_database(tmp_path / "retro.db"), tmp_path / "backup.zip"
    with sandbox(records=4, seed=5, scopes=V2) as portal:
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        with backup.open("wb") as file:
            write_backup(database, file, NOW)
        yield mirrored, backup
    database.close()


def tasks(mirrored: Mirrored, count: int) -> list[Intention]:
    """As many creates of tasks, without a target to wait for."""
    like = next(each for each in intentions(mirrored.connection_id) if each.subject == DESIGNER)
    keys = [f"D-{number}:designer" for number in range(count)]
    return [
        Intention(
            key,
            like.connection_id,
            Operation.CREATE_TASK,
            key,
            {**like.payload, "key": key, "bind_targets": []},
            because=[],
        )
        for key in keys
    ]


def intend(mirrored: Mirrored, wanted: Sequence[Intention]) -> None:
    with mirrored.database.writing() as session:
        outbox.intend(session, wanted, mirrored.now())


def there(mirrored: Mirrored) -> list[str]:
    found = mirrored.portal.call("tasks.task.list", {"start": -1, "select": ["ID", "XML_ID"]})
    return sorted(task["xmlId"] for task in found["tasks"])


@pytest.mark.promise("G5")
def test_what_was_sent_since_the_backup_is_not_made_a_second_time(
    of_before: tuple[Mirrored, Path],
) -> None:
    mirrored, backup = of_before
    assert mirrored.finish(queue_push(mirrored)).status is RunStatus.SUCCEEDED
    mirrored.clock.advance(timedelta(days=1))
    restore_backup(mirrored.database, backup, mirrored.clock.now())
    assert mirrored.finish(queue_push(mirrored)).status is RunStatus.SUCCEEDED
    assert_delivered_once(mirrored)


@pytest.mark.promise("G5")
def test_a_push_under_way_in_a_backup_goes_on_and_makes_nothing_twice(
    of_before: tuple[Mirrored, Path], tmp_path: Path
) -> None:
    mirrored, _ = of_before
    run_id, backup = queue_push(mirrored), tmp_path / "under way.zip"
    assert mirrored.work(run_id, slice=timedelta(0)) is RunStatus.QUEUED
    with backup.open("wb") as file:
        write_backup(mirrored.database, file, NOW)
    assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED
    assert restore_backup(mirrored.database, backup, mirrored.clock.now()).ended_pulls == 0
    assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED
    assert_delivered_once(mirrored)


@pytest.mark.promise("G5")
@pytest.mark.promise("G13")
@pytest.mark.parametrize("made", [0, 20, MANY])
def test_a_push_after_a_restore_looks_for_all_at_once_and_is_promised_so(
    of_before: tuple[Mirrored, Path], made: int
) -> None:
    mirrored, backup = of_before
    if made:
        intend(mirrored, tasks(mirrored, made))
        sent(mirrored)
    mirrored.clock.advance(timedelta(days=1))
    restore_backup(mirrored.database, backup, mirrored.clock.now())
    # What went out before it must have ended.
    mirrored.clock.advance(Bitrix24.longest_call)
    wanted = tasks(mirrored, MANY)
    told = promised(mirrored, *wanted)
    intend(mirrored, wanted)
    calls = sent(mirrored)
    assert [call.method for call in told.calls] == [method for method, _ in calls]
    assert there(mirrored) == sorted(each.subject for each in wanted)
    # Two batches of searches and two listings, and a look at what was found; what is not there is
    # made; one batch of stamps.
    assert len(calls) <= (MANY - made) + 2 + 2 + 1 + 1 + 2


class Tool:
    """Holds tasks by key, and tells what it was asked for."""

    def __init__(self, **held: Sequence[str]) -> None:
        self.held = held
        self.asked: list[Sequence[str]] = []
        self.since: list[datetime | None] = []

    def create_task(self, task: Task) -> str:
        raise AssertionError("Who looks for tasks writes none.")

    update_task = stamp_task = complete_task = reopen_task = create_task

    def find_task(self, key: str) -> Sequence[str]:
        return self.find_tasks([key])[key]

    def find_tasks(
        self, keys: Sequence[str], since: datetime | None = None
    ) -> Mapping[str, Sequence[str]]:
        self.asked.append(keys)
        self.since.append(since)
        return {key: self.held.get(key, ()) for key in keys}


@pytest.mark.promise("G5")
def test_an_answer_is_given_once_and_then_asked_for_anew(mirrored: Mirrored) -> None:
    """Between two look-ups of one key a call went out that may have made its task."""
    database = mirrored.database
    wanted = tasks(mirrored, 3)
    in_doubt(mirrored, wanted)
    tool = Tool()
    assert isinstance(tool, WritesTasks)
    finding = Finding(database, mirrored.connection_id, mirrored.now)
    keys = [each.subject for each in wanted]
    assert [ids(finding, tool, each) for each in wanted] == [(), (), ()]
    assert tool.asked == [keys]
    tool.held[keys[0]] = ("7",)
    assert ids(finding, tool, wanted[0]) == ("7",)
    assert len(tool.asked) == 2


@pytest.mark.promise("G5")
def test_an_answer_tells_when_it_was_asked_for(mirrored: Mirrored) -> None:
    """What is not there then may have come since."""
    first, second = tasks(mirrored, 2)
    in_doubt(mirrored, [first, second])
    tool = Tool()
    assert isinstance(tool, WritesTasks)
    finding = Finding(mirrored.database, mirrored.connection_id, mirrored.now)
    assert finding.ids(tool, first) == ((), NOW)
    mirrored.clock.advance(timedelta(minutes=3))
    assert finding.ids(tool, second) == ((), NOW)


def test_no_more_keys_are_asked_for_at_once_than_a_tool_is_meant_to_take(
    mirrored: Mirrored,
) -> None:
    wanted = tasks(mirrored, AT_ONCE + 5)
    in_doubt(mirrored, wanted)
    tool = Tool()
    assert isinstance(tool, WritesTasks)
    finding = Finding(mirrored.database, mirrored.connection_id, mirrored.now)
    for each in wanted:
        assert ids(finding, tool, each) == ()
        with mirrored.database.writing() as session:
            outbox.note_created(session, each.key, "7")
    assert [len(keys) for keys in tool.asked] == [AT_ONCE, 5]


def ids(finding: Finding, tool: WritesTasks, create: Intention) -> Sequence[str]:
    return finding.ids(tool, create)[0]


class Choosy(Tool):
    """Takes no list that holds one of the keys."""

    refuses = ""

    def find_tasks(
        self, keys: Sequence[str], since: datetime | None = None
    ) -> Mapping[str, Sequence[str]]:
        if self.refuses in keys:
            raise Rejected("This key is none.")
        return super().find_tasks(keys, since)


@pytest.mark.promise("G12")
def test_a_key_that_the_tool_refuses_costs_no_other_task_its_look_up(mirrored: Mirrored) -> None:
    wanted = tasks(mirrored, 4)
    in_doubt(mirrored, wanted)
    keys = [each.subject for each in wanted]
    tool = Choosy(**{keys[3]: ("7",)})
    tool.refuses = keys[1]
    assert isinstance(tool, WritesTasks)
    finding = Finding(mirrored.database, mirrored.connection_id, mirrored.now)
    assert ids(finding, tool, wanted[0]) == ()
    with pytest.raises(Rejected):
        finding.ids(tool, wanted[1])
    assert [ids(finding, tool, each) for each in wanted[2:]] == [(), ("7",)]


def in_doubt(mirrored: Mirrored, wanted: Sequence[Intention]) -> None:
    """As a restore leaves them."""
    intend(mirrored, wanted)
    with mirrored.database.writing() as session:
        for row in outbox.outbox_rows(session):
            assert row.state is OutboxState.PLANNED
            row.may_exist = True
            session.add(row)


@pytest.mark.promise("G5")
def test_who_lists_tasks_is_told_since_when_one_may_have_been_made(
    of_before: tuple[Mirrored, Path],
) -> None:
    """What was planned before the backup was not sent before it was planned, what is planned anew
    not before the backup; what another installation made may be of any time."""
    mirrored, backup = of_before
    day, clock = timedelta(days=1), mirrored.clock
    wanted = tasks(mirrored, 3)
    clock.advance(40 * day)
    restore_backup(mirrored.database, backup, clock.now())
    assert since_when(mirrored, wanted[0]) == NOW - day
    clock.advance(LOOK_FIRST)
    assert since_when(mirrored, wanted[1]) == clock.now() - day
    with mirrored.database.writing() as session:
        read = RemoteTask(id="7", title="x", status=TaskStatus.OPEN, key=wanted[2].key)
        feed = Feed(mirrored.connection_id, Stream.TASKS)
        save_records(session, feed, [read], run_id=0, seen_at=clock.now())
    assert since_when(mirrored, wanted[2]) is None


@pytest.mark.promise("G5")
def test_a_clock_of_the_rules_that_is_ahead_hides_no_task(mirrored: Mirrored) -> None:
    """RETRO_CLOCK may be any moment; calls go out in ours."""
    (create,) = tasks(mirrored, 1)
    with mirrored.database.writing() as session:
        outbox.intend(session, [create], NOW + 90 * timedelta(days=1))
        outbox.note_sent(session, create.key, NOW)
        row = session.get_one(Outbox, create.key)
        assert made_since(session, [row]) == NOW - timedelta(days=1)


def since_when(mirrored: Mirrored, create: Intention) -> datetime | None:
    tool = Tool()
    assert isinstance(tool, WritesTasks)
    intend(mirrored, [create])
    Finding(mirrored.database, mirrored.connection_id, mirrored.now).ids(tool, create)
    with mirrored.database.writing() as session:
        outbox.note_created(session, create.key, "7")
    return tool.since[0]
