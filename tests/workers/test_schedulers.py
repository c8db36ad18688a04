"""Any number of schedulers on one database: each schedule is due once, and a late one is told."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import load_settings
from connectors.models import Stream
from sync.store import connections, outbox, past_runs, runs, schedules
from sync.store.outbox import Intention
from sync.store.runs import Worker
from sync.store.schedules import Timing
from sync.tables.connections import Connection, ConnectionState
from sync.tables.outbox import Operation
from sync.tables.runs import PUSH, Mode, Run, RunStatus, Trigger
from sync.vault import new_key
from workers.app import App, open_app
from workers.clock import FixedClock
from workers.doorbell import ring_for_pushes
from workers.scheduler import IN_VAIN, Scheduler

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
QUARTER = Timing(every=timedelta(minutes=15))
STREAMS = tuple(stream.value for stream in Stream)


@pytest.fixture(params=["sqlite", "postgresql"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Business time stands still, so that what was claimed is not due again."""
    given = {
        "RETRO_HOME": str(tmp_path),
        "RETRO_SECRET_KEYS": new_key(),
        "RETRO_CLOCK": NOW.isoformat(),
    }
    if request.param == "postgresql":
        database = request.getfixturevalue("postgres_server").new_database()
        given["RETRO_DATABASE_URL"] = database.url
        database.close()
    return given


@pytest.fixture
def apps(environ: dict[str, str]) -> Iterator[list[App]]:
    """Two processes of one installation."""
    opened = [open_app(load_settings(environ)) for _ in range(2)]
    yield opened
    for app in opened:
        app.close()


def connect(app: App, late: timedelta = timedelta(0)) -> None:
    with app.database.writing() as session:
        row = Connection(
            name="portal", kind="bitrix24", settings={}, secrets=b"", sandbox=True, created_at=NOW
        )
        session.add(row)
        session.flush()
        for stream in STREAMS:
            schedules.set_schedule(session, row.id, stream, QUARTER, NOW - late)


def all_runs(app: App) -> list[Run]:
    with app.database.reading() as session:
        return list(past_runs.recent_runs(session))


@pytest.mark.promise("G10")
def test_two_schedulers_make_each_schedule_due_once(apps: list[App]) -> None:
    connect(apps[0])
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            list(pool.map(lambda app: Scheduler(app).tick(), apps))
    found = all_runs(apps[0])
    assert sorted(run.stream for run in found) == sorted(STREAMS)
    with apps[0].database.reading() as session:
        rows = schedules.all_schedules(session)
    assert {row.next_run_at for row in rows} == {NOW + timedelta(minutes=15)}


@pytest.mark.promise("G15")
def test_what_did_not_run_is_logged_once_when_it_runs_at_last(
    apps: list[App], caplog: pytest.LogCaptureFixture
) -> None:
    connect(apps[0], late=timedelta(hours=1))
    with caplog.at_level(logging.WARNING):
        for app in apps:
            Scheduler(app).tick()
    told = [each for each in caplog.messages if "did not run" in each]
    assert len(told) == len(STREAMS)
    assert "The schedule of portal: deals did not run: it was due at 2026-11-23 08:00 UTC." in told
    assert len(all_runs(apps[0])) == len(STREAMS)


@pytest.mark.promise("G11")
def test_a_reconcile_reads_everything_again_by_schedule(apps: list[App]) -> None:
    connect(apps[0])
    with apps[0].database.writing() as session:
        for row in schedules.all_schedules(session):
            night = Timing(cron="0 9 * * *", tz="UTC")
            hour_ago = NOW - timedelta(hours=1)
            schedules.set_schedule(
                session, row.connection_id, row.stream, night, hour_ago, Mode.FULL
            )
            schedules.turn_off(session, row.connection_id or 0, row.stream, Mode.INCREMENTAL)
    Scheduler(apps[0]).tick()
    found = all_runs(apps[0])
    assert {(run.mode, run.trigger) for run in found} == {(Mode.FULL, Trigger.SCHEDULE)}
    assert len(found) == len(STREAMS)


@pytest.mark.promise("G15")
@pytest.mark.parametrize("begun", [False, True], ids=["never taken", "lost"])
def test_a_schedule_whose_run_no_worker_takes_did_not_run(
    apps: list[App], begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, queued_at = apps[0], apps[0].database.now()
    connect(app)
    ticks = ((QUARTER.every or timedelta()) * n for n in range(5))
    for after in ticks:
        monkeypatch.setattr(app.database, "now", lambda at=queued_at + after: at)
        Scheduler(replace(app, clock=FixedClock(NOW + after))).tick()
        if begun and not after:
            take_all(app, queued_at)
    assert len(all_runs(app)) == len(STREAMS)
    with app.database.reading() as session:
        late = schedules.overdue(session, NOW + timedelta(hours=1))
        assert {row.stream for row in late} == set(STREAMS)
        assert schedules.overdue(session, NOW + timedelta(minutes=40)) == []


@pytest.mark.promise("G15")
@pytest.mark.parametrize(("waits", "late"), [(1, False), (IN_VAIN, True)])
def test_a_schedule_whose_run_waits_again_and_again_in_vain_did_not_run(
    apps: list[App], waits: int, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, at = apps[0], apps[0].database.now()
    connect(app)
    Scheduler(app).tick()
    take_all(app, at)
    with app.database.writing() as session:
        for run in past_runs.recent_runs(session):
            run.status, run.stalled = RunStatus.WAITING, waits
            run.waiting_until = at + timedelta(hours=2)
    for after in ((QUARTER.every or timedelta()) * n for n in range(1, 5)):
        monkeypatch.setattr(app.database, "now", lambda at=at + after: at)
        Scheduler(replace(app, clock=FixedClock(NOW + after))).tick()
    with app.database.reading() as session:
        told = schedules.overdue(session, NOW + timedelta(hours=1))
    assert bool(told) is late


def take_all(app: App, at: datetime) -> None:
    with app.database.writing() as session:
        for run in past_runs.recent_runs(session):
            assert run.id is not None
            assert runs.take_run(session, run.id, Worker("boris", 2), at)


def test_a_schedule_that_was_given_back_is_not_met_at_every_tick(
    apps: list[App],
) -> None:
    app = apps[0]
    connect(app)
    Scheduler(app).tick()
    met = []
    for seconds in range(900, 960):
        moment = NOW + timedelta(seconds=seconds)
        with app.database.reading() as session:
            met += [seconds] * schedules.any_due(session, moment)
        Scheduler(replace(app, clock=FixedClock(moment))).tick()
    assert met == [900, 901, 912, 923, 934, 945, 956]


@pytest.mark.parametrize("state", [ConnectionState.BROKEN, ConnectionState.PAUSED])
def test_a_connection_that_does_not_work_gets_no_push_until_it_does(
    apps: list[App], state: ConnectionState
) -> None:
    """Neither by the reconciler nor after an evaluation: it would end in failure each time."""
    app = apps[0]
    connect(app)
    with app.database.writing() as session:
        row = connections.connection_named(session, "portal")
        assert row.id is not None
        write = Intention("D", row.id, Operation.CREATE_TASK, "D", {}, [])
        outbox.intend(session, [write], app.database.now())
        row.state = state
        session.add(row)
    ring_for_pushes(app)
    Scheduler(app).reconcile()
    assert all_runs(app) == []
    with app.database.writing() as session:
        connections.connection_named(session, "portal").state = ConnectionState.ACTIVE
    Scheduler(app).reconcile()
    ring_for_pushes(app)
    assert [run.stream for run in all_runs(app)] == [PUSH]
