"""Pulls from a sandbox portal: the mirror holds what the portal holds, and knows that it does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.bitrix24.connector import Bitrix24
from connectors.budget import Budget
from connectors.models import Stream
from connectors.port import Window
from sync.pull import PAUSES
from sync.store.database import Database
from sync.tables.runs import Mode, RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.portal import Mirrored, new_database, store_connection
from workers.limits import MemoryLimiter

STREAMS = (
    *(Stream.PEOPLE, Stream.PIPELINES, Stream.CONTACTS, Stream.LEADS),
    *(Stream.DEALS, Stream.STAGE_CHANGES, Stream.ACTIVITIES),
)
# Just over ten pages of fifty, so that a share takes more than one request.
TWO_PAGES = 540


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    """For tests that do not change it."""
    with sandbox(seed=7, records=TWO_PAGES) as running:
        yield running


@pytest.fixture
def own_portal() -> Iterator[Sandbox]:
    with sandbox(seed=11, records=90) as running:
        yield running


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path / "retro.db")
    yield database
    database.close()


@pytest.fixture
def whole(database: Database, portal: Sandbox) -> Mirrored:
    return Mirrored(database, portal, store_connection(database, portal))


@pytest.fixture
def own(database: Database, own_portal: Sandbox) -> Mirrored:
    return Mirrored(database, own_portal, store_connection(database, own_portal))


def certificate(count: int, **differing: int) -> dict[str, object]:
    plain = {"set_aside": 0, "shortfall": 0, "hidden": 0, "held_back": 0, "kept": 0}
    counts = {"remote_count": count, "mirror_count": count, "ids_match": True}
    return {**counts, **plain, **differing}


@pytest.mark.promise("G11")
def test_a_full_pull_equals_the_portal_in_every_stream_and_field(whole: Mirrored) -> None:
    ended = {stream: whole.pull(stream) for stream in STREAMS}
    for stream, run in ended.items():
        truth = whole.truth(stream)
        assert truth
        assert whole.records(stream) == truth
        assert (run.status, run.complete) == (RunStatus.SUCCEEDED, True)
        assert run.certificate == certificate(len(truth))
        assert (run.read, run.created, run.updated) == (len(truth), len(truth), 0)


@pytest.mark.promise("G11")
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_deals_equal_the_portal_whatever_the_seed(database: Database, seed: int) -> None:
    with sandbox(seed=seed, records=300) as portal:
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        run = mirrored.pull(Stream.DEALS)
        mirrored.pull(Stream.STAGE_CHANGES)
        truth = mirrored.truth(Stream.DEALS)
        ids = sorted(map(int, truth))
        assert ids[-1] - ids[0] + 1 > len(ids) * 1.02
        assert mirrored.records(Stream.DEALS) == truth
        assert run.certificate == certificate(300)


@pytest.mark.promise("G11")
def test_shares_side_by_side_leave_no_gap_between_them(database: Database) -> None:
    with sandbox(seed=9, records=10_000) as portal:
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        shares = mirrored.connector().partitions(Stream.DEALS, Window())
        run = mirrored.pull(Stream.DEALS)
        assert len(shares) == 2
        assert set(mirrored.rows(Stream.DEALS)) == set(mirrored.truth(Stream.DEALS))
        assert run.certificate == certificate(10_000)


@pytest.mark.promise("G2")
def test_a_second_pull_writes_nothing(whole: Mirrored) -> None:
    whole.pull(Stream.DEALS)
    before = whole.rows(Stream.DEALS)
    for mode in (Mode.FULL, Mode.INCREMENTAL):
        asked = whole.portal.requests()
        run = whole.pull(Stream.DEALS, mode)
        assert (run.mode, run.status) == (mode, RunStatus.SUCCEEDED)
        assert (run.created, run.updated, run.deleted) == (0, 0, 0)
        assert whole.portal.requests() - asked <= 5
    assert whole.rows(Stream.DEALS) == before
    assert whole.count_changes() == 0


@pytest.mark.promise("G4")
@pytest.mark.parametrize("mode", [Mode.INCREMENTAL, Mode.FULL])
def test_what_changes_in_the_portal_is_found(own: Mirrored, mode: Mode) -> None:
    own.pull(Stream.DEALS)
    edited, deleted, hidden, *_ = own.truth(Stream.DEALS)
    own.portal.edit("deals", edited, {"set": {"opportunity": 77.5}})
    new = own.portal.edit("deals", "new", {"set": {"title": "Nouvelle affaire"}})
    own.portal.edit("deals", deleted, {"delete": True})
    own.portal.edit("deals", hidden, {"hide": True})
    run = own.pull(Stream.DEALS, mode)
    held = own.records(Stream.DEALS)
    assert (run.status, run.created, run.updated) == (RunStatus.SUCCEEDED, 1, 1)
    assert (held[edited]["amount"], held[new]["title"]) == ("77.50", "Nouvelle affaire")
    assert hidden in held
    if mode is Mode.FULL:
        assert deleted not in held
        assert own.rows(Stream.DEALS)[deleted].deleted_at == own.clock.now()
        assert (run.deleted, run.certificate) == (1, certificate(len(held), hidden=1))
    else:
        assert (deleted in held, run.deleted, run.complete) == (True, 0, None)


@pytest.mark.promise("G4")
def test_too_many_deletes_at_once_wait_for_a_person(own: Mirrored) -> None:
    own.pull(Stream.DEALS)
    before = own.records(Stream.DEALS)
    for id_ in list(before)[:20]:
        own.portal.edit("deals", id_, {"delete": True})
    run = own.pull(Stream.DEALS)
    assert (run.status, run.complete, run.deleted) == (RunStatus.INCOMPLETE, False, 0)
    assert run.certificate is not None
    assert run.certificate["held_back"] == 20
    assert own.records(Stream.DEALS) == before


@pytest.mark.promise("G1")
def test_a_slice_ends_queued_and_the_next_one_goes_on(whole: Mirrored) -> None:
    run_id = whole.queue(Stream.STAGE_CHANGES)
    for pages in (1, 2):
        assert whole.work(run_id, slice=timedelta(0)) is RunStatus.QUEUED
        assert 0 < whole.run(run_id).read <= 500 * pages
    assert whole.work(run_id) is RunStatus.SUCCEEDED
    run, truth = whole.run(run_id), whole.truth(Stream.STAGE_CHANGES)
    assert run.certificate == certificate(len(truth))
    assert (run.read, run.created) == (len(truth), len(truth))
    assert whole.records(Stream.STAGE_CHANGES) == truth


def test_a_long_wait_is_left_to_the_queue(own: Mirrored) -> None:
    limit = {"code": "OPERATION_TIME_LIMIT", "description": "Method is blocked"}
    fault = {"on": {"method": "crm.item.list", "nested": True}, "do": "error", **limit}
    own.portal.faults(fault)
    run = own.pull(Stream.DEALS)
    assert run.status is RunStatus.WAITING
    assert run.id is not None
    assert run.waiting_until is not None
    assert run.waiting_until > own.clock.now() + timedelta(minutes=1)
    own.portal.faults()
    own.clock.advance(run.waiting_until - own.clock.now())
    assert own.work(run.id) is RunStatus.SUCCEEDED
    assert own.run(run.id).certificate == certificate(90)


@pytest.mark.promise("G8")
def test_a_pull_whose_budget_is_used_up_for_long_frees_its_worker(own: Mirrored) -> None:
    limiter = MemoryLimiter(Budget("portal", burst=50, rate=2.0), lambda: 1000.0)
    limiter.refused(retry_after=300.0)
    plain = own.portal.connector(plan="standard")
    wire = replace(plain.wire, limiter=lambda _: limiter, bulk=True)
    run_id = own.queue(Stream.DEALS)
    asked = own.portal.requests()
    assert own.work(run_id, Bitrix24(plain.config, wire)) is RunStatus.WAITING
    run = own.run(run_id)
    assert run.waiting_until == own.clock.now() + timedelta(seconds=300)
    assert (run.lease_until, own.portal.requests()) == (None, asked)
    assert run.error is not None
    assert run.error["message"] == "The request budget is used up."
    own.clock.advance(timedelta(seconds=300))
    assert own.work(run_id) is RunStatus.SUCCEEDED


def test_a_command_that_fails_inside_a_batch_fails_the_run(whole: Mirrored) -> None:
    """An answer of status 200 with errors in it is not the end of the listing."""
    fault = {"on": {"method": "crm.item.list", "nested": True, "nth": 5}, "do": "error"}
    whole.portal.faults(fault | {"code": "QUERY_LIMIT_ODD", "description": "no"})
    run = whole.pull(Stream.DEALS)
    whole.portal.faults()
    assert (run.status, run.complete, run.certificate) == (RunStatus.FAILED, False, None)
    assert run.error is not None
    assert whole.rows(Stream.DEALS) == {}


# What a proxy before a portal that is down answers.
DOWN = {"do": "html"}


@pytest.mark.promise("G1")
def test_an_outage_costs_a_pause_and_not_what_was_read(own: Mirrored) -> None:
    run_id = own.queue(Stream.STAGE_CHANGES)
    own.work(run_id, slice=timedelta(0))
    read = own.run(run_id).read
    assert read > 0
    own.portal.faults(DOWN)
    assert own.work(run_id) is RunStatus.WAITING
    waiting = own.run(run_id)
    assert (waiting.read, waiting.error and waiting.error["kind"]) == (read, "Unavailable")
    assert waiting.waiting_until is not None
    own.portal.faults()
    own.clock.moment = waiting.waiting_until
    assert own.work(run_id) is RunStatus.SUCCEEDED
    run, truth = own.run(run_id), own.truth(Stream.STAGE_CHANGES)
    assert (run.read, run.certificate, run.error) == (len(truth), certificate(len(truth)), None)


@pytest.mark.promise("G15")
def test_a_run_that_finds_the_tool_down_time_after_time_waits_longer_and_fails(
    own: Mirrored,
) -> None:
    run_id = own.queue(Stream.STAGE_CHANGES)
    own.work(run_id, slice=timedelta(0))
    own.portal.faults(DOWN)
    waits = []
    while own.work(run_id) is RunStatus.WAITING:
        until = own.run(run_id).waiting_until
        assert until is not None
        waits.append(until - own.clock.now())
        own.clock.moment = until
    assert tuple(waits) == PAUSES == tuple(sorted(PAUSES))
    run = own.run(run_id)
    assert (run.status, run.complete) == (RunStatus.FAILED, False)
    assert run.error is not None
    assert run.error["kind"] == "Unavailable"
    assert len(own.rows(Stream.STAGE_CHANGES)) == run.read


def test_a_page_that_comes_through_ends_the_row_of_outages(own: Mirrored) -> None:
    run_id = own.queue(Stream.STAGE_CHANGES)
    own.work(run_id, slice=timedelta(0))
    own.portal.faults(DOWN)
    own.work(run_id)
    assert own.run(run_id).stalled == 1
    own.portal.faults()
    own.clock.advance(PAUSES[0])
    assert own.work(run_id, slice=timedelta(0)) is RunStatus.QUEUED
    assert own.run(run_id).stalled == 0


def test_who_asks_for_a_pull_is_told_at_once_that_the_tool_is_down(own: Mirrored) -> None:
    own.portal.faults(DOWN)
    assert own.pull(Stream.DEALS).status is RunStatus.FAILED
