"""A scheduler by itself: what it rings for, and what it says of itself."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from config.settings import load_settings
from connectors.models import Stream
from connectors.port import HookEvent
from sync.store import hooks, outbox, past_runs, runs, schedules
from sync.store.outbox import Intention
from sync.store.runs import LEASE, Worker
from sync.store.schedules import Timing
from sync.tables.connections import Connection, ConnectionState, Missed, Schedule
from sync.tables.outbox import Operation
from sync.tables.runs import PUSH, Mode, Run, Trigger
from workers.app import App, open_app
from workers.queues import QUEUES, counts
from workers.readiness import living
from workers.scheduler import RECONCILE_SECONDS, TICK_SECONDS, Scheduler

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
QUARTER = Timing(every=timedelta(minutes=15))


class Rounds(threading.Event):
    """Ends a scheduler after so many rounds, without the waits between them."""

    def __init__(self, many: int) -> None:
        super().__init__()
        self.left = many

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        if self.left == 0:
            self.set()
        return self.is_set()


class Watched(Rounds):
    """Notes after each round who says that it lives."""

    def __init__(self, many: int, redis: Redis) -> None:
        super().__init__(many)
        self.redis = redis
        self.seen: list[list[str]] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seen.append(living(self.redis))
        return super().wait(timeout)


@pytest.fixture
def app(home: Path, redis: Redis, bare_environ: pytest.MonkeyPatch) -> Iterator[App]:
    given = {"RETRO_HOME": str(home), "RETRO_CLOCK": NOW.isoformat()}
    with closing(open_app(load_settings(given), redis)) as opened:
        yield opened


@pytest.fixture
def connection_id(app: App) -> int:
    with app.database.writing() as session:
        row = Connection(
            name="portal", kind="bitrix24", settings={}, secrets=b"", sandbox=True, created_at=NOW
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id


def leave_work(app: App, connection_id: int) -> None:
    """One thing for each queue, as in the database of a service that was killed."""
    long_ago = app.database.now() - 3 * LEASE
    event = HookEvent(Stream.DEALS, ["1"], dedupe="x")
    write = Intention("D", connection_id, Operation.CREATE_TASK, "D", {}, [])
    with app.database.writing() as session:
        run = runs.queue_run(
            session,
            connection_id,
            Stream.DEALS,
            mode=Mode.FULL,
            trigger=Trigger.SCHEDULE,
            at=long_ago,
        )
        assert run.id is not None
        assert runs.take_run(session, run.id, Worker("gone", 1), long_ago) is not None
        assert hooks.store_hint(session, connection_id, event, long_ago) is not None
        outbox.intend(session, [write], long_ago)
        schedules.ensure_rules(session, timedelta(minutes=15), NOW)


def rung(app: App) -> dict[str, int]:
    assert app.redis is not None
    return {name: each.waiting for name, each in counts(app.redis).items()}


def all_runs(app: App) -> list[Run]:
    with app.database.reading() as session:
        return list(past_runs.recent_runs(session))


@pytest.mark.promise("G10")
def test_whatever_lies_in_the_database_is_rung_for_in_an_empty_redis(
    app: App, connection_id: int
) -> None:
    leave_work(app, connection_id)
    Scheduler(app).tick()
    assert app.redis is not None
    for _ in range(2):
        app.redis.flushall()
        Scheduler(app).reconcile()
        assert rung(app) == dict.fromkeys(QUEUES, 1)


@pytest.mark.promise("G10")
def test_a_worker_that_is_lost_right_after_a_look_costs_less_than_a_minute() -> None:
    assert LEASE.total_seconds() + RECONCILE_SECONDS + TICK_SECONDS < 60


@pytest.mark.promise("G10")
@pytest.mark.parametrize(("ago", "hints"), [(0.0, 0), (RECONCILE_SECONDS, 1)])
def test_it_looks_for_what_lies_there_every_fifteen_seconds(
    app: App, connection_id: int, ago: float, hints: int
) -> None:
    leave_work(app, connection_id)
    Scheduler(app, reconciled_at=time.monotonic() - ago).run(Rounds(1))
    assert rung(app)["hooks"] == hints


def test_what_becomes_due_is_rung_for_at_once(app: App, connection_id: int) -> None:
    with app.database.writing() as session:
        schedules.set_schedule(session, connection_id, Stream.DEALS, QUARTER, NOW)
        schedules.ensure_rules(session, timedelta(minutes=15), NOW)
    Scheduler(app).tick()
    assert rung(app) == {"hooks": 0, "push": 0, "pull": 1, "rules": 1}


def test_it_says_that_it_lives_until_it_has_ended(app: App) -> None:
    assert app.redis is not None
    stop = Watched(1, app.redis)
    Scheduler(app).run(stop)
    assert stop.seen == [["scheduler"]]
    assert living(app.redis) == []


def test_trouble_with_a_server_is_logged_once_and_so_is_its_end(
    app: App, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = Redis(unix_socket_path=str(home / "nobody.sock"))
    scheduler = Scheduler(app)
    with closing(away), caplog.at_level(logging.WARNING):
        scheduler.app = replace(app, redis=away)
        scheduler.run(Rounds(3))
        scheduler.app = app
        scheduler.run(Rounds(2))
    waits, goes_on = caplog.messages
    assert waits.startswith("The scheduler waits: ")
    assert goes_on == "The scheduler goes on."


@pytest.mark.parametrize(
    ("state", "pulls"), [(ConnectionState.PAUSED, 0), (ConnectionState.BROKEN, 1)]
)
def test_a_paused_connection_is_left_alone_and_a_broken_one_may_heal(
    app: App, connection_id: int, state: ConnectionState, pulls: int
) -> None:
    with app.database.writing() as session:
        session.get_one(Connection, connection_id).state = state
        schedules.set_schedule(session, connection_id, Stream.DEALS, QUARTER, NOW)
    Scheduler(app).tick()
    assert len(all_runs(app)) == pulls


def test_a_schedule_of_pushes_pushes(app: App, connection_id: int) -> None:
    with app.database.writing() as session:
        schedules.set_schedule(session, connection_id, PUSH, QUARTER, NOW)
    Scheduler(app).tick()
    assert [(run.stream, run.mode) for run in all_runs(app)] == [(PUSH, Mode.PUSH)]


@pytest.mark.promise("G15")
def test_what_is_due_too_late_since_the_clock_was_set_back_is_due_at_once(
    app: App, connection_id: int
) -> None:
    with app.database.writing() as session:
        schedules.set_schedule(session, connection_id, Stream.DEALS, QUARTER, NOW)
        (row,) = schedules.all_schedules(session)
        session.get_one(Schedule, row.id).next_run_at = NOW + timedelta(hours=2)
    Scheduler(app).tick()
    assert all_runs(app) == []
    Scheduler(app).reconcile()
    Scheduler(app).tick()
    assert len(all_runs(app)) == 1


def test_a_schedule_that_is_to_skip_what_it_missed_skips_it(app: App, connection_id: int) -> None:
    skips = replace(QUARTER, missed=Missed.SKIP)
    with app.database.writing() as session:
        schedules.set_schedule(
            session, connection_id, Stream.DEALS, skips, NOW - timedelta(hours=1)
        )
        schedules.set_schedule(
            session, connection_id, Stream.LEADS, QUARTER, NOW - timedelta(hours=1)
        )
    Scheduler(app).tick()
    assert [run.stream for run in all_runs(app)] == [Stream.LEADS]
