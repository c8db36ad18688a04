"""The demo's stage: a sandbox portal, the service beside it, and a clock that both read."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import RedisError

from config.settings import Settings, load_settings
from connectors.sandbox.runner import free_port
from sync.store import hooks, past_runs, pushes, rules_due, schedules
from workers.app import App, open_app
from workers.demo.later import LaterEvent
from workers.demo.moments import PARIS
from workers.embedded import redis_url
from workers.errors import CannotRun
from workers.queues import counts

# These end what hangs, and judge no speed: the machine may have other work.
STARTS_WITHIN = 180.0
QUIET_WITHIN = 180.0
ENDS_WITHIN = 30.0
TICK = 0.2
# Between a schedule that is claimed and the bell that is rung for it, nothing is to be seen.
CALM_SECONDS = 0.3
CONTROL_SECONDS = 30.0
HOST = "127.0.0.1"
LANGUAGE_OF_THE_COMPANY = "fr"
NOT_OURS = (
    "RETRO_CLOCK",
    "RETRO_DATABASE_URL",
    "RETRO_PUBLIC_URL",
    "RETRO_REDIS_URL",
    "RETRO_SECRET_KEYS",
)


@dataclass(frozen=True)
class Stage:
    """`portal` speaks to the control routes; `connect_with` are the portal's settings;
    `hooks_url` is where the service listens."""

    app: App
    portal: httpx.Client
    connect_with: dict[str, str]
    hooks_url: str
    folder: Path

    def set_time(self, moment: datetime) -> None:
        """Portal and service stand at this moment from now on."""
        self._put("clock", {"now": moment.isoformat(), "running": False})

    def tell(self, event: LaterEvent) -> None:
        """Something a user of the portal does."""
        self._post(event.path, event.body)

    def edit_task(self, remote_id: str, **fields: Any) -> None:
        self._post(f"/records/tasks/{remote_id}", {"set": fields})

    def post_events_to(self, url: str | None, copies: int) -> None:
        events = ["ONTASKUPDATE"]
        self._put("outgoing-webhook", {"url": url, "events": events, "copies": copies})

    def portal_tasks(self) -> list[dict[str, Any]]:
        """The tasks as the portal holds them."""
        answer = self.portal.get("/records/tasks").raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def wait_until_quiet(self) -> None:
        """Until nothing is due, queued, running or unsent. Raises CannotRun when that lasts."""
        deadline = time.monotonic() + QUIET_WITHIN
        while busy := self._busy() or self._busy_again():
            if time.monotonic() > deadline:
                raise CannotRun(f"The service did not come to rest: {busy}.")
            time.sleep(TICK)

    def _busy_again(self) -> str:
        time.sleep(CALM_SECONDS)
        return self._busy()

    def _busy(self) -> str:
        """What is still going on, empty when nothing is."""
        with self.app.database.reading() as session:
            # What is seen most often is asked first.
            if past_runs.any_active(session):
                return "a run is active"
            # The portal is asked: our own clock may be a moment old.
            if schedules.any_due(session, self._now()):
                return "a schedule is due"
            if pushes.pending_connections(session, self.app.database.now()):
                return "a write is waiting"
            if hooks.stored_hints(session):
                return "a webhook is waiting"
            if rules_due.rules_are_due(session):
                return "the rules are wanted"
        assert self.app.redis is not None
        queues = counts(self.app.redis)
        rung = [name for name, each in queues.items() if each.waiting or each.running]
        return f"jobs in {', '.join(rung)}" if rung else ""

    def _now(self) -> datetime:
        state = self.portal.get("/clock").raise_for_status().json()
        return datetime.fromisoformat(state["now"])

    def _put(self, route: str, body: dict[str, Any]) -> None:
        self.portal.put(f"/{route}", json=body).raise_for_status()

    def _post(self, route: str, body: dict[str, Any]) -> None:
        self.portal.post(route, json=body).raise_for_status()


@contextmanager
def set_up(settings: Settings, arguments: Sequence[str]) -> Iterator[Stage]:
    """A clean stage under `<home>/demo`; `arguments` go to the portal. Everything that was started
    is ended with the block. Raises CannotRun."""
    folder = settings.home / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environ, portal_port = _environ(folder), free_port()
    control = f"http://{HOST}:{portal_port}/_sandbox"
    own = load_settings({**environ, "RETRO_CLOCK": control})
    # Side by side: until the portal is there, the service waits for its clock.
    with (
        _process("workers.demo.portal", ["--port", str(portal_port), *arguments]) as sandbox,
        _process(
            "workers", ["run"], {**environ, "RETRO_CLOCK": control}, folder / "service.log"
        ) as service,
        # Made once: each client of httpx reads all certificate authorities.
        httpx.Client(base_url=control, timeout=CONTROL_SECONDS) as portal,
    ):
        connect_with = _described(sandbox)
        address = f"http://{HOST}:{own.port}"
        _wait_for(f"{control}/clock", portal, sandbox, "The sandbox portal")
        _wait_for(f"{address}/healthz", portal, service, "The service")
        _wait_for_workers(own, service)
        with closing(open_app(own, Redis.from_url(redis_url(own.home)))) as app:
            yield Stage(app, portal, connect_with, address, folder)


def _environ(folder: Path) -> dict[str, str]:
    """That of the user, with a home of its own and nothing that leads out of it. The company is
    French, and so is what its tools are told."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return kept | {
        "RETRO_HOME": str(folder),
        "RETRO_ALLOW_PRIVATE_HOSTS": "1",
        "RETRO_PORT": str(free_port()),
        "RETRO_LANG": LANGUAGE_OF_THE_COMPANY,
        "RETRO_TZ": PARIS.key,
        "RETRO_CURRENCY": "EUR",
    }


@contextmanager
def _process(
    module: str,
    arguments: Sequence[str],
    environ: dict[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A module of ours, ended with the block. Its output goes to `log`, or can be read."""
    with log.open("w") if log else nullcontext(subprocess.PIPE) as output:
        process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", module, *arguments],
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            text=True,
            process_group=0,
        )
        try:
            yield process
        finally:
            _end(process)


def _described(sandbox: subprocess.Popen[str]) -> dict[str, str]:
    """The settings that connect to it."""
    assert sandbox.stdout is not None
    line = sandbox.stdout.readline()
    if not line:
        raise CannotRun("The sandbox portal of the demo did not start.")
    settings: dict[str, str] = json.loads(line)["settings"]
    return settings


def _wait_for(url: str, client: httpx.Client, process: subprocess.Popen[str], what: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get(url).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(TICK)
    raise CannotRun(f"{what} of the demo did not come up; its log is under var/demo.")


def _wait_for_workers(settings: Settings, process: subprocess.Popen[str]) -> None:
    redis = Redis.from_url(redis_url(settings.home))
    deadline = time.monotonic() + STARTS_WITHIN
    try:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if all(each.workers for each in counts(redis).values()):
                    return
            except RedisError:
                pass
            time.sleep(TICK)
    finally:
        redis.close()
    raise CannotRun("The workers of the demo did not come up; their log is under var/demo.")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
