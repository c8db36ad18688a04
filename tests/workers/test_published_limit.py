"""Pulls of a portal with its published limit, 50 requests at once and 2 a second, in real time."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from config.settings import load_settings
from connectors.models import Stream
from sync.tables.runs import Run, RunStatus
from tests.conftest import ROOT
from tests.waiting import eventually
from workers.app import App, open_app
from workers.connecting import connect
from workers.pulling import pull_now

pytestmark = pytest.mark.slow

# Each is read by a worker of its own, whole, again and again: many small requests side by side.
STREAMS = (
    Stream.DEALS,
    Stream.LEADS,
    Stream.CONTACTS,
    Stream.STAGE_CHANGES,
    Stream.ACTIVITIES,
)
# So many that without a limiter the bucket would overflow: 50 and what drains meanwhile.
ALONE = 70
# How many we still send once the bucket has overflowed.
AFTERWARDS = 8
MOST = 200
# Half of what the portal drains in a second.
STRANGER_EVERY = 1.0
STRANGERS_METHOD = "server.time"


@dataclass(frozen=True)
class Portal:
    """A sandbox that is a process of its own."""

    webhook: str
    control: str

    def log(self) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.control}/log")
        return [json.loads(line) for line in answer.text.splitlines()]

    def refused(self) -> int:
        return int(httpx.get(f"{self.control}/log/summary").json()["refused"])


def ours(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for entry in log if entry["method"] != STRANGERS_METHOD]


@pytest.fixture
def portal() -> Iterator[Portal]:
    command = [sys.executable, "-m", "workers", "sandbox", "bitrix24", "--records", "60", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            eventually(lambda: answers(f"{said['control']}/clock"))
            yield Portal(said["settings"]["webhook"], said["control"])
        finally:
            process.terminate()


def answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def app(home: Path, portal: Portal) -> Iterator[App]:
    settings = load_settings({"RETRO_HOME": str(home), "RETRO_ALLOW_PRIVATE_HOSTS": "1"})
    with closing(open_app(settings)) as opened:
        connect(opened, "bitrix24", "portal", {"webhook": portal.webhook})
        yield opened


def pull_until(app: App, enough: Callable[[], bool]) -> list[Run]:
    """Five workers, which share one budget."""

    def work(stream: Stream) -> list[Run]:
        done: list[Run] = []
        while not enough():
            done += pull_now(app, "portal", [stream], full=True)
        return done

    with ThreadPoolExecutor(len(STREAMS)) as pool:
        return [run for runs in pool.map(work, STREAMS) for run in runs]


@contextmanager
def stranger(portal: Portal) -> Iterator[None]:
    """A client that knows nothing of our budget and keeps its own pace."""
    ended = Event()

    def call() -> None:
        with httpx.Client() as client:
            while not ended.wait(STRANGER_EVERY):
                client.post(f"{portal.webhook}{STRANGERS_METHOD}", json={})

    thread = Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.promise("G8")
def test_alone_on_a_portal_with_its_published_limit_no_pull_is_refused(
    app: App, portal: Portal
) -> None:
    pulled = pull_until(app, lambda: len(portal.log()) >= ALONE)
    assert {run.status for run in pulled} == {RunStatus.SUCCEEDED}
    assert len(portal.log()) >= ALONE
    assert portal.refused() == 0


@pytest.mark.promise("G8")
def test_beside_a_client_that_takes_half_the_rate_few_requests_are_refused_and_no_pull_fails(
    app: App, portal: Portal
) -> None:
    def enough() -> bool:
        log = portal.log()
        bitten = next((n for n, entry in enumerate(log) if entry["refused"]), len(log))
        return len(ours(log[bitten:])) > AFTERWARDS or len(log) >= MOST

    with stranger(portal):
        pulled = pull_until(app, enough)
    assert {run.status for run in pulled} == {RunStatus.SUCCEEDED}
    # Both ask for more than there is, so somebody is refused, and then we hold back. How often the
    # stranger is refused before that is its own affair: it has no budget.
    refused = [entry for entry in portal.log() if entry["refused"]]
    assert refused
    assert len(ours(refused)) <= 3
