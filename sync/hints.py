"""Applies what a webhook hinted at: reads the named records again and takes them as they are."""

from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any

from connectors.capabilities import ConfirmsPresence, ReadsById
from connectors.port import Connector, Presence
from sync.store import mirror, runs
from sync.store.closings import correct_closings
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.store.runs import Lease, Progress
from sync.tables.runs import RunStatus


def read_again(
    database: Database,
    connector: Connector[Any],
    feed: Feed,
    lease: Lease,
    ids: Sequence[str],
    now: Callable[[], datetime],
) -> RunStatus:
    """Runs as the feed's run, so that no pull writes the same records meanwhile.

    Raises ConnectorError, LeaseLost.
    """
    started = monotonic()
    if not isinstance(connector, ReadsById):
        raise TypeError(f"{connector.kind} sends webhooks but reads nothing by id")
    page = connector.by_ids(feed.stream, ids)
    missing = sorted(set(ids) - {record.id for record in page.records})
    gone: list[str] = []
    if missing and isinstance(connector, ConfirmsPresence):
        presence = connector.presence(feed.stream, missing)
        gone = [id_ for id_ in missing if presence[id_] is Presence.DELETED]
    with database.writing() as session:
        saved = mirror.save_records(session, feed, page.records, run_id=lease.run_id, seen_at=now())
        correct_closings(session, feed, page.records)
        progress = Progress(
            read=len(page.records),
            created=saved.created,
            updated=saved.updated,
            unchanged=saved.unchanged,
            deleted=mirror.mark_deleted(session, feed, gone, now()),
            requests=page.requests + bool(missing),
        )
        runs.advance(session, lease, progress, now())
        runs.finish(session, lease, RunStatus.SUCCEEDED, now(), seconds=monotonic() - started)
    return RunStatus.SUCCEEDED
