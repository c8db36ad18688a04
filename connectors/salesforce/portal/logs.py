"""What was changed and deleted between two moments, as far back as the org remembers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.salesforce.portal.context import Context
from connectors.salesforce.portal.errors import bad
from connectors.salesforce.portal.store import stamp

Document = dict[str, Any]
CHANGES_KEPT, DELETES_KEPT = timedelta(days=30), timedelta(days=15)
SHORTEST = timedelta(minutes=1)
# Transactions that are still open may bring changes of before this.
OPEN_SECONDS = 60


def updated(context: Context, kind: str) -> Document:
    start, end = _span(context, CHANGES_KEPT)
    rows = _changed(context, kind, start, end)
    ids = [one["Id"] for one in rows if not one["IsDeleted"]]
    return {"ids": ids, "latestDateCovered": _covered(context, end)}


def deleted(context: Context, kind: str) -> Document:
    start, end = _span(context, DELETES_KEPT)
    rows = [one for one in _changed(context, kind, start, end) if one["IsDeleted"]]
    return {
        "deletedRecords": [{"id": one["Id"], "deletedDate": one["SystemModstamp"]} for one in rows],
        "earliestDateAvailable": stamp((context.org.clock.now() - DELETES_KEPT).timestamp()),
        "latestDateCovered": _covered(context, end),
    }


def _changed(context: Context, kind: str, start: datetime, end: datetime) -> list[Document]:
    context.org.fields(kind)
    first, last = stamp(start.timestamp()), stamp(end.timestamp())
    seen = map(context.org.seen, context.org.store(kind).entries.values())
    return [one for one in seen if one is not None and first <= one["SystemModstamp"] < last]


def _span(context: Context, kept: timedelta) -> tuple[datetime, datetime]:
    context.only("start", "end")
    try:
        start, end = (
            datetime.fromisoformat(context.need(name)).astimezone(UTC) for name in ("start", "end")
        )
    except ValueError:
        raise bad("INVALID_REPLICATION_DATE", "start and end are moments") from None
    if end - start < SHORTEST:
        raise bad("INVALID_REPLICATION_DATE", "the range must be longer than one minute")
    if start < context.org.clock.now() - kept:
        raise bad("INVALID_REPLICATION_DATE", f"start is more than {kept.days} days back")
    return start, end


def _covered(context: Context, end: datetime) -> str:
    latest = context.org.clock.seconds() - OPEN_SECONDS
    return stamp(min(end.timestamp(), latest))
