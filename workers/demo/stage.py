"""The demo's stage: a sandbox portal, the service beside it, and a clock that both read."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import RedisError

from config.settings import Settings, load_settings
from connectors.sandbox.runner import free_port
from sync.store import hooks, outbox, runs, schedules
from workers.app import App, open_app
from workers.clock import machine_now
from workers.demo.later import LaterEvent
from workers.embedded import redis_url
from workers.errors import CannotRun
from workers.queues import counts

STARTS_WITHIN = 60.0
QUIET_WITHIN = 45.0
ENDS_WITHIN = 10.0
TICK = 0.2


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
        calm = 0
        while calm < 2:
            if time.monotonic() > deadline:
                raise CannotRun(f"The service did not come to rest: {self._busy()}.")
            calm = 0 if self._busy() else calm + 1
            time.sleep(TICK)

    def _busy(self) -> str:
        """What is still going on, empty when nothing is."""
        with self.app.database.reading() as session:
            # The portal is asked: our own clock may be a moment old.
            if schedules.any_due(session, self._now()):
                return "a schedule is due"
            if runs.any_active(session):
                return "a run is active"
            if outbox.pending_connections(session, machine_now()):
                return "a write is waiting"
            if hooks.stored_hints(session):
                return "a webhook is waiting"
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
    with _portal(arguments) as described:
        environ = {
            **os.environ,
            "RETRO_HOME": str(folder),
            "RETRO_CLOCK": described["control"],
            "RETRO_ALLOW_PRIVATE_HOSTS": "1",
            "RETRO_PORT": str(free_port()),
            "RETRO_LANG": os.environ.get("RETRO_LANG", "fr"),
        }
        for name in ("RETRO_DATABASE_URL", "RETRO_REDIS_URL", "RETRO_SECRET_KEYS"):
            environ.pop(name, None)
        own = load_settings(environ)
        with _service(own, environ, folder / "service.log"):
            redis = Redis.from_url(redis_url(own.home))
            app = open_app(own, redis)
            # Made once: each client of httpx reads all certificate authorities.
            with httpx.Client(base_url=described["control"], timeout=10) as portal:
                try:
                    address = f"http://127.0.0.1:{own.port}"
                    yield Stage(app, portal, described["settings"], address, folder)
                finally:
                    app.close()


@contextmanager
def _portal(arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-m", "workers.demo.portal", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise CannotRun("The sandbox portal of the demo did not start.")
        described = json.loads(line)
        _wait_for(f"{described['control']}/clock", process, "The sandbox portal")
        yield described
    finally:
        _end(process)


@contextmanager
def _service(settings: Settings, environ: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # our own module
            [sys.executable, "-m", "workers", "run"],
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        try:
            _wait_for(f"http://127.0.0.1:{settings.port}/healthz", process, "The service")
            _wait_for_workers(settings, process)
            yield
        finally:
            _end(process)


def _wait_for(url: str, process: subprocess.Popen[Any], what: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(TICK)
    raise CannotRun(f"{what} of the demo did not come up; its log is under var/demo.")


def _wait_for_workers(settings: Settings, process: subprocess.Popen[Any]) -> None:
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


def _end(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
