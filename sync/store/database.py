"""The database: how it is opened, brought up to date, and how a unit of work begins and ends."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from sync.store.server_clock import ServerClock

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# SQLite waits this long for another process's write; a page commit takes milliseconds.
BUSY_MS = 30_000
# PostgreSQL, in milliseconds. A statement takes this long only when something is wrong; a lock is
# waited for as long as on SQLite; a transaction left open keeps dead rows from being cleared.
STATEMENT_MS, LOCK_MS, IDLE_MS = 300_000, BUSY_MS, 600_000
# A worker uses two connections (its work and its heartbeat), the web one for each of its threads.
POOL = {"pool_size": 5, "max_overflow": 15, "pool_timeout": 10, "pool_recycle": 1800}
# A server that vanished without a word is noticed within a minute.
NETWORK = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# What passes by itself: the database is busy, restarts, or cannot be reached just now.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolExhausted)
# Two units of work that could not both go on; the one that was broken off may simply be repeated.
CONFLICTS = ("40001", "40P01")
MOST_TRIES = 5

T = TypeVar("T")


class Database:
    """Hands out units of work. A write either commits whole or leaves nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self._snapshots = self.engine
        self._clock = ServerClock(self._server_time)
        if self.engine.dialect.name == "postgresql":
            # As a reader of SQLite has it: all its queries see one state.
            self._snapshots = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self._snapshots.connect() as connection, Session(connection) as session:
            yield session

    @contextmanager
    def writing(self, *, outlasts_power: bool = False) -> Iterator[Session]:
        """Commits at the end; any exception rolls everything back.

        A process that dies loses no commit. The last ones on SQLite may be lost with the power,
        unless this one `outlasts_power`: then it, and all before it, are on the disk.
        """
        with self.engine.connect() as connection:
            # SQLite must take its write lock at BEGIN: a reader that turns writer cannot wait.
            connection = connection.execution_options(
                retro_writes=True, retro_outlasts_power=outlasts_power
            )
            with Session(connection, expire_on_commit=False) as session:
                yield session
                self.commit(session)

    def now(self) -> datetime:
        """The moment by the one clock that all who share this database have: the server's, or this
        machine's where it is a file. Leases and waits go by it."""
        if self.engine.dialect.name == "sqlite":
            return datetime.now(UTC)
        return self._clock.now()

    def _server_time(self) -> datetime:
        with self.engine.connect() as connection:
            moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)

    def commit(self, session: Session) -> None:
        """The one place where anything becomes true."""
        session.commit()

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to `revision`; an empty database gets them all."""
        if revision == "head" and self.revision() == newest_revision():
            # What migrates takes longer to load than most commands take.
            return
        with self.engine.connect() as connection:
            connection = connection.execution_options(retro_writes=True)
            with connection.begin():
                take_time(connection)
                upgrade_tables(connection, revision)

    def revision(self) -> str | None:
        """The revision of the tables; None when there are none yet."""
        with self.engine.connect() as connection:
            if not self.engine.dialect.has_table(connection, "alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def close(self) -> None:
        self.engine.dispose()


def take_time(connection: Connection) -> None:
    """For what changes the tables themselves: alone, and without limits of time. Processes of
    several machines start at once, and a large table takes its time."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        _take_lock(connection, "upgrade")


class NewerTables(Exception):
    """The tables are those of a newer version of this program."""


def upgrade_tables(connection: Connection, revision: str = "head") -> None:
    """Part of the caller's transaction. Raises NewerTables."""
    # Not at the top: work horses and workers never migrate, and start in half the time.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise NewerTables(
            "The tables of this database are of a newer version: install that one, or restore a "
            "backup that this one made."
        ) from error


def knows_revision(revision: str) -> bool:
    """Whether this version can bring tables of that revision up to date."""
    return revision in _revisions()


def newest_revision() -> str:
    """The revision of the tables that this version works with."""
    return max(_revisions())


@cache
def _revisions() -> frozenset[str]:
    """By the names of their files, which begin with them: Alembic would load each."""
    files = (MIGRATIONS / "versions").glob("[0-9]*.py")
    return frozenset(file.name.partition("_")[0] for file in files)


def one_at_a_time(session: Session, what: str) -> None:
    """From here to the end of the transaction nobody else is past this line for `what`; what they
    committed before is seen. SQLite gives that to every writer, PostgreSQL to whoever asks."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _take_lock(connection, what)


def _take_lock(connection: Connection, what: str) -> None:
    number = int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], signed=True)
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def again_after_conflict(work: Callable[[], T]) -> T:
    """Do a unit of work, again when the database broke it off for another one's sake."""
    for _ in range(MOST_TRIES - 1):
        try:
            return work()
        except DBAPIError as error:
            if not is_conflict(error):
                raise
    return work()


def is_conflict(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in CONFLICTS


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, connect_args=_connecting(parsed), **POOL)
    if parsed.database:
        _private_file(Path(parsed.database))
    engine = create_engine(parsed)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "invalidate", _leave_transaction)
    return engine


def _private_file(path: Path) -> None:
    """It holds people's data. SQLite gives what it keeps beside it the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)


def _connecting(url: URL) -> dict[str, str | int]:
    """How a server is connected to, where the address itself says nothing else."""
    limits = {
        "statement_timeout": STATEMENT_MS,
        "lock_timeout": LOCK_MS,
        "idle_in_transaction_session_timeout": IDLE_MS,
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    ours: dict[str, str | int] = {"application_name": "retro", "options": options, **NETWORK}
    return {name: value for name, value in ours.items() if name not in url.query}


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself, see _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("retro_writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    # What waits for the disk at each commit takes milliseconds: only what must not be lost does.
    level = "FULL" if options.get("retro_outlasts_power", True) else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous={level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _leave_transaction(
    connection: DBAPIConnection, _entry: ConnectionPoolEntry, _cause: BaseException | None
) -> None:
    # Ctrl-C amid a statement leaves a cursor in the frames of its traceback, and until that is
    # gone SQLite does not close the connection: its write lock would hold off our own next write.
    connection.rollback()
