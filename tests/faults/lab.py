"""The world of one process: a portal without sockets, and workers that die by an exception."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func
from sqlmodel import select

from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app
from connectors.errors import ConnectorError
from connectors.models import Stream
from sync.hints import read_again
from sync.merge import Contract, TaskField
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.store import outbox, runs
from sync.store.database import Database
from sync.store.runs import LEASE
from sync.tables.runs import PUSH, Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import Hands, Sandbox
from tests.faults.fuse import Fuse, FusedDatabase, FusedTransport, Killed
from tests.faults.in_process import NOWHERE, InProcess
from tests.faults.world import DEALS, SCOPES, World
from tests.portal import (
    CUSTOM,
    NOW,
    QUALIFIED,
    Mirrored,
    active_runs,
    new_database,
    store_connection,
)

MOST_ROUNDS = 40
DONE = (RunStatus.SUCCEEDED, RunStatus.INCOMPLETE)


@cache
def _shelf() -> "Shelf":
    return Shelf()


class Shelf:
    """The one file in which worlds follow each other: its engine remembers how statements are
    compiled. How they begin is made once for each portal and copied."""

    def __init__(self) -> None:
        self.folder = TemporaryDirectory(prefix="lab")
        self.file = Path(self.folder.name) / "retro.db"
        self.database = new_database(self.file)
        self.begun: dict[str, tuple[int, bytes]] = {}

    def world(self, portal: Sandbox, name: str) -> int:
        """Put the world of that name into the file as it begins; the id of its connection."""
        self._clear()
        if name not in self.begun:
            new_database(self.file).close()
            world = World(self.database, portal, store_connection(self.database, portal))
            world.sides.begin()
            self._clear()
            self.begun[name] = world.connection_id, self.file.read_bytes()
        connection_id, content = self.begun[name]
        self.file.write_bytes(content)
        return connection_id

    def _clear(self) -> None:
        """Closed by the last that had it open, everything is in the one file."""
        self.database.close()
        for file in self.file.parent.iterdir():
            if file != self.file:
                file.unlink()


class WorldInProcess(World):
    """`rest` is the newest REST version that the portal offers."""

    def __init__(self, seed: int, rest: int, contracts: Mapping[TaskField, Contract]) -> None:
        options = SandboxOptions(
            records=DEALS, seed=seed, limit="off", scopes=SCOPES[rest], start_at=NOW, frozen=True
        )
        self.transport = InProcess(create_app(options))
        portal = Sandbox(options, NOWHERE, transport=self.transport)
        shelf = _shelf()
        super().__init__(shelf.database, portal, shelf.world(portal, f"{seed} {rest}"))
        self.sides.agree(contracts)
        self.kills = 0

    def end(self) -> None:
        self.portal.http.close()
        self.transport.end()

    def wait(self, by: timedelta) -> None:
        self.clock.advance(by)
        moment = {"now": self.clock.moment.isoformat(), "running": False}
        self.portal.http.put("/_sandbox/clock", json=moment).raise_for_status()

    def work(self, stream: str, mode: Mode, killed_at: int | None) -> RunStatus | None:
        """One slice of a run, by a worker that dies at a point, or not; None when it died."""
        with self._worker(killed_at) as (mirrored, connector):
            lease = mirrored.take_if_free(mirrored.queue(stream, mode))
            status = None if lease is None else mirrored.work(lease.run_id, connector, lease)
            if stream == Stream.TASKS and status in DONE:
                self._reconcile(mirrored.database)
            return status
        return None

    def hear(self, stream: Stream, number: int, killed_at: int | None) -> None:
        """A webhook arrives, perhaps late or for the second time: a hint that a record changed. One
        that meets a run of its stream comes again later, or is lost with the pull that follows."""
        ids = sorted({*self.mirrored.rows(stream), *self.mirrored.truth(stream)})
        if not ids:
            return
        with self._worker(killed_at) as (mirrored, connector):
            if active_runs(mirrored.database):
                return
            lease = mirrored.take_if_free(mirrored.queue(stream, Mode.INCREMENTAL, hook=True))
            assert lease is not None
            some = [ids[number % len(ids)]]
            try:
                read_again(
                    mirrored.database, connector, mirrored.feed(stream), lease, some, mirrored.now
                )
            except ConnectorError:
                with mirrored.database.writing() as session:
                    runs.finish(session, lease, RunStatus.FAILED, mirrored.now(), seconds=0.0)
                return
            if stream is Stream.TASKS:
                self._reconcile(mirrored.database)

    @contextmanager
    def _worker(self, killed_at: int | None) -> Iterator[tuple[Mirrored, Bitrix24]]:
        """With a database and a connector of its own. It may die; then the block ends."""
        fuse = Fuse(killed_at or 10**9)
        database = FusedDatabase.sharing(self.database, fuse)
        mirrored = Mirrored(database, self.portal, self.connection_id, self.clock)
        plain = self.portal.connector(fields=CUSTOM, qualified_stages=[QUALIFIED])
        transport = FusedTransport(fuse, inner=self.transport)
        connector = Bitrix24(plain.config, Hands().wire(transport))
        try:
            yield mirrored, connector
        except Killed:
            self.kills += 1
        finally:
            connector.close()
            plain.close()

    def _reconcile(self, database: Database) -> None:
        with database.writing() as session:
            now = Now(self.clock.now(), self.clock.now())
            reconcile_tasks(session, self.connection_id, self.sides.meaning, now)

    def settle(self) -> None:
        """Faults stop; workers go on until nothing is left to do."""
        self.portal.faults()
        self._finish(Stream.DEALS, Mode.FULL)
        for _ in range(MOST_ROUNDS):
            self._finish(PUSH, Mode.PUSH)
            self._finish(Stream.TASKS, Mode.FULL)
            with self.database.reading() as session:
                if not outbox.has_unsent(session, self.connection_id):
                    return
        raise AssertionError("there is always something left to send")

    def _finish(self, stream: str, mode: Mode) -> None:
        before = self._last(stream)
        for _ in range(MOST_ROUNDS):
            self.wait(LEASE * 4 + timedelta(minutes=11))
            status = self.work(stream, mode, None)
            if status is RunStatus.SUCCEEDED and self._last(stream) != before:
                return
        raise AssertionError(f"{stream} does not come to an end")

    def _last(self, stream: str) -> int | None:
        """The run that was queued last: one that was under way before read what there was then."""
        with self.database.reading() as session:
            return session.exec(select(func.max(Run.id)).where(Run.stream == stream)).one()
