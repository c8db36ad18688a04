"""A worker killed at every commit and call, one point after the other, and what the next one does.

Each walk kills at point 1, then at point 2, until a run is not killed any more. After each kill
another worker takes the run when its lease is over and ends it; then nothing may be lost or double.
"""

import shutil
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app
from connectors.models import Stream
from connectors.sandbox.asgi import App, Receive, Send
from connectors.sandbox.runner import serving
from sync.store.database import Database
from sync.store.runs import LEASE
from sync.tables.runs import RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.fuse import Fuse, FusedDatabase, FusedTransport, Killed
from tests.faults.pull_case import (
    TWO_PAGES,
    assert_each_change_is_found_once,
    assert_first_pull_is_whole,
    change_deals,
)
from tests.faults.push_case import V2, V3, assert_delivered_once, queue_push
from tests.portal import ENDED, Mirrored, new_database, store_connection


def kill(mirrored: Mirrored, run_id: int, at: int) -> str | None:
    """Work on the run with a fuse; what it was killed at, None when it was not."""
    fuse = Fuse(at)
    database = FusedDatabase(mirrored.database.url, fuse)
    doomed = Mirrored(database, mirrored.portal, mirrored.connection_id, mirrored.clock)
    connector = doomed.connector(FusedTransport(fuse))
    try:
        doomed.work(run_id, connector)
    except Killed as killed:
        return str(killed)
    finally:
        connector.close()
        database.close()
    return None


def walk(
    prepare: Callable[[], tuple[Mirrored, int]],
    check: Callable[[Mirrored, int], None],
    next_slice: Callable[[Mirrored, int], None] = lambda _mirrored, _run_id: None,
) -> int:
    """How many points there were. `next_slice` comes between the kill and the good end."""
    for at in range(1, 1000):
        mirrored, run_id = prepare()
        killed = kill(mirrored, run_id, at)
        if killed is not None:
            next_slice(mirrored, run_id)
        mirrored.finish(run_id)
        try:
            check(mirrored, run_id)
        except AssertionError as error:
            error.add_note(f"killed at point {killed}")
            raise
        mirrored.database.close()
        for connector in mirrored.portal.made:
            connector.close()
        if killed is None:
            return at - 1
    raise AssertionError("the walk does not end")


class Office:
    """One address behind which a fresh portal stands for every point of a walk."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self._app: App = create_app(options)

    def renew(self) -> None:
        self._app = create_app(self.options)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    """For pulls, which do not change it."""
    with sandbox(seed=7, records=TWO_PAGES) as running:
        yield running


@pytest.mark.promise("G1")
def test_a_first_pull_in_two_shares_is_whole_wherever_it_is_killed(
    portal: Sandbox, tmp_path: Path
) -> None:
    truth: dict[str, Any] = {}

    def prepare() -> tuple[Mirrored, int]:
        database = new_database(tmp_path / "retro.db")
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        truth.update(truth or mirrored.truth(Stream.STAGE_CHANGES))
        return mirrored, mirrored.queue(Stream.STAGE_CHANGES)

    def check(mirrored: Mirrored, run_id: int) -> None:
        assert_first_pull_is_whole(mirrored, run_id, truth)

    points = walk(prepare, check)
    print(f"first pull: {points} points")  # noqa: T201
    assert points >= 20


@pytest.mark.promise("G1")
@pytest.mark.promise("G4")
def test_a_second_pull_finds_each_change_once_wherever_it_is_killed(tmp_path: Path) -> None:
    with sandbox(seed=8, records=TWO_PAGES) as portal:
        base = new_database(tmp_path / "base.db")
        first = Mirrored(base, portal, store_connection(base, portal))
        first.pull(Stream.DEALS)
        base.close()
        changed = change_deals(first)

        def prepare() -> tuple[Mirrored, int]:
            shutil.copy(tmp_path / "base.db", tmp_path / "retro.db")
            database = Database(f"sqlite:///{tmp_path / 'retro.db'}")
            mirrored = Mirrored(database, portal, first.connection_id)
            return mirrored, mirrored.queue(Stream.DEALS)

        def check(mirrored: Mirrored, run_id: int) -> None:
            assert_each_change_is_found_once(mirrored, run_id, changed)

        points = walk(prepare, check)
    print(f"second pull: {points} points")  # noqa: T201
    assert points >= 15


def look_up_in_vain(mirrored: Mirrored, run_id: int) -> None:
    """The next worker, if there is anything left to do, gets no answer to whatever it asks."""
    if mirrored.run(run_id).status in ENDED:
        return
    mirrored.clock.advance(LEASE * 2)
    mirrored.portal.faults({"do": "html"})
    mirrored.work(run_id)
    mirrored.portal.faults()


@pytest.mark.promise("G5")
@pytest.mark.parametrize(
    ("scopes", "next_slice"),
    [(V3, lambda *_: None), (V2, look_up_in_vain)],
    ids=["REST 3", "REST 2 only, and the look-up fails"],
)
def test_a_push_delivers_each_write_once_wherever_it_is_killed(
    tmp_path: Path, scopes: tuple[str, ...], next_slice: Callable[[Mirrored, int], None]
) -> None:
    options = SandboxOptions(records=4, seed=5, limit="off", scopes=scopes)
    office = Office(options)
    with serving(office) as base:

        def prepare() -> tuple[Mirrored, int]:
            office.renew()
            database = new_database(tmp_path / "retro.db")
            portal = Sandbox(options, base)
            mirrored = Mirrored(database, portal, store_connection(database, portal))
            return mirrored, queue_push(mirrored)

        def check(mirrored: Mirrored, run_id: int) -> None:
            assert mirrored.run(run_id).status is RunStatus.SUCCEEDED
            assert_delivered_once(mirrored)

        points = walk(prepare, check, next_slice)
    print(f"push: {points} points")  # noqa: T201
    assert points >= 50


@pytest.mark.promise("G5")
@pytest.mark.parametrize("scopes", [V3, V2], ids=["REST 3", "REST 2 only"])
def test_a_create_whose_answer_was_lost_is_looked_up_and_not_repeated(
    tmp_path: Path, scopes: tuple[str, ...]
) -> None:
    with sandbox(records=4, seed=5, scopes=scopes) as portal:
        database = new_database(tmp_path / "retro.db")
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        portal.faults(
            {"on": {"method": "tasks.task.add", "every": 2}, "do": "timeout_after"},
            {"on": {"method": "crm.item.add", "nth": 1}, "do": "timeout_after"},
        )
        run_id = queue_push(mirrored)
        assert mirrored.work(run_id) is RunStatus.WAITING
        assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED
        portal.faults()
        assert_delivered_once(mirrored)
        database.close()
