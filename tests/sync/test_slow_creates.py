"""A create that the tool ends when nobody waits for it any more is not made a second time (G5)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.bitrix24.connector import Bitrix24
from sync.push import Push, run_push
from sync.store import outbox, runs
from sync.store.backup import restore_backup, write_backup
from sync.store.outbox import Intention
from sync.store.runs import LEASE, LeaseLost, Worker
from sync.tables.outbox import Outbox, OutboxState
from sync.tables.runs import PUSH, Mode, RunStatus
from tests.connectors.bitrix24.kit import sandbox
from tests.faults.fuse import Killed
from tests.faults.push_case import COPYWRITER, DESIGNER, V2, V3, intentions
from tests.portal import NOW, Mirrored, new_database, store_connection

ADDS = "tasks.task.add"
SOON = timedelta(seconds=40)
SOURCES = pytest.mark.parametrize("scopes", [V2, V3], ids=["rest2", "rest3"])


@contextmanager
def pushing(folder: Path, scopes: tuple[str, ...]) -> Iterator[tuple[Mirrored, int]]:
    """A portal, and a run with one task to make."""
    database = new_database(folder / "retro.db")
    with sandbox(records=4, seed=5, scopes=scopes) as portal:
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        plan(mirrored, DESIGNER)
        yield mirrored, mirrored.queue(PUSH, Mode.PUSH)
    database.close()


def plan(mirrored: Mirrored, key: str) -> None:
    """A task without a target to wait for."""
    tasks = [each for each in intentions(mirrored.connection_id) if each.key == key]
    alone = [replace(each, payload={**each.payload, "bind_targets": []}) for each in tasks]
    with mirrored.database.writing() as session:
        outbox.intend(session, alone, mirrored.now())


class Late(httpx.BaseTransport):
    """The first create that the portal would take reaches it only when `arrive` is called; until
    then whoever sent it meets `lost`. A portal without REST 3 refuses that one first."""

    def __init__(self, lost: BaseException, scopes: tuple[str, ...]) -> None:
        self._inner = httpx.HTTPTransport()
        self._lost = lost
        self._is_rest3 = scopes == V3
        self._under_way: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = None if self._is_create(request) else self._inner.handle_request(request)
        if answer is not None:
            return answer
        request.read()
        self._under_way.append(request)
        raise self._lost

    def _is_create(self, request: httpx.Request) -> bool:
        path = request.url.path
        is_taken = path.endswith(ADDS) and ("/api/" in path) == self._is_rest3
        return is_taken and not self._under_way

    def arrive(self) -> None:
        (request,) = self._under_way
        self._inner.handle_request(request).read()

    def close(self) -> None:
        self._inner.close()


class Meanwhile(httpx.BaseTransport):
    """`happen` is called while the portal is at the first create."""

    def __init__(self, happen: Callable[[], None]) -> None:
        self._inner = httpx.HTTPTransport()
        self._happen: Callable[[], None] | None = happen

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        happen = self._happen
        if happen is not None and request.url.path.endswith(ADDS):
            self._happen = None
            happen()
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def keys_in(mirrored: Mirrored) -> list[str]:
    wanted = {"start": -1, "select": ["ID", "XML_ID"]}
    return [task["xmlId"] for task in mirrored.portal.call("tasks.task.list", wanted)["tasks"]]


def state(mirrored: Mirrored) -> OutboxState | None:
    with mirrored.database.reading() as session:
        return outbox.state_of(session, DESIGNER)


@pytest.mark.promise("G5")
@SOURCES
@pytest.mark.parametrize("lost", [Killed("in the call"), httpx.ReadTimeout("70 s")], ids=type)
def test_a_create_that_ends_after_its_worker_or_its_time_out_is_found_and_not_repeated(
    tmp_path: Path, scopes: tuple[str, ...], lost: BaseException
) -> None:
    with pushing(tmp_path, scopes) as (mirrored, run):
        wire = Late(lost, scopes)
        with suppress(Killed):
            mirrored.work(run, mirrored.connector(wire))
        mirrored.clock.advance(SOON)
        assert mirrored.work(run, mirrored.connector()) is RunStatus.WAITING
        assert keys_in(mirrored) == []
        wire.arrive()
        mirrored.clock.advance(Bitrix24.longest_call)
        assert mirrored.work(run, mirrored.connector()) is RunStatus.SUCCEEDED
        assert keys_in(mirrored) == [DESIGNER]
        assert state(mirrored) is OutboxState.DONE


@pytest.mark.promise("G5")
@SOURCES
def test_a_create_that_never_arrived_is_made_when_its_call_must_have_ended(
    tmp_path: Path, scopes: tuple[str, ...]
) -> None:
    with pushing(tmp_path, scopes) as (mirrored, run):
        mirrored.work(run, mirrored.connector(Late(httpx.ReadTimeout("70 s"), scopes)))
        mirrored.clock.advance(Bitrix24.longest_call + timedelta(seconds=1))
        assert mirrored.work(run, mirrored.connector()) is RunStatus.SUCCEEDED
        assert keys_in(mirrored) == [DESIGNER]


@pytest.mark.promise("G5")
def test_a_create_that_ends_between_the_look_up_for_many_and_its_turn_is_not_repeated(
    tmp_path: Path,
) -> None:
    """It was under way when all were looked for, and is over when the one before it was made. By
    REST 2, which makes a task at each call."""
    with pushing(tmp_path, V2) as (mirrored, run):
        mirrored.work(run, mirrored.connector(Late(httpx.ReadTimeout("70 s"), V2)))
        mirrored.clock.advance(SOON)
        plan(mirrored, COPYWRITER)
        under_way = Late(httpx.ReadTimeout("70 s"), V2)
        mirrored.work(run, mirrored.connector(under_way))
        mirrored.clock.advance(Bitrix24.longest_call - SOON / 2)

        def end() -> None:
            under_way.arrive()
            mirrored.clock.advance(SOON)

        assert mirrored.work(run, mirrored.connector(Meanwhile(end))) is RunStatus.SUCCEEDED
        assert sorted(keys_in(mirrored)) == sorted([COPYWRITER, DESIGNER])


@pytest.mark.promise("G5")
@SOURCES
@pytest.mark.parametrize("planned", [True, False], ids=["in the backup", "since"])
def test_a_create_that_was_under_way_at_a_restore_is_found_and_not_repeated(
    tmp_path: Path, scopes: tuple[str, ...], planned: bool
) -> None:
    with pushing(tmp_path, scopes) as (mirrored, run):
        with mirrored.database.reading() as session:
            row = session.get_one(Outbox, DESIGNER)
        write = Intention(DESIGNER, row.connection_id, row.operation, row.subject, row.payload, [])
        backup, wire = tmp_path / "backup.zip", Late(httpx.ReadTimeout("70 s"), scopes)
        with mirrored.database.writing() as session:
            if not planned:
                session.delete(session.get_one(Outbox, DESIGNER))
        with backup.open("wb") as file:
            write_backup(mirrored.database, file, NOW)
        with mirrored.database.writing() as session:
            outbox.intend(session, [write], NOW)
        mirrored.work(run, mirrored.connector(wire))
        mirrored.clock.advance(SOON)
        restore_backup(mirrored.database, backup, mirrored.now())
        with mirrored.database.writing() as session:
            assert outbox.intend(session, [write], mirrored.now()) == (not planned)
        again = mirrored.queue(PUSH, Mode.PUSH)
        assert mirrored.work(again) is RunStatus.WAITING
        wire.arrive()
        mirrored.clock.advance(Bitrix24.longest_call)
        assert mirrored.work(again) is RunStatus.SUCCEEDED
        assert keys_in(mirrored) == [DESIGNER]


@pytest.mark.promise("G10")
def test_a_clock_that_was_set_back_after_a_lost_create_costs_no_more_than_its_call(
    tmp_path: Path,
) -> None:
    with pushing(tmp_path, V3) as (mirrored, run):
        mirrored.work(run, mirrored.connector(Late(httpx.ReadTimeout("70 s"), V3)))
        mirrored.clock.advance(-timedelta(minutes=9))
        assert mirrored.work(run, mirrored.connector()) is RunStatus.WAITING
        mirrored.clock.advance(Bitrix24.longest_call + timedelta(seconds=1))
        assert mirrored.work(run, mirrored.connector()) is RunStatus.SUCCEEDED
        assert keys_in(mirrored) == [DESIGNER]


@pytest.mark.promise("G9")
@SOURCES
def test_a_create_does_not_go_out_when_the_run_was_taken_while_it_waited_for_its_budget(
    tmp_path: Path, scopes: tuple[str, ...]
) -> None:
    with pushing(tmp_path, scopes) as (mirrored, run):
        ours, paced = mirrored.take(run), Paced(mirrored, run)
        slow = mirrored.connector()
        slow.wire = replace(slow.wire, limiter=lambda _budget: paced)
        push = Push(mirrored.database, slow, mirrored.connection_id, ours, mirrored.clock.now)
        with pytest.raises(LeaseLost):
            run_push(push)
        assert paced.ended is RunStatus.SUCCEEDED
        assert keys_in(mirrored) == [DESIGNER]


class Paced:
    """A budget that makes the first call wait until another worker has the run and ended it."""

    def __init__(self, mirrored: Mirrored, run: int) -> None:
        self._mirrored = mirrored
        self._run = run
        self.ended: RunStatus | None = None

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        if self.ended is None:
            mirrored = self._mirrored
            mirrored.clock.advance(2 * LEASE)
            with mirrored.database.writing() as session:
                lease = runs.take_run(session, self._run, Worker("b", 2), mirrored.clock.now())
            assert lease is not None
            other: Any = mirrored.connector()
            push = Push(mirrored.database, other, mirrored.connection_id, lease, mirrored.clock.now)
            self.ended = run_push(push)
        return 0.0

    def refused(self, retry_after: float) -> None:
        raise AssertionError("the portal has no limit here")
