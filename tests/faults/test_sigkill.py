"""Ten points of the crash walk with a worker that is a process and kills itself with SIGKILL.

An exception that stands for a kill still runs what is on its way up: `finally`, rollbacks, closed
sockets. Here nothing of that happens; the system alone cleans up, and SQLite recovers.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.models import Stream
from sync.store import runs
from sync.tables.runs import RunStatus
from tests.conftest import ROOT
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.pull_case import (
    TWO_PAGES,
    assert_each_change_is_found_once,
    assert_first_pull_is_whole,
    change_deals,
)
from tests.faults.push_case import V2, V3, assert_delivered_once, queue_push
from tests.portal import WORKER, Mirrored, new_database, store_connection

pytestmark = pytest.mark.faults

MOST_SECONDS = 60


def kill_a_worker(mirrored: Mirrored, run_id: int, point: str, number: int) -> None:
    """Another process works on the run until it has come to `point` for the `number`-th time."""
    portal = mirrored.portal
    ids = [str(each) for each in (mirrored.connection_id, run_id)]
    database = mirrored.database.url
    command = [portal.base, str(portal.options.seed), database, *ids, point, str(number)]
    died = subprocess.run(
        [sys.executable, "-m", "tests.faults.doomed_worker", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    assert died.stdout == f"{number}: {point}"
    assert_it_left_its_lease(mirrored, run_id)


def assert_it_left_its_lease(mirrored: Mirrored, run_id: int) -> None:
    """Nobody gave the run back, so nobody may take it before its time."""
    assert mirrored.run(run_id).status is RunStatus.RUNNING
    with mirrored.database.writing() as session:
        assert runs.take_run(session, run_id, WORKER, mirrored.clock.now()) is None


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    """For pulls, which do not change it."""
    with sandbox(seed=7, records=TWO_PAGES) as running:
        yield running


@pytest.mark.promise("G1")
@pytest.mark.parametrize(
    ("point", "number"),
    [
        pytest.param("after batch", 2, id="first page read and not committed"),
        pytest.param("before a commit", 5, id="second page read and not committed"),
        pytest.param("after a commit", 6, id="a share read to its end"),
    ],
)
def test_a_first_pull_is_whole_after_a_kill(
    portal: Sandbox, tmp_path: Path, point: str, number: int
) -> None:
    database = new_database(tmp_path / "retro.db")
    mirrored = Mirrored(database, portal, store_connection(database, portal))
    run_id = mirrored.queue(Stream.STAGE_CHANGES)
    kill_a_worker(mirrored, run_id, point, number)
    mirrored.finish(run_id)
    assert_first_pull_is_whole(mirrored, run_id, mirrored.truth(Stream.STAGE_CHANGES))
    database.close()


@pytest.mark.promise("G1")
@pytest.mark.promise("G4")
def test_a_second_pull_finds_each_change_once_after_a_kill_behind_its_first_page(
    tmp_path: Path,
) -> None:
    with sandbox(seed=8, records=TWO_PAGES) as own_portal:
        database = new_database(tmp_path / "retro.db")
        mirrored = Mirrored(database, own_portal, store_connection(database, own_portal))
        mirrored.pull(Stream.DEALS)
        changed = change_deals(mirrored)
        run_id = mirrored.queue(Stream.DEALS)
        kill_a_worker(mirrored, run_id, "after a commit", 4)
        assert mirrored.count_changes() == 1
        mirrored.finish(run_id)
        assert_each_change_is_found_once(mirrored, run_id, changed)
        database.close()


@pytest.mark.promise("G5")
@pytest.mark.parametrize(
    ("scopes", "point", "number", "tasks"),
    [
        pytest.param(V3, "after crm.item.add", 1, 0, id="target made, answer lost"),
        pytest.param(V3, "after tasks.task.add", 1, 1, id="task made, answer lost"),
        # The first of the two went to REST 3, which is not there.
        pytest.param(V2, "after tasks.task.add", 2, 1, id="task made, answer lost, REST 2 only"),
        pytest.param(V3, "before batch", 1, 2, id="between create and stamp"),
        pytest.param(V3, "after batch", 1, 2, id="stamped and not noted"),
        pytest.param(V3, "after tasks.task.chat.message.send", 1, 2, id="commented, answer lost"),
    ],
)
def test_a_push_delivers_each_write_once_after_a_kill(
    tmp_path: Path, scopes: tuple[str, ...], point: str, number: int, tasks: int
) -> None:
    """`tasks` is how many the portal holds when the worker dies."""
    with sandbox(records=4, seed=5, scopes=scopes) as own_portal:
        database = new_database(tmp_path / "retro.db")
        mirrored = Mirrored(database, own_portal, store_connection(database, own_portal))
        run_id = queue_push(mirrored)
        kill_a_worker(mirrored, run_id, point, number)
        made = own_portal.call("tasks.task.list", {"start": -1, "select": ["ID"]})["tasks"]
        assert len(made) == tasks
        assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED
        assert_delivered_once(mirrored)
        database.close()
