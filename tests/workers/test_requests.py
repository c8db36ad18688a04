"""What becomes of a request for a pull: met by a run that is under way, or by one of its own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.settings import load_settings
from connectors.bitrix24.sandbox import settings
from connectors.models import Stream
from sync.store import connections, past_runs, runs, schedules
from sync.store.runs import LEASE, Worker
from sync.store.schedules import Timing
from sync.tables.runs import Mode, Run, RunStatus, Trigger
from sync.vault import new_key
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from workers.app import App, open_app
from workers.clock import FixedClock, machine_now
from workers.connecting import connect
from workers.pulling import cancel, pull_now
from workers.reports import run_history
from workers.running import work_on
from workers.scheduler import Scheduler

GONE = Worker("gone", 1)


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    with sandbox(seed=7, records=60) as running:
        yield running


@pytest.fixture
def app(tmp_path: Path, portal: Sandbox) -> Iterator[App]:
    given = {"RETRO_HOME": str(tmp_path), "RETRO_SECRET_KEYS": new_key()}
    app = open_app(load_settings({**given, "RETRO_ALLOW_PRIVATE_HOSTS": "1"}))
    connect(app, "bitrix24", "portal", settings(portal.options, portal.base))
    yield app
    app.close()


def portal_id(app: App) -> int:
    with app.database.reading() as session:
        row = connections.connection_named(session, "portal")
    assert row.id is not None
    return row.id


def begin(app: App, trigger: Trigger, ago: timedelta = timedelta(0)) -> int:
    """A run of the deals that a worker took a while ago; its id."""
    at = machine_now() - ago
    with app.database.writing() as session:
        run = runs.queue_run(
            session,
            portal_id(app),
            Stream.DEALS,
            mode=Mode.INCREMENTAL,
            trigger=trigger,
            at=at,
        )
        assert run.id is not None
        runs.take_run(session, run.id, GONE, at)
        return run.id


def all_runs(app: App) -> list[Run]:
    with app.database.reading() as session:
        return list(reversed(past_runs.recent_runs(session)))


@pytest.mark.promise("G9")
@pytest.mark.parametrize("full", [True, False], ids=["full", "incremental"])
def test_a_pull_that_meets_the_read_of_a_webhook_follows_it(app: App, full: bool) -> None:
    pull_now(app, "portal", [Stream.DEALS])
    lost = begin(app, Trigger.HOOK, ago=LEASE * 2)
    (run,) = pull_now(app, "portal", [Stream.DEALS], full=full)
    assert (run.trigger, run.status) == (Trigger.MANUAL, RunStatus.SUCCEEDED)
    assert run.mode is (Mode.FULL if full else Mode.INCREMENTAL)
    assert [each.id for each in all_runs(app)][-2:] == [lost, run.id]


@pytest.mark.promise("G9")
def test_a_full_pull_that_meets_an_incremental_one_follows_it(app: App) -> None:
    pull_now(app, "portal", [Stream.DEALS])
    begin(app, Trigger.SCHEDULE, ago=LEASE * 2)
    (run,) = pull_now(app, "portal", [Stream.DEALS], full=True)
    assert (run.mode, run.complete) == (Mode.FULL, True)
    modes = [Mode.FULL, Mode.INCREMENTAL, Mode.FULL]
    assert [each.mode for each in all_runs(app)] == modes


def test_a_request_that_the_run_under_way_serves_waits_for_its_end(app: App) -> None:
    pull_now(app, "portal", [Stream.DEALS])
    met = begin(app, Trigger.SCHEDULE, ago=LEASE * 2)
    (run,) = pull_now(app, "portal", [Stream.DEALS])
    assert (run.id, run.trigger) == (met, Trigger.SCHEDULE)


@pytest.mark.promise("G15")
def test_a_schedule_that_meets_the_read_of_a_webhook_stays_due(app: App) -> None:
    now = app.clock.now()
    hook = begin(app, Trigger.HOOK)
    daily = Timing(cron="0 6 * * *")
    with app.database.writing() as session:
        schedules.set_schedule(session, portal_id(app), Stream.DEALS, daily, now)
        schedules.due_now(session, now)
    Scheduler(app).tick()
    assert [each.id for each in all_runs(app)] == [hook]
    with app.database.writing() as session:
        lease = runs.Lease(hook, fence=1)
        runs.finish(session, lease, RunStatus.SUCCEEDED, machine_now(), seconds=0.0)
    later = Scheduler(replace(app, clock=FixedClock(now + schedules.MEET_AGAIN * 2)))
    later.tick()
    later.tick()
    assert [each.trigger for each in all_runs(app)] == [Trigger.HOOK, Trigger.SCHEDULE]


def test_a_defect_ends_the_run_and_is_told_without_what_it_quotes(app: App) -> None:
    with app.database.writing() as session:
        run = runs.queue_run(
            session,
            portal_id(app),
            Stream.DEALS,
            mode=Mode.FULL,
            trigger=Trigger.SCHEDULE,
            at=machine_now(),
        )
    assert run.id is not None

    def fail(_read: int) -> None:
        raise ZeroDivisionError("s3cret")

    with pytest.raises(ZeroDivisionError):
        work_on(app, run.id, fail)
    (ended,) = all_runs(app)
    assert (ended.status, ended.complete) == (RunStatus.FAILED, False)
    assert ended.error is not None
    assert (ended.error["kind"], ended.error["who"]) == ("Unexpected", "developer")
    assert "ZeroDivisionError in test_requests.py, line" in ended.error["message"]
    assert ended.error["next_step"]
    assert "s3cret" not in str(ended.error)
    (again,) = pull_now(app, "portal", [Stream.DEALS])
    assert (again.id != run.id, again.complete) == (True, True)


def test_settings_that_shape_records_end_the_pulls_that_read_by_the_old_ones(
    app: App, portal: Sandbox
) -> None:
    pull_now(app, "portal", [Stream.DEALS])
    old = begin(app, Trigger.SCHEDULE)
    given = settings(portal.options, portal.base)
    assert connect(app, "bitrix24", "portal", given | {"qualified_stages": "PROCESSED"}).reads_again
    with pytest.raises(runs.LeaseLost), app.database.writing() as session:
        runs.renew_lease(session, runs.Lease(old, fence=1), machine_now())
    (run,) = pull_now(app, "portal", [Stream.DEALS])
    assert (run.mode, run.complete) == (Mode.FULL, True)


@pytest.mark.promise("G1")
def test_a_pull_stopped_by_hand_says_so_and_the_next_one_goes_on_with_it(app: App) -> None:
    def stop(_read: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_now(app, "portal", [Stream.DEALS], on_page=stop)
    (stopped,) = all_runs(app)
    told = run_history(stopped, "portal", machine_now())
    assert (told["status"], told["worker"]) == ("queued", None)
    assert told["error"]["kind"] == "Interrupted"
    (run,) = pull_now(app, "portal", [Stream.DEALS])
    assert (run.id, run.status, run.error) == (stopped.id, RunStatus.SUCCEEDED, None)
    assert run_history(run, "portal", machine_now())["worker"] is not None


def test_a_pull_that_was_cancelled_between_slices_hands_nothing_on(app: App) -> None:
    """The next one would go on behind what it had read, and call the rest the whole."""

    def stop(_read: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_now(app, "portal", [Stream.DEALS], full=True, on_page=stop)
    (stopped,) = all_runs(app)
    assert stopped.id is not None
    assert stopped.read > 0
    cancel(app, stopped.id)
    (run,) = pull_now(app, "portal", [Stream.DEALS])
    assert run.id != stopped.id
    assert (run.mode, run.read, run.complete) == (Mode.FULL, 60, True)
