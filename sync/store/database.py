"""The database: how it is opened, brought up to date, and how a unit of work begins and ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# SQLite waits this long for another process's write; a page commit takes milliseconds.
BUSY_MS = 30_000


class Database:
    """Hands out units of work. A write either commits whole or leaves nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self.engine.connect() as connection, Session(connection) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Commits at the end; any exception rolls everything back."""
        with self.engine.connect() as connection:
            # SQLite must take its write lock at BEGIN: a reader that turns writer cannot wait.
            connection = connection.execution_options(retro_writes=True)
            with Session(connection, expire_on_commit=False) as session:
                yield session
                self.commit(session)

    def commit(self, session: Session) -> None:
        """The one place where anything becomes true."""
        session.commit()

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to `revision`; an empty database gets them all."""
        # Not at the top: work horses and workers never migrate, and start in half the time.
        from alembic import command
        from alembic.config import Config

        with self.engine.connect() as connection:
            connection = connection.execution_options(retro_writes=True)
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            with connection.begin():
                command.upgrade(config, revision)

    def close(self) -> None:
        self.engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        _private_file(Path(parsed.database))
    engine = create_engine(parsed)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _private_file(path: Path) -> None:
    """It holds people's data. SQLite gives what it keeps beside it the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself, see _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("retro_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
