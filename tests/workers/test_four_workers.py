"""Four workers on PostgreSQL and Redis pull three portals and push a thousand tasks, while one of
them is killed every ten seconds (G5, G8, G9, G10)."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.bitrix24.portal.options import PLAN_BUCKETS, SandboxOptions
from connectors.bitrix24.sandbox import create_app
from connectors.models import Stream, Task
from connectors.sandbox.runner import serving
from sync.store import outbox, runs
from sync.store.database import Database
from sync.store.outbox import Intention
from sync.tables.outbox import Operation, OutboxState
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Mode, Run, RunStatus
from sync.vault import new_key
from tests.connectors.bitrix24.kit import Sandbox
from tests.portal import MachineClock, Mirrored, active_runs, store_connection
from tests.postgres import Postgres
from tests.waiting import eventually
from tests.workers.conftest import StartPython
from tests.workers.kernel import children_of
from workers.clock import machine_now
from workers.embedded import embedded_redis
from workers.program import Program

pytestmark = [pytest.mark.soak, pytest.mark.slow]

PORTALS = 3
RECORDS = 2000
TASKS = 1000
STREAMS = (Stream.DEALS, Stream.LEADS, Stream.CONTACTS, Stream.STAGE_CHANGES)
# The buckets of portal and client drain this many times faster than in life.
FASTER = 20.0
KILL_EVERY = 10.0
PICKED_UP_WITHIN = 60.0
DONE_WITHIN = 400.0
WORKERS = ("pull", "pull", "push", "push")


@dataclass
class Workers:
    """Processes by number; a killed one is started again."""

    start_python: StartPython
    running: list[Program] = field(default_factory=list)
    kills: int = 0

    def start(self) -> None:
        self.start_python("-m", "tests.faults.quick", "schedule-loop")
        self.running = [self._worker(queue) for queue in WORKERS]

    def kill_one(self, choose: random.Random) -> None:
        """One that is at work, if any is: its horse goes with it."""
        numbers = range(len(WORKERS))
        pids = [program.pid for program in self.running]
        busy = [n for n in numbers if (pid := pids[n]) is not None and children_of(pid)]
        number = choose.choice(busy or numbers)
        self.running[number].kill()
        self.running[number] = self._worker(WORKERS[number])
        self.kills += 1

    def _worker(self, queue: str) -> Program:
        return self.start_python("-m", "tests.faults.quick", "worker", "--queue", queue)


@contextmanager
def portals() -> Iterator[dict[str, Sandbox]]:
    with ExitStack() as stack:
        found = {}
        for number in range(PORTALS):
            options = SandboxOptions(records=RECORDS, seed=number + 1)
            app = create_app(options, lambda: time.monotonic() * FASTER)
            found[f"portal-{number}"] = Sandbox(options, stack.enter_context(serving(app)))
        yield found
        for each in found.values():
            for connector in each.made:
                connector.close()


def plan_tasks(mirrored: Mirrored, number: int) -> set[str]:
    keys = [f"P{number}-{task}:designer" for task in range(number, TASKS, PORTALS)]
    writes = [
        Intention(
            key,
            mirrored.connection_id,
            Operation.CREATE_TASK,
            key,
            msgspec.to_builtins(
                Task(
                    key=key,
                    title=f"Travail {key}",
                    description="Parce que",
                    owner="7",
                    due_at=datetime(2027, 1, 14, 17, 0, tzinfo=UTC),
                )
            ),
            because=[],
        )
        for key in keys
    ]
    with mirrored.database.writing() as session:
        outbox.intend(session, writes, machine_now())
    return set(keys)


class Interrupted:
    """Runs whose horse died, until another worker has them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lost: dict[int, tuple[int, float]] = {}
        self.longest = 0.0
        self.count = 0

    def note(self, before: list[Run]) -> None:
        for run in before:
            if run.status is RunStatus.RUNNING and not _lives(run) and run.id is not None:
                self._lost.setdefault(run.id, (run.fence, time.monotonic()))

    def look(self) -> None:
        with self._database.reading() as session:
            for run_id, (fence, since) in list(self._lost.items()):
                run = runs.get_run(session, run_id)
                waited = time.monotonic() - since
                assert waited < PICKED_UP_WITHIN, f"run {run_id} waits for {waited:.0f} s"
                if run.fence != fence or run.status not in ACTIVE_STATUSES:
                    self.longest = max(self.longest, waited)
                    self.count += 1
                    del self._lost[run_id]


