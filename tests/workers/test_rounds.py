"""Pulls of one connection that follow each other ask ahead together."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from config.settings import load_settings
from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.sandbox import settings
from connectors.models import Stream
from connectors.port import readable_streams
from sync.heartbeat import heartbeat
from sync.store import mirror, past_runs, runs
from sync.store.connections import connection_with
from sync.store.mirror import Feed
from sync.store.runs import Lease
from sync.tables.connections import ConnectionState
from sync.tables.runs import Mode, Run, RunStatus, Trigger
from sync.vault import new_key
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from workers import jobs
from workers.app import App, open_app
from workers.clock import machine_now
from workers.connecting import connect
from workers.pulling import cancel, pull_now
from workers.rereading import reread

# The fields of leads and deals, what changed in all streams, and the pipelines.
FEW = 5
PORTAL = 1


@pytest.fixture
def portal() -> Iterator[Sandbox]:
    with sandbox(seed=11, records=60) as running:
        yield running


@pytest.fixture
def app(tmp_path: Path, portal: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Everything of the portal was read once; what a job opens is this."""
    given = {"RETRO_HOME": str(tmp_path), "RETRO_SECRET_KEYS": new_key()}
    app = open_app(load_settings({**given, "RETRO_ALLOW_PRIVATE_HOSTS": "1"}))
    mapped = {"fields": {"contract": "UF_CRM_1747309879"}}
    connect(app, "bitrix24", "portal", {**settings(portal.options, portal.base), **mapped})
    pull_now(app, "portal")

    @contextmanager
    def opened(_work: str) -> Iterator[App]:
        yield app

    monkeypatch.setattr(jobs, "opened_app", opened)
    yield app
    app.close()


def queue(app: App, *streams: Stream, mode: Mode = Mode.INCREMENTAL) -> list[int]:
    with app.database.writing() as session:
        queued = [
            runs.queue_run(
                session,
                PORTAL,
                stream,
                mode=mode,
                trigger=Trigger.SCHEDULE,
                at=machine_now(),
            )
            for stream in streams
        ]
        return [run.id for run in queued if run.id is not None]


def ended(app: App, ids: list[int]) -> list[Run]:
    with app.database.reading() as session:
        return [runs.get_run(session, id_) for id_ in ids]


@pytest.mark.promise("G8")
def test_a_pull_of_all_streams_without_change_is_a_few_requests(app: App, portal: Sandbox) -> None:
    before = portal.requests()
    pulled = pull_now(app, "portal")
    sent = portal.requests() - before
    assert sent <= FEW
    # Those for the fields are of no page.
    assert sum(run.requests for run in pulled) == sent - 2
    assert {run.status for run in pulled} == {RunStatus.SUCCEEDED}


def test_a_job_reads_what_else_waits_for_its_connection(app: App, portal: Sandbox) -> None:
    deal = portal.records("deals")[0]["id"]
    portal.edit("deals", deal, {"set": {"opportunity": 77}})
    ids = queue(app, *readable_streams(Bitrix24))
    before = portal.requests()
    jobs.pull(ids[3])
    found = ended(app, ids)
    assert {run.status for run in found} == {RunStatus.SUCCEEDED}
    assert sum(run.updated for run in found) == 1
    assert portal.requests() - before <= FEW
    assert found[3].ended_at == min(run.ended_at for run in found if run.ended_at)


@pytest.mark.promise("G2")
def test_what_a_webhook_brings_is_not_overwritten_by_what_was_asked_before(
    app: App, portal: Sandbox
) -> None:
    """The webhook comes between the request and the pull of its stream: it waits for the pull, and
    reads again after it."""
    deal, later = (each["id"] for each in portal.records("deals")[:2])
    portal.edit("deals", deal, {"set": {"opportunity": 77}})
    taken: list[bool] = []

    def as_the_leads_begin(stream: str, _expected: int | None) -> None:
        if stream == Stream.STAGE_CHANGES:
            # All streams were asked ahead; that of the deals was read.
            portal.edit("deals", later, {"set": {"opportunity": 99}})
        if stream == Stream.LEADS:
            portal.edit("deals", deal, {"delete": True})
            taken.append(reread(app, Feed(PORTAL, Stream.DEALS), [deal], Trigger.HOOK))

    pull_now(app, "portal", on_run=as_the_leads_begin)
    assert taken == [False]
    assert reread(app, Feed(PORTAL, Stream.DEALS), [deal, later], Trigger.HOOK)
    with app.database.reading() as session:
        rows = {row.id: row for row in mirror.iterate_rows(session, Stream.DEALS)}
    assert rows[deal].deleted_at is not None
    assert rows[later].amount == 99


