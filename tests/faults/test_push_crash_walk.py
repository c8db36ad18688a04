"""Pushes that are killed at every commit and call: see `walk`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app
from sync.store.runs import LEASE
from sync.tables.runs import RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.in_process import NOWHERE, InProcess
from tests.faults.push_case import V2, V3, assert_delivered_once, queue_push
from tests.faults.walk import walk
from tests.portal import ENDED, Mirrored, new_database, store_connection

pytestmark = [pytest.mark.faults, pytest.mark.slow]


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
    transport = InProcess(create_app(options))

    def prepare() -> tuple[Mirrored, int]:
        database = new_database(tmp_path / "retro.db")
        transport.app = create_app(options)
        portal = Sandbox(options, NOWHERE, transport=transport)
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        return mirrored, queue_push(mirrored)

    def check(mirrored: Mirrored, run_id: int) -> None:
        assert mirrored.run(run_id).status is RunStatus.SUCCEEDED
        assert_delivered_once(mirrored)

    try:
        points = walk(prepare, check, next_slice)
    finally:
        transport.end()
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
