"""An installation of its own on a sandbox, and what a piece of work costs there."""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from config.settings import load_settings
from sync.tables.runs import Run, RunStatus
from sync.vault import new_key
from tests.bench.plan import Described
from workers.app import App, open_app
from workers.connecting import connect

Row = dict[str, Any]
NAME = "portal"


@dataclass(frozen=True)
class Portal:
    """The sandbox, as whoever runs it sees it."""

    control: str

    def counted(self) -> tuple[int, int]:
        """Requests so far, and how many of them were refused, by its own log."""
        summary = self._get("log/summary").json()
        return int(summary["requests"]), int(summary["refused"])

    def edit(self, stream: str, id_: str, values: Row) -> None:
        url = f"{self.control}/records/{stream}/{id_}"
        httpx.post(url, json={"set": values}).raise_for_status()

    def _get(self, route: str) -> httpx.Response:
        return httpx.get(f"{self.control}/{route}", timeout=60).raise_for_status()


@dataclass(frozen=True)
class Installed:
    app: App
    portal: Portal
    home: Path


@contextmanager
def installed(described: Described, **environ: str) -> Iterator[Installed]:
    with tempfile.TemporaryDirectory() as home:
        own = {
            "RETRO_HOME": home,
            "RETRO_ALLOW_PRIVATE_HOSTS": "1",
            "RETRO_SECRET_KEYS": new_key(),
            **environ,
        }
        with closing(open_app(load_settings(own))) as app:
            connect(app, described["kind"], NAME, described["settings"])
            yield Installed(app, Portal(described["control"]), Path(home))


def measured(portal: Portal, work: Callable[[], Sequence[Run]]) -> Row:
    """Requests and refusals are those in the log of the sandbox. CPU seconds and peak memory are
    those of this process, threads included; the peak is the highest since it began."""
    requests, refused = portal.counted()
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    requests_after, refused_after = portal.counted()
    for run in done:
        if run.status is not RunStatus.SUCCEEDED:
            raise RuntimeError(f"{run.stream} is {run.status.value}: {run.error}")
    return {
        "requests": requests_after - requests,
        "refused": refused_after - refused,
        **figures(sum(run.read for run in done), seconds, cpu_seconds),
    }


def figures(records: int, seconds: float, cpu_seconds: float) -> Row:
    return {
        "records": records,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "per_second": records / seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
