"""A mirror on a sandbox portal: a database with a stored connection, and runs worked on by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec
from sqlmodel import col, select

from connectors.bitrix24.connector import Bitrix24
from connectors.models import RECORDS, Record, Stream
from connectors.port import Connector
from sync.pull import Pull, run_pull
from sync.push import Push, run_push
from sync.rows import from_row
from sync.store import connections, mirror, runs
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.store.runs import LEASE, Lease, Worker
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Mode, Run, RunStatus, Trigger
from sync.vault import Vault, new_key
from tests.connectors.bitrix24.kit import Hands, Sandbox
from workers.clock import machine_now

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WORKER = Worker("anna", 1)
ENDED = (RunStatus.SUCCEEDED, RunStatus.INCOMPLETE, RunStatus.FAILED, RunStatus.CANCELLED)
# The portal tells its fields by their upperName; so they are mapped to themselves here.
CUSTOM = {name: name for name in ("UF_CRM_1747309879", "UF_CRM_1747309912")}
QUALIFIED = "PROCESSED"
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


def store_connection(
    database: Database, portal: Sandbox, name: str = "portal", key: str | None = None
) -> int:
    """The connection to this portal, as `retro connect` would leave it, sealed under `key`; its
    id."""
    with database.writing() as session:
        row = connections.save_connection(
            session,
            Vault([key or new_key()]),
            kind="bitrix24",
            name=name,
            config=portal.connector(fields=CUSTOM, qualified_stages=[QUALIFIED]).config,
            account="sandbox",
            sandbox=True,
            at=NOW,
        )
        assert row.id is not None
        return row.id


@dataclass
class Mirrored:
    """A worker with a portal, a database, and machine time of its own."""

    database: Database
    portal: Sandbox
    connection_id: int
    clock: Clock = field(default_factory=Clock)

    def connector(self, transport: httpx.BaseTransport | None = None) -> Bitrix24:
        plain = self.portal.connector(fields=CUSTOM, qualified_stages=[QUALIFIED])
        if transport is None:
            return plain
        made = Bitrix24(plain.config, Hands().wire(transport))
        self.portal.made.append(made)
        return made

    def feed(self, stream: Stream) -> Feed:
        return Feed(self.connection_id, stream)

    def now(self) -> datetime:
        return self.clock.now()

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
        return run_pull(Pull(self.database, connector, feed, lease, self.clock.now, **options))

    def finish(self, run_id: int) -> Run:
        """Later, with nobody at work on the run any more: work on it until it ends."""
        connector = self.connector()
        for _ in range(MOST_SLICES):
            if self.run(run_id).status in ENDED:
                return self.run(run_id)
            waits = self.run(run_id).waiting_until
            self.clock.advance(LEASE * 4)
            self.clock.moment = max(self.clock.moment, waits or self.clock.moment)
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

    def records(self, stream: Stream) -> dict[str, dict[str, Any]]:
        """What the mirror holds as alive, in the words of the portal's truth."""
        return {
            id_: plain(from_row(RECORDS[stream], row)) | closing(stream, row)
            for id_, row in self.rows(stream).items()
            if row.deleted_at is None
        }

    def truth(self, stream: Stream) -> dict[str, dict[str, Any]]:
        """What a right connector must hold, by id."""
        query = {
            Stream.LEADS: f"?qualified={QUALIFIED}&custom=all",
            Stream.DEALS: "?custom=all",
            Stream.CONTACTS: "?custom=all",
            Stream.TASKS: "?key=UF_RETRO_KEY",
        }.get(stream, "")
        found = (normal(stream, one) for one in self.portal.records(stream, query))
        return {one["id"]: one for one in found if one.get("entity") != "contacts"}


def closing(stream: Stream, row: Any) -> Mapping[str, Any]:
    """Stage history says when a deal ended, once it is known."""
    if stream is not Stream.DEALS or row.closed_at is None or row.final_at is None:
        return {}
    return {"closed_at": msgspec.to_builtins(row.final_at)}


def plain(record: Record) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(record)
    if values.get("amount") is not None:
        values["amount"] = f"{Decimal(values['amount']):.2f}"
    return values


def normal(stream: Stream, record: Mapping[str, Any]) -> dict[str, Any]:
    """The sandbox tells more than our records hold: deletes, the moment of what has not happened
    yet, and our own user field as a custom field of tasks."""
    found = {k: v for k, v in record.items() if k != "deleted_at"}
    if stream is Stream.ACTIVITIES and record["kind"] == "other" and not record["completed"]:
        found["at"] = None
    if stream is Stream.TASKS:
        found["extra"] = {}
    return found
