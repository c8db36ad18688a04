"""A real Tryton server, made by the commands of the page that tells users how to try one.

Its database is made once for these pins and commands; each test process starts a server of its own
on a copy.
"""

import fcntl
import hashlib
import importlib.util
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from connectors.sandbox.runner import free_port
from connectors.tryton.connector import Tryton
from tests.conftest import ROOT
from tests.connectors.hands import Hands

PAGE = ROOT / "docs" / "tools" / "tryton.md"
SEED = ROOT / "docs" / "tools" / "tryton_seed.py"
SHELL, SEEDING, RETRO = re.findall(r"```(?:sh)?\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[:3]
ADDRESS, DATABASE, COPY = "127.0.0.1:8069", "retro", "kit"
SECONDS_TO_START = 30.0
_OPEN = ExitStack()


@dataclass
class Server:
    """`admin` calls as any client of Tryton does, by its other interface."""

    folder: Path
    base: str
    key: str
    process: subprocess.Popen[bytes]
    hands: Hands
    database: str = DATABASE

    @cached_property
    def admin(self) -> Any:
        password = (self.folder / "password").read_text()
        found = _seeding().Tryton(self.base, self.database, "admin", password)
        # Whoever makes records for a company says for which.
        found.context = {"company": 1}
        return found

    @cached_property
    def copy(self) -> "Server":
        """Another database on the same server, without opportunities; for who counts them all."""
        # A database is loaded by its first call, if that is one of this kind.
        url = f"{self.base}/{COPY}/rest/model/res.user"
        assert httpx.get(url, trust_env=False, timeout=60).status_code == 401
        return replace(self, database=COPY)

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"server": self.base, "database": self.database, "key": self.key, **more}

    def connector(self, transport: httpx.BaseTransport | None = None, **more: Any) -> Tryton:
        return Tryton(Tryton.Config(**self.settings(**more)), self.hands.wire(transport))

    def read(self, model: str, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
        """All of them, by the other interface."""
        order = [["id", "ASC"]]
        found: list[dict[str, Any]] = self.admin(
            f"{model}.search_read", domain, 0, None, order, fields
        )
        return found


@cache
def shared() -> Server:
    """One for all tests of a process, until `stop`."""
    folder = Path(_OPEN.enter_context(TemporaryDirectory(prefix="tryton")))
    return _OPEN.enter_context(running(folder))


def stop() -> None:
    _OPEN.close()
    shared.cache_clear()


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """`folder` is ours."""
    root = ROOT / "var" / "tryton"
    root.mkdir(parents=True, exist_ok=True)
    made = root / _digest()
    with (root / "lock").open("w") as lock:
        # Half a minute of work, which is the same as long as these stay the same.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _make(root / "making")
            (root / "making").rename(made)
    _shell(folder, "printf")
    for name in ("password", "key", "db"):
        source = made / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    _copy(folder / "db")
    key = (folder / "key").read_text().strip()
    with started(folder) as (base, process):
        yield Server(folder, base, key, process, Hands())


def _digest() -> str:
    said = (SHELL, SEEDING, SEED.read_text("utf-8"), (ROOT / "constraints.txt").read_text("utf-8"))
    return hashlib.sha256("".join(said).encode()).hexdigest()[:16]


def _copy(folder: Path) -> None:
    """Before the server starts: it remembers for a while which databases there are."""
    file = folder / f"{COPY}.sqlite"
    shutil.copy(folder / f"{DATABASE}.sqlite", file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DELETE FROM sale_opportunity")


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _shell(folder, "mkdir", "touch", "printf", "TRYTONPASSFILE=")
    with started(folder) as (base, _):
        command = SEEDING.replace("docs/tools/tryton_seed.py", str(SEED))
        command = command.replace(f"http://{ADDRESS}", base).replace("python3", sys.executable)
        subprocess.run(["bash", "-ec", command], cwd=folder, check=True)
    # What was committed last is in a file beside the database.
    with closing(sqlite3.connect(folder / "db" / f"{DATABASE}.sqlite")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def started(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The last command of the page, on a port that is free."""
    address = f"127.0.0.1:{free_port()}"
    config = folder / "trytond.conf"
    config.write_text(re.sub(r"(?m)^listen = .*", f"listen = {address}", config.read_text()))
    command = SHELL.splitlines()[-1].split()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        _wait(f"http://{address}", process, folder)
        yield f"http://{address}", process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(base: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Ready is who refuses a GET of nothing; the first call of the database loads it."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            answer = httpx.get(f"{base}/{DATABASE}/rest/model/res.user", trust_env=False)
            assert answer.status_code == 401
            return
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text()) from None
            time.sleep(0.1)


def _shell(folder: Path, *beginnings: str) -> None:
    """The lines of the page that begin so. The packages are those of our own environment."""
    programs = folder / "server"
    if not programs.exists():
        programs.symlink_to(sys.prefix)
    lines = [line for line in SHELL.splitlines() if line.startswith(beginnings)]
    done = subprocess.run(
        ["bash", "-ec", "\n".join(lines)], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


def _seeding() -> Any:
    spec = importlib.util.spec_from_file_location("tryton_seed", SEED)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