def test_a_connection_that_is_made_anew_meanwhile_is_read_by_its_new_settings(
    app: App, portal: Sandbox
) -> None:
    mapped = {"fields": {"other": "UF_CRM_1747309879"}}

    def as_the_leads_begin(stream: str, _expected: int | None) -> None:
        if stream == Stream.LEADS:
            connect(app, "bitrix24", "portal", {**settings(portal.options, portal.base), **mapped})

    statuses = [run.status for run in pull_now(app, "portal", on_run=as_the_leads_begin)]
    # To connect anew ends what was asked for with the old settings.
    assert RunStatus.CANCELLED in statuses
    pull_now(app, "portal")
    with app.database.reading() as session:
        extras = [row.extra for row in mirror.iterate_rows(session, Stream.DEALS)]
    assert {name for extra in extras for name in extra} == {"other"}


def test_a_stream_that_is_cancelled_before_its_turn_is_not_read(app: App) -> None:
    def cancel_the_tasks(stream: str, _expected: int | None) -> None:
        if stream == Stream.LEADS:
            with app.database.reading() as session:
                waiting = {run.stream: run.id for run in past_runs.recent_runs(session, 8)}
            cancel(app, waiting[Stream.TASKS] or 0)

    pulled = pull_now(app, "portal", on_run=cancel_the_tasks)
    assert [run.stream for run in pulled if run.status is RunStatus.CANCELLED] == [Stream.TASKS]
    with app.database.reading() as session:
        assert len(past_runs.recent_runs(session, 100)) == 2 * len(pulled)


def test_an_interrupted_pull_leaves_no_stream_waiting_that_it_had_not_begun(app: App) -> None:
    def interrupt(stream: str, _expected: int | None) -> None:
        if stream == Stream.LEADS:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_now(app, "portal", on_run=interrupt)
    with app.database.reading() as session:
        assert not past_runs.any_active(session)


@pytest.mark.promise("G9")
def test_a_slow_answer_to_what_is_asked_ahead_costs_no_lease(
    app: App, portal: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[Lease] = []
    often = partial(heartbeat, beat=timedelta(seconds=0.1))
    monkeypatch.setattr("workers.running.heartbeat", often)
    monkeypatch.setattr(
        "sync.heartbeat.renew_lease", lambda _session, lease, _at: renewed.append(lease)
    )
    monkeypatch.setattr("workers.running.run_pull", lambda _pull: RunStatus.SUCCEEDED)
    portal.faults({"do": "slow", "seconds": 0.5, "on": {"method": "batch", "nth": 1}})
    ids = queue(app, Stream.LEADS, Stream.DEALS)
    jobs.pull(ids[0])
    assert {lease.run_id for lease in renewed} == {ids[0]}


def test_a_job_leaves_full_pulls_to_jobs_of_their_own(app: App) -> None:
    deals, leads = queue(app, Stream.DEALS), queue(app, Stream.LEADS, mode=Mode.FULL)
    jobs.pull(deals[0])
    statuses = [run.status for run in ended(app, deals + leads)]
    assert statuses == [RunStatus.SUCCEEDED, RunStatus.QUEUED]
    jobs.pull(leads[0])
    assert ended(app, leads)[0].complete


def test_a_stream_that_fails_keeps_no_other_from_being_read(app: App, portal: Sandbox) -> None:
    ids = queue(app, Stream.PIPELINES, Stream.DEALS)
    fault = {"do": "wrong_json", "on": {"method": "batch", "nth": 3}}
    portal.faults(fault)
    jobs.pull(ids[0])
    statuses = [run.status for run in ended(app, ids)]
    assert statuses == [RunStatus.FAILED, RunStatus.SUCCEEDED]


def test_a_broken_connection_is_checked_before_each_stream(app: App, portal: Sandbox) -> None:
    with app.database.writing() as session:
        row = connection_with(session, PORTAL)
        row.state = ConnectionState.BROKEN
        session.add(row)
    portal.faults({"do": "expired_token", "on": {"method": "scope", "nth": 1}})
    ids = queue(app, Stream.LEADS, Stream.DEALS)
    jobs.pull(ids[0])
    statuses = [run.status for run in ended(app, ids)]
    assert statuses == [RunStatus.CANCELLED, RunStatus.SUCCEEDED]


def test_a_run_that_another_worker_holds_is_left_to_it(app: App) -> None:
    ids = queue(app, Stream.LEADS, Stream.DEALS)
    with app.database.writing() as session:
        runs.take_run(session, ids[1], runs.Worker("elsewhere", 1), machine_now())
    jobs.pull(ids[0])
    statuses = [run.status for run in ended(app, ids)]
    assert statuses == [RunStatus.SUCCEEDED, RunStatus.RUNNING]
    with app.database.reading() as session:
        assert past_runs.queued_beside(session, ids[0]) == {}
