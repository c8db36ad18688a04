"""A mirror worked on by hand: a database with a stored connection to any tool, and its runs."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlmodel import col, select

from connectors.models import Stream
from connectors.port import Connector
from sync.pull import Pull, run_pull
from sync.push import Push, run_push
from sync.store import mirror, runs
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.store.runs import LEASE, Lease, Worker
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Mode, Run, RunStatus, Trigger
from workers.clock import machine_now

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WORKER = Worker("anna", 1)
ENDED = (RunStatus.SUCCEEDED, RunStatus.INCOMPLETE, RunStatus.FAILED, RunStatus.CANCELLED)
# A run that needs more slices than this does not end.
MOST_SLICES = 60


@dataclass
class Clock:
    """Machine time, moved by hand."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def advance(self, by: timedelta) -> None:
        self.moment += by


class MachineClock(Clock):
    """Where the product itself is at work."""

    def now(self) -> datetime:
        return machine_now()


def active_runs(database: Database) -> list[Run]:
    with database.reading() as session:
        return list(session.exec(select(Run).where(col(Run.status).in_(ACTIVE_STATUSES))).all())


def new_database(path: Path) -> Database:
    # The file is made as in the product, for nobody else to read.
    database = Database(f"sqlite:///{path}")
    path.write_bytes(_empty())
    return database


@cache
def _empty() -> bytes:
    """A migrated database: migrating takes longer than most tests."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        database = Database(f"sqlite:///{path}")
        database.upgrade()
        database.close()
        return path.read_bytes()


class Mirror(ABC):
    """A worker with a database and machine time of its own; whose tool it is, a subclass says."""

    database: Database
    connection_id: int
    clock: Clock

    @abstractmethod
    def connector(self) -> Connector[Any]: ...

    def feed(self, stream: Stream) -> Feed:
        return Feed(self.connection_id, stream)

    def now(self) -> datetime:
        return self.clock.now()

    def at(self, moment: datetime) -> None:
        """A tool whose clock is set counts by it what may be asked of it: it goes on as well."""
        self.clock.moment = moment

    def queue(
        self,
        stream: str,
        mode: Mode = Mode.FULL,
        since: datetime | None = None,
        *,
        hook: bool = False,
    ) -> int:
        with self.database.writing() as session:
            run = runs.queue_run(
                session,
                self.connection_id,
                stream,
                mode=mode,
                trigger=Trigger.HOOK if hook else Trigger.MANUAL,
                at=self.clock.now(),
                since=since,
            )
            assert run.id is not None
            return run.id

    def take(self, run_id: int, worker: Worker = WORKER) -> Lease:
        lease = self.take_if_free(run_id, worker)
        assert lease is not None
        return lease

    def take_if_free(self, run_id: int, worker: Worker = WORKER) -> Lease | None:
        with self.database.writing() as session:
            return runs.take_run(session, run_id, worker, self.clock.now())

    def work(
        self,
        run_id: int,
        connector: Connector[Any] | None = None,
        lease: Lease | None = None,
        **options: Any,
    ) -> RunStatus:
        """One slice of a run, pull or push; `options` go to the pull or push."""
        connector = connector or self.connector()
        lease = lease or self.take(run_id)
        stream = self.run(run_id).stream
        if stream == PUSH:
            ours = self.connection_id
            push = Push(self.database, connector, ours, lease, self.clock.now, **options)
            return run_push(push)
        feed = self.feed(Stream(stream))
        # Few records stand for many here: each page is a commit, as with a tool of large ones.
        options = {"enough": 1, **options}
        return run_pull(Pull(self.database, connector, feed, lease, self.clock.now, **options))

    def finish(self, run_id: int) -> Run:
        """Later, with nobody at work on the run any more: work on it until it ends."""
        connector = self.connector()
        for _ in range(MOST_SLICES):
            if self.run(run_id).status in ENDED:
                return self.run(run_id)
            later = self.clock.moment + LEASE * 4
            self.at(max(later, self.run(run_id).waiting_until or later))
            self.work(run_id, connector)
        raise AssertionError(f"run {run_id} does not end: {self.run(run_id)!r}")

    def pull(self, stream: Stream, mode: Mode = Mode.FULL, **options: Any) -> Run:
        since = options.pop("since", None)
        run_id = self.queue(stream, mode, since)
        self.work(run_id, **options)
        return self.run(run_id)

    def run(self, run_id: int) -> Run:
        with self.database.reading() as session:
            return runs.get_run(session, run_id)

    def rows(self, stream: Stream) -> dict[str, Any]:
        """Mirror rows by id, deleted ones too."""
        with self.database.reading() as session:
            return {row.id: row for row in mirror.iterate_rows(session, stream, self.connection_id)}

    def count_changes(self) -> int:
        with self.database.reading() as session:
            return mirror.count_changes(session)
