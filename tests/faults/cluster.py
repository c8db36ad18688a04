"""The service on a PostgreSQL and a Redis of its own, of which every part may be killed."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.conftest import ROOT
from tests.postgres import Postgres
from tests.waiting import eventually
from tests.workers.kernel import alive, children_of, descendants_of, processes_of

UP_WITHIN = 120.0
HORSE_COMES_WITHIN = 2.0


class Part(StrEnum):
    WORKER = "worker"
    HORSE = "horse"
    PARENT = "parent"
    SCHEDULER = "scheduler"
    REDIS = "redis"
    POSTGRES = "postgres"


# Horses are at work and cheap to bring back; with Redis all workers begin anew, with the parent
# everything.
WEIGHTS = {
    Part.WORKER: 4,
    Part.HORSE: 12,
    Part.PARENT: 1,
    Part.SCHEDULER: 3,
    Part.REDIS: 2,
    Part.POSTGRES: 2,
}


@dataclass
class Cluster:
    home: Path
    server: Postgres
    environ: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.home.parent / "cluster.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.quick", "run"],
                cwd=ROOT,
                env=self.environ,
                stdout=subprocess.DEVNULL,
                stderr=log,
                process_group=0,
            )

    def await_workers(self) -> None:
        eventually(lambda: len(self._pids(Part.WORKER)) == 5, within=UP_WITHIN)

    def kill(self, part: Part, choose: random.Random) -> Part:
        """Kills one process of this kind with SIGKILL and starts again what nobody else does. Where
        no horse is at work, it is a worker; returns which it was."""
        if part is Part.POSTGRES:
            self.server.kill_and_start()
        elif part is Part.PARENT:
            assert self.process is not None
            self.process.kill()
            self.process.wait()
            eventually(lambda: not processes_of(self.home), within=UP_WITHIN)
            self.start()
            # What does not come up at first ends with an error, as it should.
            self.await_workers()
        else:
            return self._kill_one(part, choose)
        return part

    def _kill_one(self, part: Part, choose: random.Random) -> Part:
        deadline = time.monotonic() + HORSE_COMES_WITHIN

        def found() -> list[tuple[Part, int]]:
            pids = self._pids(part)
            if part is Part.HORSE and not pids and time.monotonic() > deadline:
                return [(Part.WORKER, pid) for pid in self._pids(Part.WORKER)]
            return [(part, pid) for pid in pids]

        while True:
            killed, pid = choose.choice(eventually(found, within=UP_WITHIN))
            if _killed(pid):
                return killed

    def end(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(UP_WITHIN)

    def _pids(self, part: Part) -> list[int]:
        assert self.process is not None
        told = {pid: _command(pid) for pid in descendants_of(self.process.pid)}
        workers = [pid for pid, words in told.items() if "--queue" in words]
        horses = [child for pid in workers for child in children_of(pid)]
        found = {
            Part.HORSE: horses,
            Part.WORKER: [pid for pid in workers if pid not in horses],
            Part.SCHEDULER: [pid for pid, words in told.items() if "schedule-loop" in words],
            Part.REDIS: [pid for pid, words in told.items() if "valkey-server" in words[0]],
        }
        return found[part]


def _killed(pid: int) -> bool:
    """False when it had ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    eventually(lambda: not alive(pid))
    return True


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return [""]
