"""Pulls and their moments: bounds, ties, what a watermark promises, leases, what a cursor means."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session, select

from connectors.models import Stream
from sync.store import cursors
from sync.store.database import Database
from sync.store.runs import LEASE, LeaseLost, Worker
from sync.tables.connections import Cursor
from sync.tables.runs import Mode, RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.portal import Mirrored, new_database, store_connection

BORIS = Worker("boris", 2)
PORTAL_TIME = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
# Just over ten pages of fifty, so that a share takes more than one request.
TWO_PAGES = 540


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path / "retro.db")
    yield database
    database.close()


@pytest.fixture(scope="module")
def still() -> Iterator[Sandbox]:
    """A portal whose clock stands still."""
    with sandbox(seed=7, records=TWO_PAGES, start_at=PORTAL_TIME, frozen=True) as running:
        yield running


@pytest.fixture
def mirrored(database: Database, still: Sandbox) -> Mirrored:
    set_clock(still, PORTAL_TIME)
    return Mirrored(database, still, store_connection(database, still))


def set_clock(portal: Sandbox, moment: datetime) -> None:
    body = {"now": moment.isoformat(), "running": False}
    httpx.put(f"{portal.base}/_sandbox/clock", json=body).raise_for_status()


def watermark(mirrored: Mirrored) -> datetime | None:
    with mirrored.database.reading() as session:
        return cursors.watermark(session, mirrored.feed(Stream.DEALS))


@pytest.mark.promise("G3")
def test_the_watermark_is_the_portals_clock_at_the_first_page(mirrored: Mirrored) -> None:
    def an_hour_passes(_read: int) -> None:
        set_clock(mirrored.portal, PORTAL_TIME + timedelta(hours=1))

    run = mirrored.pull(Stream.DEALS, on_page=an_hour_passes)
    assert run.requests == 2
    assert watermark(mirrored) == PORTAL_TIME


@pytest.mark.promise("G3")
def test_a_record_changed_exactly_at_the_bound_is_read(mirrored: Mirrored) -> None:
    mirrored.pull(Stream.DEALS)
    id_ = next(iter(mirrored.rows(Stream.DEALS)))
    bound = PORTAL_TIME - mirrored.connector().overlap
    set_clock(mirrored.portal, bound)
    mirrored.portal.edit("deals", id_, {"set": {"title": "À la limite"}})
    run = mirrored.pull(Stream.DEALS, Mode.INCREMENTAL)
    assert run.window_start == bound
    assert (run.read, run.updated) == (1, 1)
    assert mirrored.rows(Stream.DEALS)[id_].title == "À la limite"


@pytest.mark.promise("G3")
def test_ties_on_one_moment_are_not_lost_at_the_end_of_a_page_or_slice(mirrored: Mirrored) -> None:
    mirrored.pull(Stream.DEALS)
    set_clock(mirrored.portal, PORTAL_TIME + timedelta(hours=2))
    tied = sorted(mirrored.rows(Stream.DEALS), key=int)[:60]
    with httpx.Client(base_url=f"{mirrored.portal.base}/_sandbox/records/deals/") as client:
        for id_ in tied:
            client.post(id_, json={"set": {"title": "En même temps"}}).raise_for_status()
    run_id = mirrored.queue(Stream.DEALS, Mode.INCREMENTAL)
    assert mirrored.work(run_id, slice=timedelta(0)) is RunStatus.QUEUED
    assert mirrored.run(run_id).read == 50
    assert mirrored.work(run_id) is RunStatus.SUCCEEDED
    assert mirrored.run(run_id).updated == 60
    held = mirrored.rows(Stream.DEALS)
    assert {id_ for id_, row in held.items() if row.title == "En même temps"} == set(tied)


@pytest.mark.promise("G3")
def test_a_window_that_was_asked_for_leaves_no_gap_behind_it(mirrored: Mirrored) -> None:
    mirrored.pull(Stream.DEALS)
    edited, *_ = mirrored.rows(Stream.DEALS)
    set_clock(mirrored.portal, PORTAL_TIME + timedelta(days=4))
    mirrored.portal.edit("deals", edited, {"set": {"title": "Entre les deux"}})
    set_clock(mirrored.portal, PORTAL_TIME + timedelta(days=20))
    since = PORTAL_TIME + timedelta(days=18)
    later = mirrored.pull(Stream.DEALS, Mode.INCREMENTAL, since=since)
    assert (later.window_start, later.read) == (since, 0)
    assert watermark(mirrored) == PORTAL_TIME
    assert mirrored.pull(Stream.DEALS, Mode.INCREMENTAL).updated == 1
    assert mirrored.rows(Stream.DEALS)[edited].title == "Entre les deux"


@pytest.mark.promise("G3")
def test_a_window_that_reaches_back_over_the_watermark_moves_it_on(mirrored: Mirrored) -> None:
    mirrored.pull(Stream.DEALS)
    set_clock(mirrored.portal, PORTAL_TIME + timedelta(days=1))
    mirrored.pull(Stream.DEALS, Mode.INCREMENTAL, since=PORTAL_TIME - timedelta(days=1))
    assert watermark(mirrored) == PORTAL_TIME + timedelta(days=1)


@pytest.mark.promise("G3")
def test_a_first_pull_of_a_part_does_not_stand_for_the_whole(mirrored: Mirrored) -> None:
    mirrored.pull(Stream.DEALS, Mode.INCREMENTAL, since=PORTAL_TIME)
    run = mirrored.pull(Stream.DEALS, Mode.INCREMENTAL)
    assert (run.mode, run.complete) == (Mode.FULL, True)
    assert mirrored.rows(Stream.DEALS).keys() == mirrored.truth(Stream.DEALS).keys()


class Watched(Database):
    """Calls `after` behind every commit."""

    after: Callable[[], None]

    def commit(self, session: Session) -> None:
        super().commit(session)
        self.after()


@pytest.mark.promise("G1")
def test_what_lies_before_a_cursor_is_in_the_mirror(mirrored: Mirrored) -> None:
    """After each commit, as a crash there would leave it."""
    ids = {int(id_) for id_ in mirrored.truth(Stream.DEALS)}
    seen: list[int] = []
    outside = mirrored.database

    def compare() -> None:
        with outside.reading() as session:
            share = session.exec(select(Cursor).where(Cursor.partition == "all")).first()
        read = int(share.position or 0) if share else 0
        held = {int(id_) for id_ in mirrored_outside.rows(Stream.DEALS)}
        missing = {id_ for id_ in ids if id_ <= read} - held
        assert not missing
        seen.append(read)

    mirrored_outside = Mirrored(outside, mirrored.portal, mirrored.connection_id)
    run_id = mirrored.queue(Stream.DEALS)
    watched = Watched(outside.url)
    watched.after = compare
    inside = Mirrored(watched, mirrored.portal, mirrored.connection_id)
    inside.work(run_id)
    watched.close()
    assert len({read for read in seen if read}) == 2


@pytest.mark.promise("G9")
def test_a_worker_that_lost_its_run_writes_no_further_page(mirrored: Mirrored) -> None:
    run_id = mirrored.queue(Stream.DEALS)
    held: list[int] = []

    def boris_takes_it(read: int) -> None:
        held.append(len(mirrored.rows(Stream.DEALS)))
        if read < TWO_PAGES:
            mirrored.clock.advance(LEASE + timedelta(seconds=1))
            mirrored.take(run_id, BORIS)

    with pytest.raises(LeaseLost):
        mirrored.work(run_id, on_page=boris_takes_it)
    assert len(held) == 1
    assert len(mirrored.rows(Stream.DEALS)) == held[0] < TWO_PAGES
    run = mirrored.run(run_id)
    assert (run.status, run.host, run.read) == (RunStatus.RUNNING, "boris", held[0])
    assert mirrored.finish(run_id).complete is True
    assert mirrored.records(Stream.DEALS).keys() == mirrored.truth(Stream.DEALS).keys()