def _lives(run: Run) -> bool:
    """One that was killed and that nobody has asked after yet lives no more."""
    try:
        told = Path(f"/proc/{run.pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return told.rpartition(")")[2].split()[0] != "Z"


def assert_no_window_was_exceeded(portal: Sandbox) -> None:
    """By the portal's own log, whose seconds go faster."""
    log = portal.log()
    assert [entry for entry in log if entry["refused"]] == []
    burst, rate = PLAN_BUCKETS[portal.options.plan]
    level, before = 0.0, 0.0
    for entry in log:
        level = max(0.0, level - (entry["seconds"] - before) * rate) + 1
        before = entry["seconds"]
        assert level <= burst, entry


def tasks_of(portal: Sandbox) -> list[dict[str, Any]]:
    return [task for task in portal.records("tasks", "?key=UF_RETRO_KEY") if task["key"]]


@pytest.mark.promise("G5")
@pytest.mark.promise("G8")
@pytest.mark.promise("G9")
@pytest.mark.promise("G10")
def test_a_thousand_tasks_arrive_once_while_a_worker_is_killed_every_ten_seconds(
    tmp_path: Path,
    postgres_server: Postgres,
    start_python: StartPython,
    bare_environ: pytest.MonkeyPatch,
) -> None:
    key, choose = new_key(), random.Random(1)  # not for secrets
    with (
        closing(postgres_server.new_database()) as database,
        embedded_redis(tmp_path / "elsewhere") as redis,
        portals() as three,
    ):
        environ = {
            "RETRO_DATABASE_URL": database.url,
            "RETRO_REDIS_URL": redis,
            "RETRO_SECRET_KEYS": key,
            "RETRO_ALLOW_PRIVATE_HOSTS": "1",
            "LAB_BUCKET": str(FASTER),
        }
        for name, value in environ.items():
            bare_environ.setenv(name, value)
        clock = MachineClock()
        mirrors = [
            Mirrored(database, portal, store_connection(database, portal, name, key), clock)
            for name, portal in three.items()
        ]
        wanted = [plan_tasks(mirrored, number) for number, mirrored in enumerate(mirrors)]
        for mirrored in mirrors:
            for stream in STREAMS:
                mirrored.queue(stream)
            mirrored.queue(PUSH, Mode.PUSH)
        workers, interrupted = Workers(start_python), Interrupted(database)
        workers.start()
        work_until_quiet(database, workers, interrupted, choose)
        for mirrored in mirrors:
            mirrored.queue(Stream.TASKS)
        eventually(lambda: not active_runs(database), within=PICKED_UP_WITHIN * 2)
        for mirrored, keys in zip(mirrors, wanted, strict=True):
            assert Counter(task["key"] for task in tasks_of(mirrored.portal)) == Counter(keys)
            for stream in (*STREAMS, Stream.TASKS):
                assert mirrored.records(stream) == mirrored.truth(stream), stream
            with database.reading() as session:
                rows = outbox.outbox_rows(session, mirrored.connection_id)
            assert {row.state for row in rows} == {OutboxState.DONE}
            assert_no_window_was_exceeded(mirrored.portal)
        assert interrupted.count > 0
        told = f"{workers.kills} kills, {interrupted.count} runs interrupted"
        print(f"{told}, picked up after {interrupted.longest:.0f} s at most")  # noqa: T201


def work_until_quiet(
    database: Database, workers: Workers, interrupted: Interrupted, choose: random.Random
) -> None:
    begun = last_kill = time.monotonic()
    while under_way := active_runs(database):
        assert time.monotonic() - begun < DONE_WITHIN, under_way
        if time.monotonic() - last_kill >= KILL_EVERY:
            workers.kill_one(choose)
            # A horse goes with its worker, though not in that very moment.
            time.sleep(0.5)
            interrupted.note(under_way)
            last_kill = time.monotonic()
        interrupted.look()
        time.sleep(0.2)
