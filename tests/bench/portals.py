"""Sandboxes beside the measures, each in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from tests.bench.plan import ROOT, Described, Planned, Sizes, Wanted

ENDED = "The sandbox has ended."


class Portals:
    """`kept` ones are begun once and serve until the end."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._kept: dict[Wanted, Described] = {}
        self._open = ExitStack()

    def __enter__(self) -> "Portals":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @contextmanager
    def of(self, planned: Planned) -> Iterator[Described]:
        if not planned.kept:
            with served(planned.wanted, self._sizes) as described:
                yield described
            return
        if planned.wanted not in self._kept:
            served_now = served(planned.wanted, self._sizes)
            self._kept[planned.wanted] = self._open.enter_context(served_now)
        yield self._kept[planned.wanted]


@contextmanager
def served(wanted: Wanted, sizes: Sizes) -> Iterator[Described]:
    """What `retro sandbox KIND --json` prints of it, once it answers."""
    command = _command(wanted, sizes)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(ENDED)
            described: Described = json.loads(line)
            _wait_for(f"{described['control']}/clock", process)
            yield described
        finally:
            process.terminate()


def _command(wanted: Wanted, sizes: Sizes) -> list[str]:
    records = str(wanted.records(sizes))
    if wanted.faster != 1.0:
        return [sys.executable, "-m", "tests.bench.fast", records, str(wanted.faster)]
    command = [sys.executable, "-m", "workers", "sandbox", wanted.kind, "--json"]
    options = ["--limit", wanted.limit, "--latency", str(wanted.latency_ms)]
    return [*command, *options, "--records", records]


def _wait_for(url: str, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None:
        try:
            httpx.get(url, timeout=600).raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(ENDED)
