"""`retro run`: everything on one machine, as processes that one supervisor keeps alive."""

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from config.log import configure_logging
from config.settings import Settings
from workers.app import open_app
from workers.embedded import RedisServer, redis_url
from workers.errors import CannotRun
from workers.instance import hold
from workers.ports import listen
from workers.processes import Supervisor
from workers.program import Program
from workers.queues import QUEUES

PAGE_WITHIN = 60.0
TICK = 0.05
WEB = [sys.executable, "-m", "web"]


class Page(Program):
    """The web page; it is up when its port takes a connection."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        super().__init__("web", WEB, environ)
        self._address = (settings.host, settings.port)

    def wait_until_ready(self, stop: Callable[[], bool] = lambda: False) -> None:
        deadline = time.monotonic() + PAGE_WITHIN
        while not self._answers() and not stop():
            if self.exited() is not None or time.monotonic() > deadline:
                raise CannotRun("The web page does not come up; the lines above say why.")
            time.sleep(TICK)

    def _answers(self) -> bool:
        try:
            socket.create_connection(self._address, timeout=1).close()
        except OSError:
            return False
        return True


def run_service(settings: Settings, started: Callable[[], None] = lambda: None) -> None:
    """Returns after Ctrl-C, when every process is gone; calls `started` once all are up. Raises
    CannotRun."""
    configure_logging(settings.log, str)
    with hold(settings.home, "retro run"):
        # Once everything runs, the page alone would be started again for ever.
        listen(settings.port).close()
        # Before anything else starts, so that processes do not race to upgrade the tables.
        open_app(settings).close()
        Supervisor(stages(settings)).run(started)


def become_web() -> None:
    """The pages are above us and are started by name, never imported."""
    os.execv(WEB[0], WEB)  # noqa: S606  # no shell is wanted


def stages(settings: Settings) -> Sequence[Sequence[Program]]:
    """Redis first where it is ours, then all that rings and answers."""
    # By name: what starts while Redis does not answer would else take it that there is none.
    environ = {
        **os.environ,
        "RETRO_HOME": str(settings.home),
        "RETRO_REDIS_URL": settings.redis_url or redis_url(settings.home),
    }
    workers = [
        Program(f"{queue} worker {number}", _retro("worker", "--queue", queue), environ)
        for queue in QUEUES
        for number in range(1, (settings.workers if queue == "pull" else 1) + 1)
    ]
    programs = [
        Program("scheduler", _retro("schedule-loop"), environ),
        Page(settings, environ),
        *workers,
    ]
    redis = [] if settings.redis_url else [[RedisServer(settings.home)]]
    return [*redis, programs]


def _retro(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "workers", *arguments]
