"""How a pull ends before its end: cancelled between pages, or failed since it does not get on."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import repeat

import pytest

from connectors.bitrix24.connector import Bitrix24
from connectors.models import Stage, Stream
from connectors.port import Page, Partition, Window
from sync.progress import Estimate, estimate
from sync.pull import MOST_IDLE, MOST_LOST
from sync.store import cancelling, cursors
from sync.store.database import Database
from sync.store.runs import LEASE
from sync.tables.runs import Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import Hands, Sandbox, sandbox
from tests.portal import Mirrored

# Just over ten pages of fifty, so that a share takes more than one request.
TWO_PAGES = 540


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    with sandbox(seed=7, records=TWO_PAGES) as running:
        yield running


def cancel(mirrored: Mirrored, run_id: int) -> None:
    with mirrored.database.writing() as session:
        cancelling.cancel_run(session, run_id, mirrored.clock.now())


def open_shares(database: Database, mirrored: Mirrored) -> int:
    with database.reading() as session:
        return len(cursors.open_partitions(session, mirrored.feed(Stream.DEALS)))


def test_a_pull_that_is_cancelled_ends_behind_its_page_and_keeps_it(mirrored: Mirrored) -> None:
    run_id = mirrored.queue(Stream.DEALS)
    status = mirrored.work(run_id, on_page=lambda read: cancel(mirrored, run_id) if read else None)
    run = mirrored.run(run_id)
    assert status is run.status is RunStatus.CANCELLED
    assert 0 < len(mirrored.rows(Stream.DEALS)) == run.read <= TWO_PAGES
    assert (run.complete, run.error, run.lease_until) == (None, None, None)
    again = mirrored.pull(Stream.DEALS)
    assert (again.status, again.complete) == (RunStatus.SUCCEEDED, True)
    assert again.created == TWO_PAGES - run.read
    assert set(mirrored.records(Stream.DEALS)) == set(mirrored.truth(Stream.DEALS))


def test_a_pull_that_was_cancelled_between_slices_reads_no_further_page(mirrored: Mirrored) -> None:
    run_id = mirrored.queue(Stream.DEALS)
    mirrored.work(run_id, slice=timedelta(0))
    lease = mirrored.take(run_id)
    cancel(mirrored, run_id)
    asked = mirrored.portal.requests()
    assert mirrored.work(run_id, lease=lease) is RunStatus.CANCELLED
    assert mirrored.portal.requests() == asked
    assert open_shares(mirrored.database, mirrored) == 0


@pytest.mark.promise("G3")
def test_a_cancelled_pull_leaves_no_hole_behind_it(mirrored: Mirrored) -> None:
    """The watermark stays where the last whole pull ended."""
    mirrored.pull(Stream.DEALS)
    edited, *_ = mirrored.truth(Stream.DEALS)
    mirrored.portal.edit("deals", edited, {"set": {"title": "Pendant l'annulation"}})
    run_id = mirrored.queue(Stream.DEALS, Mode.INCREMENTAL)
    lease = mirrored.take(run_id)
    cancel(mirrored, run_id)
    assert mirrored.work(run_id, lease=lease) is RunStatus.CANCELLED
    assert mirrored.pull(Stream.DEALS, Mode.INCREMENTAL).updated == 1
    assert mirrored.rows(Stream.DEALS)[edited].title == "Pendant l'annulation"


class Endless(Bitrix24):
    """Tells no place from which to go on, and never ends."""

    def pipelines(self, window: Window, partition: Partition) -> Iterator[Page[Stage]]:
        return repeat(Page([], position=""))


@pytest.mark.promise("G15")
def test_a_cursor_that_does_not_move_in_two_slices_fails_the_run(mirrored: Mirrored) -> None:
    endless = Endless(mirrored.connector().config, Hands().wire())
    run_id = mirrored.queue(Stream.PIPELINES)
    for _ in range(MOST_IDLE - 1):
        assert mirrored.work(run_id, endless, slice=timedelta(0)) is RunStatus.QUEUED
    assert mirrored.work(run_id, endless, slice=timedelta(0)) is RunStatus.FAILED
    assert told(mirrored.run(run_id)) == ("NoProgress", "No progress: 2 slices ended where they")


class Circling(Bitrix24):
    """Two pages end at one place, and both bring something."""

    def pipelines(self, window: Window, partition: Partition) -> Iterator[Page[Stage]]:
        (first, *_) = super().pipelines(window, partition)
        return repeat(Page(first.records, position="1"))


@pytest.mark.promise("G3")
def test_a_listing_that_goes_round_in_circles_ends_the_run(mirrored: Mirrored) -> None:
    circling = Circling(mirrored.connector().config, Hands().wire())
    mirrored.portal.made.append(circling)
    run_id = mirrored.queue(Stream.PIPELINES)
    assert mirrored.work(run_id, circling, slice=timedelta(seconds=2)) is RunStatus.FAILED
    assert told(mirrored.run(run_id)) == ("BadResponse", "The tool's listing does not move on: t")


@pytest.mark.promise("G15")
def test_slices_that_move_are_no_alarm(mirrored: Mirrored) -> None:
    run_id = mirrored.queue(Stream.STAGE_CHANGES)
    slices = 1
    while mirrored.work(run_id, slice=timedelta(0)) is RunStatus.QUEUED:
        assert mirrored.run(run_id).idle == 0
        slices += 1
    assert slices > MOST_IDLE
    assert mirrored.run(run_id).status is RunStatus.SUCCEEDED


@pytest.mark.promise("G15")
def test_a_page_that_kills_each_of_its_workers_ends_the_run(mirrored: Mirrored) -> None:
    run_id = mirrored.queue(Stream.DEALS)
    for _ in range(MOST_LOST):
        mirrored.take(run_id)
        mirrored.clock.advance(LEASE * 2)
    assert mirrored.work(run_id) is RunStatus.FAILED
    assert told(mirrored.run(run_id)) == ("NoProgress", "No progress: 5 workers were lost at th")


def told(run: Run) -> tuple[str, str]:
    assert run.error is not None
    return run.error["kind"], run.error["message"][:38]


def test_a_full_pull_knows_how_far_it_has_come(mirrored: Mirrored) -> None:
    first = mirrored.pull(Stream.DEALS)
    assert (first.expected, estimate(first, mirrored.clock.now())) == (None, None)
    run_id = mirrored.queue(Stream.DEALS)
    mirrored.work(run_id, slice=timedelta(0))
    run = mirrored.run(run_id)
    assert 0 < run.read < TWO_PAGES
    mirrored.clock.advance(timedelta(seconds=run.read))
    left = float(TWO_PAGES - run.read)
    assert estimate(run, mirrored.clock.now()) == Estimate(run.read, TWO_PAGES, left)
    later = mirrored.pull(Stream.LEADS, Mode.INCREMENTAL)
    assert later.expected is None
