"""Redis emptied again and again while pulls and a push are under way: the database is the truth
(G5, G8, G9, G10)."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app
from connectors.models import Stream, Task
from connectors.sandbox.runner import serving
from sync.store import outbox
from sync.store.outbox import Intention
from sync.tables.outbox import Operation, OutboxState
from sync.tables.runs import PUSH, Mode, RunStatus
from sync.vault import new_key
from tests.connectors.bitrix24.kit import Sandbox
from tests.portal import MachineClock, Mirrored, active_runs, new_database, store_connection
from tests.waiting import eventually
from tests.workers.conftest import StartPython
from workers.clock import machine_now
from workers.queues import QueueName, living_workers

pytestmark = pytest.mark.slow

RECORDS = 4000
TASKS = 30
# The buckets of portal and client drain this many times faster than in life.
FASTER = 20.0
PULLED = (Stream.DEALS, Stream.LEADS)
SLOW = {"do": "slow", "seconds": 1.0}
UP_WITHIN = 60.0
DONE_WITHIN = 300.0
LOST_AT_MOST = timedelta(seconds=60)
WORKERS: tuple[QueueName, ...] = ("pull", "push")


@contextmanager
def slow_portal() -> Iterator[Sandbox]:
    """Slow enough for a run to be met in its middle."""
    options = SandboxOptions(records=RECORDS, seed=3)
    with serving(create_app(options, lambda: time.monotonic() * FASTER)) as base:
        portal = Sandbox(options, base)
        yield portal
        for connector in portal.made:
            connector.close()


@pytest.fixture
def environ(home: Path, redis_address: str, bare_environ: pytest.MonkeyPatch) -> str:
    """Of the processes; returns the key of the secrets."""
    key = new_key()
    bare_environ.setenv("RETRO_DATABASE_URL", f"sqlite:///{home / 'retro.db'}")
    bare_environ.setenv("RETRO_REDIS_URL", redis_address)
    bare_environ.setenv("RETRO_SECRET_KEYS", key)
    bare_environ.setenv("RETRO_ALLOW_PRIVATE_HOSTS", "1")
    bare_environ.setenv("LAB_BUCKET", str(FASTER))
    return key


def plan_tasks(mirrored: Mirrored) -> set[str]:
    keys = [f"D-{number}:designer" for number in range(TASKS)]
    due = datetime(2027, 1, 14, 17, 0, tzinfo=UTC)
    writes = [
        Intention(
            key,
            mirrored.connection_id,
            Operation.CREATE_TASK,
            key,
            msgspec.to_builtins(
                Task(key=key, title=f"Travail {key}", description="", owner="7", due_at=due)
            ),
            because=[],
        )
        for key in keys
    ]
    with mirrored.database.writing() as session:
        outbox.intend(session, writes, machine_now())
    return set(keys)


def made(portal: Sandbox) -> list[str]:
    """The keys of our tasks in the portal."""
    return [task["key"] for task in portal.records("tasks", "?key=UF_RETRO_KEY") if task["key"]]


@pytest.mark.promise("G5")
@pytest.mark.promise("G8")
@pytest.mark.promise("G9")
@pytest.mark.promise("G10")
def test_an_emptied_redis_loses_and_doubles_nothing_of_what_is_under_way(
    home: Path, environ: str, redis: Redis, start_python: StartPython
) -> None:
    with slow_portal() as portal, closing(new_database(home / "retro.db")) as database:
        connection_id = store_connection(database, portal, key=environ)
        mirrored = Mirrored(database, portal, connection_id, MachineClock())
        wanted, before = plan_tasks(mirrored), len(portal.records("tasks"))
        pulls = [mirrored.queue(stream) for stream in PULLED]
        push = mirrored.queue(PUSH, Mode.PUSH)
        portal.faults(SLOW)
        start_python("-m", "tests.faults.quick", "schedule-loop")
        for queue in WORKERS:
            start_python("-m", "tests.faults.quick", "worker", "--queue", queue)

        def in_the_middle() -> bool:
            """One pull is; the bell of the other has rung and waits for the only worker."""
            found = [mirrored.run(run_id) for run_id in pulls]
            under_way = any(run.status is RunStatus.RUNNING and run.read > 0 for run in found)
            return under_way and bool(redis.llen("rq:queue:pull"))

        eventually(in_the_middle, within=UP_WITHIN)
        redis.flushall()
        emptied = machine_now()
        eventually(lambda: before < len(portal.records("tasks")) < before + TASKS, within=UP_WITHIN)
        redis.flushall()
        portal.faults()
        eventually(lambda: not active_runs(database), within=DONE_WITHIN)

        ended = [mirrored.run(run_id) for run_id in (*pulls, push)]
        # Nobody took a run a second time: the work went on as if nothing had happened.
        assert {(run.status, run.fence) for run in ended} == {(RunStatus.SUCCEEDED, 1)}
        assert [run.complete for run in ended[:2]] == [True, True]
        first, second = sorted(ended[:2], key=lambda run: run.ended_at or emptied)
        assert first.ended_at is not None
        assert second.started_at is not None
        assert emptied < first.ended_at < second.started_at < first.ended_at + LOST_AT_MOST
        for stream in PULLED:
            assert mirrored.records(stream) == mirrored.truth(stream)
        assert Counter(made(portal)) == Counter(wanted)
        assert [entry["method"] for entry in portal.log() if entry["refused"]] == []
        with database.reading() as session:
            states = {row.state for row in outbox.outbox_rows(session, connection_id)}
        assert states == {OutboxState.DONE}
        within = LOST_AT_MOST.total_seconds()
        for queue in WORKERS:
            eventually(lambda queue=queue: living_workers(redis, queue) == 1, within=within)
