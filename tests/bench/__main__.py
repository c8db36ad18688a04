"""`make bench`: pulls and pushes against a sandbox without limits, beside the ceiling of this run.

The ceiling is the same bytes, already fetched: typed decode, and hashed and written in bulk. It is
what a pull could reach if the portal answered at once and nothing else had to be done.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from config.settings import load_settings
from connectors.models import Stream, Task
from sync.store import connections, mirror, outbox
from sync.store.outbox import Intention
from sync.tables.outbox import Operation
from sync.tables.runs import Run
from sync.vault import new_key
from tests.bench.ceiling import answers, decode_and_save, empty_mirror
from tests.conftest import ROOT
from tests.postgres import postgres
from workers.app import App, open_app
from workers.clock import machine_now
from workers.connecting import connect
from workers.pulling import pull_now, push_now

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    rows = [each for _ in range(given.repeat) for each in one_round(given.records, given.tasks)]
    medians = [_median(name, rows) for name in dict.fromkeys(row["name"] for row in rows)]
    _show(medians)
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    file.write_text(json.dumps(medians, indent=2) + "\n")
    Console().print(f"The figures are in {file}.")


def one_round(records: int, tasks: int) -> list[Row]:
    """Each round has portals and databases of its own."""
    rows = []
    with portal(records) as described:
        with connected(described) as (app, home):
            rows.append(measured("full pull", lambda: _pull(app)))
            rows.append(measured("pull without change", lambda: _pull(app)))
            _pull_all(app)
            rows.append(measured("pull of all streams without change", lambda: _pull_all(app)))
            changed = max(1, records // 100)
            _edit(described["control"], app, changed)
            rows.append(measured("pull of 1 % changes", lambda: _pull(app)))
            rows.append(measured(f"push of {tasks} tasks", lambda: _push(app, tasks)))
            rows.append(_ceiling(app, home))
        with (
            postgres() as server,
            connected(described, RETRO_DATABASE_URL=server.new_database().url) as (app, _),
        ):
            rows.append(measured("full pull into PostgreSQL", lambda: _pull(app)))
    with portal(records, "--latency", "50") as slow, connected(slow) as (app, _):
        rows.append(measured("full pull at 50 ms", lambda: _pull(app)))
    return rows


@contextmanager
def connected(described: Row, **environ: str) -> Iterator[tuple[App, Path]]:
    """An installation of its own, connected to the portal, and its home."""
    with tempfile.TemporaryDirectory() as home, opened(home, environ) as app:
        connect(app, "bitrix24", "portal", described["settings"])
        yield app, Path(home)


@contextmanager
def portal(records: int, *options: str) -> Iterator[Row]:
    command = [sys.executable, "-m", "workers", "sandbox", "bitrix24", "--limit", "off", "--json"]
    command += options
    process = subprocess.Popen(
        [*command, "--records", str(records)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        described: Row = json.loads(process.stdout.readline())
        _wait_for(f"{described['control']}/clock")
        yield described
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str) -> None:
    while True:
        try:
            httpx.get(url, timeout=60).raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.1)


@contextmanager
def opened(home: str, environ: Mapping[str, str]) -> Iterator[App]:
    own = {
        "RETRO_HOME": home,
        "RETRO_ALLOW_PRIVATE_HOSTS": "1",
        "RETRO_SECRET_KEYS": new_key(),
        **environ,
    }
    with closing(open_app(load_settings(own))) as app:
        yield app


def measured(name: str, work: Callable[[], Sequence[Run]]) -> Row:
    """CPU seconds and peak memory are those of this process, threads included; the peak is the
    highest since it began."""
    wall, cpu = time.perf_counter(), time.process_time()
    runs_done = work()
    seconds = time.perf_counter() - wall
    read_in_all = sum(run.read for run in runs_done)
    return {
        "name": name,
        "records": read_in_all,
        "requests": sum(run.requests for run in runs_done),
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "per_second": read_in_all / seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _pull(app: App) -> Sequence[Run]:
    return pull_now(app, "portal", [Stream.DEALS])


def _pull_all(app: App) -> Sequence[Run]:
    return pull_now(app, "portal")


def _edit(control: str, app: App, count: int) -> None:
    with app.database.reading() as session, httpx.Client(base_url=control) as portal:
        for row in mirror.iterate_rows(session, Stream.DEALS, limit=count):
            body = {"set": {"title": f"{row.title} (edited)"}}
            portal.post(f"/records/deals/{row.id}", json=body).raise_for_status()


def _push(app: App, count: int) -> Sequence[Run]:
    with app.database.writing() as session:
        row = connections.connection_named(session, "portal")
        assert row.id is not None
        outbox.intend(session, [_task(row.id, number) for number in range(count)], machine_now())
    return [push_now(app, row.id)]


def _task(connection_id: int, number: int) -> Intention:
    key = f"bench:{number}"
    task = Task(
        key=key,
        title=f"Task {number}",
        description="One of many.",
        owner="1",
        due_at=machine_now() + timedelta(days=7),
    )
    payload = msgspec.to_builtins(task)
    return Intention(f"task:{key}", connection_id, Operation.CREATE_TASK, key, payload, [])


def _ceiling(app: App, home: Path) -> Row:
    kept = answers(app)
    target, feed, run_id = empty_mirror(home)
    wall, cpu = time.perf_counter(), time.process_time()
    count = decode_and_save(kept, target, feed, run_id)
    seconds = time.perf_counter() - wall
    target.close()
    return {
        "name": "ceiling: decode and upsert",
        "records": count,
        "requests": 0,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "per_second": count / seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _median(name: str, rows: list[Row]) -> Row:
    same = [row for row in rows if row["name"] == name]
    return {
        key: name if key == "name" else statistics.median(row[key] for row in same)
        for key in same[0]
    }


def _show(rows: list[Row]) -> None:
    table = Table(box=None)
    for column in ("", "records", "requests", "seconds", "CPU s", "records/s", "peak MB"):
        table.add_column(column, justify="left" if not column else "right")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['records']:,.0f}",
            f"{row['requests']:,.0f}",
            f"{row['seconds']:.2f}",
            f"{row['cpu_seconds']:.2f}",
            f"{row['per_second']:,.0f}",
            f"{row['peak_mb']:.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
