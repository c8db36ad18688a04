"""Figures of campaigns, a campaign a page and a row a day.

Campaigns have no search, and their figures change without their moment of change: so those that
were active in the window are asked again each time, day by day. Spend is told by item, and counts
on the day the item was entered.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from connectors.errors import BadResponse
from connectors.http import remote_now
from connectors.hubspot.rows import CampaignRow, MetricsAnswer, TotalsAnswer
from connectors.hubspot.wire import LIST_PAGE, Envelope, Hub
from connectors.models import CampaignStats, Group
from connectors.port import Page, RefusedRecord

FIELDS = ("hs_name", "hs_start_date", "hs_end_date", "hs_utm", "hs_currency_code")


def pages(
    hub: Hub, start: datetime | None, days: int, position: str
) -> Iterator[Page[CampaignStats]]:
    """Campaigns by their id, so that a read goes on where it stopped."""
    rows, refused, now, requests = _campaigns(hub)
    today = (now or datetime.now(UTC)).date()
    since = today - timedelta(days=days - 1)
    if start is not None:
        # What was told of a day may still be late on the day after.
        since = max(since, start.date() - timedelta(days=1))
    if not position:
        yield Page([], position="", refused=refused, remote_now=now, requests=requests)
    for row in sorted(rows, key=lambda one: one.id):
        if row.id > position:
            yield _page(hub, row, since, today, now)


def _page(
    hub: Hub, row: CampaignRow, since: date, today: date, now: datetime | None
) -> Page[CampaignStats]:
    try:
        first = max(since, _day(row.properties.get("hs_start_date")) or row.created_at.date())
        last = min(today, _day(row.properties.get("hs_end_date")) or today)
    except ValueError as error:
        raw = msgspec.json.encode(row).decode()
        return Page([], row.id, [RefusedRecord(row.id, str(error), raw)], now, 0)
    if first > last:
        return Page([], position=row.id, remote_now=now, requests=0)
    totals = hub.api.get(hub.campaigns(row.id, "budget", "totals")).decode(TotalsAnswer)
    spent: dict[date, Decimal] = {}
    for item in totals.spend_items:
        day = datetime.fromtimestamp(item.created_at / 1000, UTC).date()
        spent[day] = spent.get(day, Decimal()) + Decimal(bytes(item.amount).decode())
    records = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        shown = {"startDate": day.isoformat(), "endDate": day.isoformat()}
        found = hub.api.get(hub.campaigns(row.id, "reports", "metrics"), shown)
        records.append(_stats(row, day, found.decode(MetricsAnswer), spent.get(day), totals))
    return Page(records, position=row.id, remote_now=now, requests=len(records) + 1)


def _stats(
    row: CampaignRow,
    day: date,
    metrics: MetricsAnswer,
    spend: Decimal | None,
    totals: TotalsAnswer,
) -> CampaignStats:
    values = row.properties
    return CampaignStats(
        id=f"{day.isoformat()}:{row.id}",
        updated_at=None,
        day=day,
        campaign=values.get("hs_utm") or values.get("hs_name") or row.id,
        group=Group.TREATED,
        spend=spend,
        currency=None if spend is None else totals.currency_code,
        sessions=metrics.sessions,
        extra={
            "new_contacts_first_touch": metrics.new_contacts_first_touch,
            "new_contacts_last_touch": metrics.new_contacts_last_touch,
            "influenced_contacts": metrics.influenced_contacts,
        },
    )


def _campaigns(
    hub: Hub,
) -> tuple[list[CampaignRow], list[RefusedRecord], datetime | None, int]:
    rows: list[CampaignRow] = []
    refused: list[RefusedRecord] = []
    now, after, requests = None, None, 0
    while True:
        answer = hub.api.get(
            hub.campaigns(), {"limit": LIST_PAGE, "after": after, "properties": list(FIELDS)}
        )
        requests += 1
        now = now or remote_now(answer)
        envelope = answer.decode(Envelope)
        for raw in msgspec.json.decode(envelope.results, type=list[msgspec.Raw]):
            try:
                rows.append(msgspec.json.decode(raw, type=CampaignRow))
            except msgspec.MsgspecError as error:
                refused.append(RefusedRecord(None, str(error), bytes(raw).decode()))
        if envelope.after is None:
            return rows, refused, now, requests
        if envelope.after == after:
            raise BadResponse("The listing of campaigns does not move on.")
        after = envelope.after


def _day(text: str | None) -> date | None:
    """Days come as the midnight of theirs, or alone. Raises ValueError."""
    return date.fromisoformat(text[:10]) if text else None
