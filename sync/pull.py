"""Pulls one stream of one connection into the mirror, a page and its cursor at a time.

A pull goes on where the last commit left it, in whatever process: its window, its shares and the
ids it has seen are in the database. It ends in a certificate, or says what is missing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, repeat
from time import monotonic
from typing import Any

from sqlmodel import Session

from connectors.errors import (
    BadResponse,
    ConnectorError,
    NoProgress,
    RateLimited,
    Unavailable,
)
from connectors.models import Record
from connectors.port import Connector, Page, Partition, Window, read
from connectors.turns import side_by_side
from sync import health
from sync.certificate import Certificate, certify
from sync.gathering import ENOUGH, gathered
from sync.heartbeat import heartbeat
from sync.store import cursors, freshness, mirror, runs
from sync.store.database import Database, again_after_conflict
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.store.runs import Lease, Progress
from sync.tables.runs import Mode, RunStatus, Trigger

SLICE = timedelta(minutes=4)
# Between slices that found the tool down: a run that brings nothing for so long fails.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 90, 300, 600))
# So many slices that leave the cursor where it was are a failure: one would follow the other (G15).
MOST_IDLE = 2
# The same for workers that were lost before they brought anything. One or two may be chance, such
# as a restart; a page that kills whoever reads it does so each time.
MOST_LOST = 5


class Cancelled(Exception):
    """Somebody asked to end the run."""


@dataclass(frozen=True)
class Pull:
    """What a pull needs: the run's lease, and the effects. `now` is machine time, `enough` how many
    records of small pages are committed together. What `at_end` does becomes true together with
    the end of a pull that was read to its end: a worker that dies leaves both, or neither."""

    database: Database
    connector: Connector[Any]
    feed: Feed
    lease: Lease
    now: Callable[[], datetime]
    slice: timedelta = SLICE
    enough: int = ENOUGH
    on_page: Callable[[int], None] = lambda _read: None
    at_end: Callable[[Session], None] = lambda _session: None


def run_pull(pull: Pull) -> RunStatus:
    """Work on the run until it ends or its slice is over; returns the status it leaves.

    Raises LeaseLost when another worker has taken the run.
    """
    started = monotonic()
    try:
        with heartbeat(pull.database, pull.lease, pull.now) as lost:
            _check_may_go_on(pull)
            window = _window(pull)
            shares = _open_shares(pull)
            left = _read_pages(pull, window, shares, started, lost.is_set)
            if left:
                return _end_slice(pull, started, moved=left != shares)
            return _finish(pull, window, started)
    except Cancelled:
        return _cancel(pull, started)
    except RateLimited as error:
        return _wait_as_asked(pull, started, error)
    except Unavailable as error:
        return _wait_or_fail(pull, started, error)
    except ConnectorError as error:
        return _fail(pull, started, error)


def _check_may_go_on(pull: Pull) -> None:
    with pull.database.reading() as session:
        run = runs.get_run(session, pull.lease.run_id)
    if run.cancel:
        raise Cancelled
    if run.lost >= MOST_LOST:
        raise NoProgress(f"No progress: {run.lost} workers were lost at the same place.")


def _cancel(pull: Pull, started: float) -> RunStatus:
    """What was read stays, and the watermark stays where it was: the next pull reads from there."""
    with pull.database.writing() as session:
        cursors.forget_pull(session, pull.feed, pull.lease.run_id)
        seconds = monotonic() - started
        runs.finish(session, pull.lease, RunStatus.CANCELLED, pull.now(), seconds=seconds)
    return RunStatus.CANCELLED


def _fail(pull: Pull, started: float, error: ConnectorError) -> RunStatus:
    with pull.database.writing() as session:
        runs.hold(session, pull.lease)
        health.note_failure(session, pull.feed.connection_id, error)
        cursors.forget_pull(session, pull.feed, pull.lease.run_id)
        runs.finish(
            session,
            pull.lease,
            RunStatus.FAILED,
            pull.now(),
            seconds=monotonic() - started,
            complete=False,
            error=health.describe(session, pull.feed.connection_id, error),
        )
    return RunStatus.FAILED


def _wait_as_asked(pull: Pull, started: float, error: RateLimited) -> RunStatus:
    """The tool, or the budget of its account, says how long. That never fails; whoever waits for
    the run is told after some waits in a row (G15)."""
    now = pull.now()
    with pull.database.writing() as session:
        stalled = runs.get_run(session, pull.lease.run_id).stalled + 1
        runs.release(
            session,
            pull.lease,
            now,
            seconds=monotonic() - started,
            waiting_until=now + timedelta(seconds=error.retry_after),
            # An outage that follows is waited out as well, at least once.
            stalled=min(stalled, len(PAUSES) - 1),
            error=health.describe(session, pull.feed.connection_id, error),
        )
    return RunStatus.WAITING


def _wait_or_fail(pull: Pull, started: float, error: Unavailable) -> RunStatus:
    """A tool that is down for a while costs a pause, not what was read; each one in a row is
    longer. A person who asked is told at once, as long as nothing has come yet."""
    with pull.database.reading() as session:
        run = runs.get_run(session, pull.lease.run_id)
        told = health.describe(session, pull.feed.connection_id, error)
    nothing_to_lose = run.trigger is Trigger.MANUAL and run.read == 0
    if nothing_to_lose or run.stalled >= len(PAUSES):
        return _fail(pull, started, error)
    now = pull.now()
    with pull.database.writing() as session:
        runs.release(
            session,
            pull.lease,
            now,
            seconds=monotonic() - started,
            waiting_until=now + PAUSES[run.stalled],
            stalled=run.stalled + 1,
            error=told,
        )
    return RunStatus.WAITING


def window_start(session: Session, connector: Connector[Any], feed: Feed) -> datetime | None:
    """From where a pull reads by what changed; None when everything has to be read first."""
    mark = cursors.watermark(session, feed)
    return None if mark is None else mark - connector.overlap


def _window(pull: Pull) -> Window:
    """The window of the run: fixed at its first slice, the same in all later ones."""
    with pull.database.writing() as session:
        run = runs.get_run(session, pull.lease.run_id)
        if cursors.has_partitions(session, pull.feed):
            return Window(run.window_start)
        start = run.since
        if start is None and run.mode is not Mode.FULL:
            start = window_start(session, pull.connector, pull.feed)
        mode = Mode.FULL if start is None else Mode.INCREMENTAL
        expected = _expected(session, pull.feed) if mode is Mode.FULL else None
        runs.begin_window(session, pull.lease, mode=mode, window_start=start, expected=expected)
    window = Window(start)
    shares = pull.connector.partitions(pull.feed.stream, window)
    with pull.database.writing() as session:
        runs.advance(session, pull.lease, Progress(), pull.now())
        cursors.plan_partitions(session, pull.feed, shares)
    return window


def _expected(session: Session, feed: Feed) -> int | None:
    total = freshness.last_total(session, feed.connection_id, feed.stream)
    return total or mirror.count_records(session, feed) or None


def _open_shares(pull: Pull) -> Sequence[Partition]:
    with pull.database.reading() as session:
        return cursors.open_partitions(session, pull.feed)


def _read_pages(
    pull: Pull,
    window: Window,
    shares: Sequence[Partition],
    started: float,
    lost: Callable[[], bool],
) -> Sequence[Partition]:
    """Commit page after page; the shares that are left when the slice ended before the stream."""
    total = 0
    for share, page in side_by_side(_pages(pull, window, share) for share in shares):
        if lost():
            raise runs.LeaseLost(f"run {pull.lease.run_id} was not renewed in time")
        asked_to_end = again_after_conflict(partial(_commit_page, pull, window, share, page))
        if page is not None:
            total += len(page.records)
            pull.on_page(total)
        if asked_to_end:
            raise Cancelled
        # An empty page that ends where the share began only tells its end, which comes next.
        stands = page is not None and page.position and page.position == share.after
        if not stands and monotonic() - started > pull.slice.total_seconds():
            return _open_shares(pull)
    return ()


def _pages(
    pull: Pull, window: Window, share: Partition
) -> Iterator[tuple[Partition, Page[Record] | None]]:
    """The pages of a share, then None: the share has been read to its end.

    Built-in iterators, since a generator would keep its last page in memory while it waits.
    """
    pages = gathered(read(pull.connector, pull.feed.stream, window, share), pull.enough)
    return chain(zip(repeat(share), pages), ((share, None),))


def _commit_page(pull: Pull, window: Window, share: Partition, page: Page[Record] | None) -> bool:
    """Page, enumeration, counts and cursor become true together, or not at all (G1). True when
    somebody asked to end the run."""
    feed, run_id, now = pull.feed, pull.lease.run_id, pull.now()
    with pull.database.writing() as session:
        runs.hold(session, pull.lease)
        if page is None:
            asked_to_end = runs.advance(session, pull.lease, Progress(), now)
            cursors.save_position(session, feed, share.name, position=None, finished=True)
            return asked_to_end
        stands = page.position and page.position == cursors.position(session, feed, share.name)
        if stands and (page.records or page.refused):
            raise BadResponse("The tool's listing does not move on: two pages end at one place.")
        progress = take_in(session, feed, page.records, page.refused, run_id=run_id, at=now)
        if window.is_full:
            refused = [one.id for one in page.refused if one.id is not None]
            mirror.remember_seen(session, run_id, [*(r.id for r in page.records), *refused])
        progress = replace(progress, requests=page.requests)
        asked_to_end = runs.advance(session, pull.lease, progress, now, page.remote_now)
        cursors.save_position(session, feed, share.name, position=page.position)
        return asked_to_end


def _finish(pull: Pull, window: Window, started: float) -> RunStatus:
    """Certify a full pull, move the watermark on, and end the run."""
    judged = (
        certify(pull.database, pull.connector, pull.feed, pull.lease, pull.now)
        if window.is_full
        else None
    )
    return again_after_conflict(partial(_end, pull, window, judged, started))


def _end(pull: Pull, window: Window, judged: Certificate | None, started: float) -> RunStatus:
    with pull.database.writing() as session:
        runs.hold(session, pull.lease)
        run = runs.get_run(session, pull.lease.run_id)
        complete = judged.complete if judged else None
        succeeded = complete is not False
        if succeeded and run.remote_now is not None and _joins(session, pull, window):
            # Held back by the tool's index lag: what it did not show yet is read next time (G3).
            cursors.save_watermark(session, pull.feed, run.remote_now - pull.connector.lag)
        runs.finish(
            session,
            pull.lease,
            RunStatus.SUCCEEDED if succeeded else RunStatus.INCOMPLETE,
            pull.now(),
            seconds=monotonic() - started,
            complete=complete,
            certificate=judged.as_json() if judged else None,
        )
        if judged and succeeded:
            cursors.drop_not_seen_again(session, pull.feed, pull.lease.run_id)
        cursors.forget_pull(session, pull.feed, pull.lease.run_id)
        health.note_success(session, pull.feed.connection_id)
        pull.at_end(session)
    return RunStatus.SUCCEEDED if succeeded else RunStatus.INCOMPLETE


def _joins(session: Session, pull: Pull, window: Window) -> bool:
    """Whether nothing lies unread between what was read before and this window (G3)."""
    mark = cursors.watermark(session, pull.feed)
    return window.start is None or (mark is not None and window.start <= mark)


def _end_slice(pull: Pull, started: float, *, moved: bool) -> RunStatus:
    with pull.database.reading() as session:
        idle = 0 if moved else runs.get_run(session, pull.lease.run_id).idle + 1
    if idle >= MOST_IDLE:
        error = NoProgress(f"No progress: {idle} slices ended where they began.")
        return _fail(pull, started, error)
    now, seconds = pull.now(), monotonic() - started
    with pull.database.writing() as session:
        runs.release(session, pull.lease, now, seconds=seconds, idle=idle)
    return RunStatus.QUEUED
