"""The whole service on one home, while its parts are killed one after another (G9, G10)."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlmodel import col, select

from connectors.bitrix24.sandbox import settings
from connectors.sandbox.runner import free_port
from sync.store.database import Database
from sync.tables.mirror import DealRow
from sync.tables.runs import Run, RunStatus, Trigger
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.waiting import eventually
from tests.workers.kernel import alive, processes_of
from workers.clock import machine_now
from workers.embedded import redis_url

pytestmark = pytest.mark.slow

NEXT_PULL_WITHIN = 60.0
# Guards against what hangs; on a loaded machine six processes take their time to come up.
STARTS_WITHIN = 180.0
ENDS_WITHIN = 10.0


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@dataclass(frozen=True)
class Service:
    """A running `retro run`, and its database as another process reads it."""

    home: Path
    process: subprocess.Popen[bytes]
    log: Path
    database: Database

    def runs(self) -> list[Run]:
        with self.database.reading() as session:
            return list(session.exec(select(Run).order_by(col(Run.id))).all())

    def child(self, *words: str) -> int:
        """The process whose command ends in these words; a work horse has those of its worker."""
        tail = b"".join(os.fsencode(word) + b"\0" for word in words)
        found = {
            pid
            for pid in processes_of(self.home)
            if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(tail)
        }
        (pid,) = (pid for pid in found if parent_of(pid) not in found)
        return pid

    def redis_server(self) -> int:
        (pid,) = (
            pid
            for pid in processes_of(self.home)
            if b"valkey-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        return pid

    def pulled_after(self, moment: datetime) -> Run | None:
        """A pull that was queued and came to its good end after the moment."""
        done = (run for run in self.runs() if run.status is RunStatus.SUCCEEDED)
        return next((run for run in done if run.queued_at > moment), None)


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RETRO_")}
    return kept | {
        "RETRO_HOME": str(home),
        "RETRO_ALLOW_PRIVATE_HOSTS": "1",
        "RETRO_PORT": str(free_port()),
        "RETRO_WORKERS": "1",
    }


def retro(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers", *arguments]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=STARTS_WITHIN
    )


@contextmanager
def service(home: Path, environ: dict[str, str]) -> Iterator[Service]:
    log = home.with_name("service.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers", "run"],
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    database = Database(f"sqlite:///{home / 'retro.db'}")
    try:
        yield Service(home, process, log, database)
    finally:
        database.close()
        if process.poll() is None:
            process.kill()
            process.wait()
        for pid in processes_of(home):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def kill(find: Callable[[], int]) -> None:
    pid = find()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid))


@pytest.mark.promise("G9")
@pytest.mark.promise("G10")
def test_whatever_is_killed_the_next_pull_comes_and_none_is_doubled(
    home: Path, environ: dict[str, str]
) -> None:
    with sandbox(records=60, seed=7) as portal:
        webhook = settings(portal.options, portal.base)["webhook"]
        told = {**environ, "RETRO_SECRET_PORTAL_WEBHOOK": webhook}
        assert retro(told, "connect", "bitrix24", "portal").returncode == 0
        scheduled = retro(environ, "schedule", "portal", "--stream", "deals", "--every", "5s")
        assert scheduled.returncode == 0
        begun = machine_now()
        with service(home, environ) as running:
            eventually(lambda: running.pulled_after(begun), within=STARTS_WITHIN)
            refused_beside(running, environ)
            scheduler = Path(f"/proc/{running.child('schedule-loop')}/environ").read_bytes()
            # A scheduler that starts while Redis is away would else ring for nobody, for ever.
            assert f"RETRO_REDIS_URL={redis_url(home)}".encode() in scheduler
            for strike in (
                lambda: kill(lambda: running.child("worker", "--queue", "pull")),
                lambda: kill(lambda: running.child("schedule-loop")),
                lambda: kill(running.redis_server),
                lambda: flush(running.home),
                lambda: kill_the_horse(running, portal),
            ):
                strike()
                await_pull(running, machine_now())
            judge_runs(running, environ)
            assert mirrored(running) == {each["id"] for each in portal.records("deals")}
            ended_by_ctrl_c(running)
            log = running.log.read_text()
            assert webhook.split("/")[-2] not in log
            assert "alembic" not in log


def test_a_taken_port_is_one_sentence_before_anything_starts(
    home: Path, environ: dict[str, str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        refused = retro({**environ, "RETRO_PORT": str(port)}, "run")
    assert refused.returncode == 1
    (sentence,) = refused.stderr.splitlines()
    assert f"Port {port}" in sentence
    assert "RETRO_PORT" in sentence
    assert not (home / "retro.db").exists()
    assert processes_of(home) == []


def await_pull(running: Service, moment: datetime) -> None:
    """The next pull after this moment."""
    eventually(lambda: running.pulled_after(moment), within=NEXT_PULL_WITHIN)


def kill_the_horse(running: Service, portal: Sandbox) -> None:
    """In the middle of a pull; its run is to end well later."""
    portal.faults({"do": "slow", "seconds": 30})
    under_way = eventually(lambda: next(iter(active(running)), None), within=20)
    assert under_way.pid is not None
    kill(lambda: under_way.pid or 0)
    portal.faults()
    eventually(lambda: ended_well(running, under_way), within=NEXT_PULL_WITHIN)


def active(running: Service) -> list[Run]:
    return [run for run in running.runs() if run.status is RunStatus.RUNNING]


def ended_well(running: Service, run: Run) -> bool:
    return any(each.id == run.id and each.status is RunStatus.SUCCEEDED for each in running.runs())


def flush(home: Path) -> None:
    with closing(Redis.from_url(redis_url(home))) as redis:
        redis.flushall()


def refused_beside(running: Service, environ: dict[str, str]) -> None:
    """A second service on the same home says who has it."""
    second = retro(environ, "run")
    assert second.returncode == 1
    (sentence,) = second.stderr.splitlines()
    assert f"process {running.process.pid}" in sentence
    assert str(running.home) in sentence


def judge_runs(running: Service, environ: dict[str, str]) -> None:
    history: list[dict[str, Any]] = json.loads(retro(environ, "runs", "--json").stdout)
    done = [run for run in history if run["status"] == "succeeded"]
    assert {run["trigger"] for run in done} == {Trigger.SCHEDULE.value}
    assert not {run["worker"]["pid"] for run in done} & {os.getpid(), running.process.pid}
    assert len({run["worker"]["pid"] for run in done}) > 1
    ended = [run for run in running.runs() if run.ended_at is not None]
    for earlier, later in pairwise(ended):
        assert earlier.ended_at is not None
        assert later.started_at is not None
        assert earlier.ended_at <= later.started_at


def mirrored(running: Service) -> set[str]:
    with running.database.reading() as session:
        ids = [str(each) for each in session.exec(select(DealRow.id)).all()]
    assert len(ids) == len(set(ids))
    return set(ids)


def ended_by_ctrl_c(running: Service) -> None:
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(ENDS_WITHIN) == 0
    assert processes_of(running.home) == []
