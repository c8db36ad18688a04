"""Looks over the machine and the installation, and says what is not as it should be."""

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from connectors.registry import unusable_tools
from rules.yaml_file import FileProblem
from sync.store.after_restore import last_restore
from sync.store.agreements import all_conflicts
from sync.store.connections import all_connections
from sync.store.cursors import all_set_aside
from sync.store.deletes import held_sets
from sync.store.monitor import monitored
from sync.store.outbox import LOOK_FIRST
from sync.store.past_runs import away
from sync.store.retros import problems
from sync.store.schedules import overdue
from sync.tables.connections import ConnectionState
from sync.tables.outbox import OutboxState
from sync.vault import SecretsUnreadable
from workers import library
from workers.app import App, open_app
from workers.clock import ClockUnreachable, business_clock
from workers.embedded import redis_url, server_binary
from workers.errors import CannotRun
from workers.instance import may_be_running
from workers.redis_trouble import redis_trouble
from workers.reports import not_reached

GIGABYTE = 10**9
# Or twice the database: it grows, and a restore has the old and the new one side by side.
LOW_DISK = GIGABYTE
STOPPED = (OutboxState.REFUSED, OutboxState.DEAD)


@dataclass(frozen=True)
class Finding:
    good: bool
    what: str
    found: str


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def examine(settings: Settings, free: Callable[[Path], int] = free_bytes) -> list[Finding]:
    return [
        Finding(True, "Python", sys.version.split()[0]),
        Finding(True, "SQLite", sqlite3.sqlite_version),
        *(Finding(False, f"tool {kind}", why) for kind, why in unusable_tools().items()),
        *_disk(settings, free),
        *_redis(settings),
        *_installation(settings),
        *_files(settings),
        *_clock(settings),
    ]


def _disk(settings: Settings, free: Callable[[Path], int]) -> Iterator[Finding]:
    """Only what is low: a full disk fails pulls and backups, and stops the embedded Redis. With a
    database and a Redis of one's own nothing here grows."""
    url = make_url(settings.database_url)
    file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    if file is None and settings.redis_url is not None:
        return
    folder = settings.home if file is None else file.parent
    if not folder.is_dir():
        return
    parts = [] if file is None else [file, file.with_name(f"{file.name}-wal")]
    size = sum(each.stat().st_size for each in parts if each.is_file())
    left, wanted = free(folder), max(LOW_DISK, 2 * size)
    if left < wanted:
        told = f"{_gigabytes(left)} are free in {folder}, {_gigabytes(wanted)} should be: make room"
        yield Finding(False, "disk", told)


def _gigabytes(size: int) -> str:
    return f"{size / GIGABYTE:.1f} GB"


def _redis(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url is None:
        try:
            yield Finding(True, "Redis", f"embedded, {server_binary().name}")
        except CannotRun as error:
            yield Finding(False, "Redis", str(error))
            return
        if not (settings.redis_socket.exists() and may_be_running(settings.home)):
            yield Finding(True, "service", "not running")
            return
    redis = Redis.from_url(settings.redis_url or redis_url(settings.home))
    try:
        version = redis.info("server")["redis_version"]
        yield Finding(True, "Redis server", f"answers, version {version}")
    except (RedisError, OSError) as error:
        yield Finding(False, "Redis server", redis_trouble(settings, error))
    finally:
        redis.close()


def _installation(settings: Settings) -> Iterator[Finding]:
    try:
        app = open_app(settings)
    except (SQLAlchemyError, CannotRun, OSError, ValueError) as error:
        yield Finding(False, "database", f"cannot be opened: {error}")
        return
    try:
        yield Finding(True, "database", app.database.engine.dialect.name)
        with app.database.reading() as session:
            rows = all_connections(session)
            unable = problems(session)
            unreached = {row.name: away(session, row) for row in rows}
        locked: SecretsUnreadable | None = None
        for row in rows:
            try:
                app.vault.open(row.secrets)
                gone = unreached[row.name]
                good = row.state is ConnectionState.ACTIVE and gone is None
                told = row.error["message"] if row.error else row.state.value
                shown = not_reached(row.name, gone) if gone else told
                yield Finding(good, f"connection {row.name}", shown)
            except SecretsUnreadable as error:
                locked = error
                yield Finding(False, f"connection {row.name}", "its secrets do not open")
        if locked is not None:
            yield Finding(False, "key ring", str(locked))
        for each in unable:
            yield Finding(False, f"rules on {each.about}", each.message)
        yield from _restored(app)
        yield from _schedules(app)
        yield from _waiting(app)
    finally:
        app.close()


def _restored(app: App) -> Iterator[Finding]:
    """As long as it shows: in what is asked of the tools, and in what they do not know of."""
    with app.database.reading() as session:
        last = last_restore(session)
    if last is not None and last.restored_at > app.database.now() - LOOK_FIRST:
        told = f"{last.restored_at:%F}, from a backup of {last.made_at:%F %H:%M} UTC"
        until = last.restored_at + LOOK_FIRST
        yield Finding(True, "restored", f"{told}; new tasks are looked up until {until:%F}")


def _schedules(app: App) -> Iterator[Finding]:
    """Those that did not run, told from the clock: there may be no scheduler alive to tell it."""
    try:
        now = app.clock.now()
    except ClockUnreachable:
        return
    with app.database.reading() as session:
        names = {row.id: row.name for row in all_connections(session)}
        late = overdue(session, now)
    for row in late:
        about = f"schedule {names.get(row.connection_id, '')} {row.stream}".replace("  ", " ")
        told = f"did not run: it was due at {row.next_run_at:%F %H:%M} UTC; start retro run"
        yield Finding(False, about, told)


def _waiting(app: App) -> Iterator[Finding]:
    """What waits for a person: no fault of the installation, and nobody else will settle it."""
    with app.database.reading() as session:
        deletes = sum(len(each.records) for each in held_sets(session))
        aside = len(all_set_aside(session))
        conflicts = len(all_conflicts(session))
        written = monitored(session).writes
    refused = sum(count for (_, state), count in written.items() if state in STOPPED)
    for count, what, command in (
        (deletes, "deletes that were held back", "retro quarantine"),
        (aside, "records that were set aside", "retro quarantine"),
        (conflicts, "conflicts", "retro conflicts"),
        (refused, "writes that do not go out", "retro outbox"),
    ):
        if count:
            yield Finding(True, "waits for you", f"{count} {what}: {command}")


def _files(settings: Settings) -> Iterator[Finding]:
    """The installation's own files, which everything the rules do depends on."""
    read = {
        "rules": library.rules_in_force,
        "KPI definitions": library.catalogue,
        "pay table": library.pay_table,
    }
    for what, reader in read.items():
        try:
            reader(settings)
            yield Finding(True, what, "readable")
        except (FileProblem, OSError) as error:
            yield Finding(False, what, str(error))


def _clock(settings: Settings) -> Iterator[Finding]:
    try:
        yield Finding(True, "business time", business_clock(settings.clock).now().isoformat())
    except ClockUnreachable as error:
        yield Finding(False, "business time", str(error))
