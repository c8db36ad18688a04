"""Applies what a webhook hinted at: reads the named records again and takes them as they are."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlmodel import Session

from connectors.capabilities import ConfirmsPresence, ReadsById
from connectors.port import Connector, Presence
from sync.heartbeat import BEAT, heartbeat
from sync.store import cursors, mirror, runs
from sync.store.database import Database, again_after_conflict
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.store.runs import Lease
from sync.tables.runs import RunStatus


def read_again(
    database: Database,
    connector: Connector[Any],
    feed: Feed,
    lease: Lease,
    ids: Sequence[str],
    now: Callable[[], datetime],
    beat: timedelta = BEAT,
    at_end: Callable[[Session], None] = lambda _session: None,
) -> RunStatus:
    """Runs as the feed's run, so that no pull writes the same records meanwhile. A `beat` is how
    often its lease is renewed while the tool is waited for. What `at_end` does becomes true
    together with the end of the run.

    Raises ConnectorError, LeaseLost.
    """
    started = monotonic()
    if not isinstance(connector, ReadsById):
        raise TypeError(f"{connector.kind} sends webhooks but reads nothing by id")
    with heartbeat(database, lease, now, beat):
        page = connector.by_ids(feed.stream, ids)
        read = {record.id for record in page.records} | {record.id for record in page.refused}
        missing = sorted(set(ids) - read)
        gone: list[str] = []
        if missing and isinstance(connector, ConfirmsPresence):
            presence = connector.presence(feed.stream, missing)
            gone = [id_ for id_ in missing if presence[id_] is Presence.DELETED]

    def end() -> RunStatus:
        with database.writing() as session:
            runs.hold(session, lease)
            at = now()
            taken = take_in(session, feed, page.records, page.refused, run_id=lease.run_id, at=at)
            cursors.clear_set_aside(session, feed, gone)
            deleted = mirror.mark_deleted(session, feed, gone, at)
            progress = replace(taken, deleted=deleted, requests=page.requests + bool(missing))
            runs.advance(session, lease, progress, at)
            runs.finish(session, lease, RunStatus.SUCCEEDED, at, seconds=monotonic() - started)
            at_end(session)
        return RunStatus.SUCCEEDED

    return again_after_conflict(end)
