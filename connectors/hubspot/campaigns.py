"""Figures of campaigns, a campaign a page and a row a day.

Campaigns have no search, and their figures change without their moment of change: so those that
were active in the window are asked again each time, day by day. Spend is told by item, and counts
on the day the item was entered. A campaign in an unknown shape is set aside with all its days.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import Raw

from connectors.errors import BadResponse, NotFound
from connectors.http import remote_now
from connectors.hubspot.reading import id_of
from connectors.hubspot.rows import CampaignRow, MetricsAnswer, TotalsAnswer
from connectors.hubspot.wire import LIST_PAGE, Envelope, Hub
from connectors.models import CAMPAIGNS, CampaignStats, Group, entity_in, history_of
from connectors.port import Page, RefusedRecord

FIELDS = ("hs_name", "hs_start_date", "hs_end_date", "hs_utm", "hs_currency_code")


def pages(
    hub: Hub, start: datetime | None, days: int, position: str
) -> Iterator[Page[CampaignStats]]:
    """Campaigns by their id, so that a read goes on where it stopped."""
    rows, refused, now, requests = _campaigns(hub)
    today = (now or datetime.now(UTC)).date()
    since = _first(today, days)
    if start is not None:
        # What was told of a day may still be late on the day after.
        since = max(since, start.date() - timedelta(days=1))
    if not position:
        yield Page([], position="", refused=refused, remote_now=now, requests=requests)
    for row in sorted(rows, key=lambda one: one.id):
        if row.id > position:
            yield _page(hub, row, since, today, now)


def by_ids(hub: Hub, days: int, ids: Sequence[str]) -> Page[CampaignStats]:
    """Figures of days, by ids like `2026-11-23:<campaign>`; or of all days, of a campaign that was
    set aside."""
    wanted = frozenset(ids)
    found: list[CampaignStats] = []
    refused: list[RefusedRecord] = []
    requests = 0
    for guid in dict.fromkeys(guid for id_ in ids if (guid := _campaign_of(id_))):
        requests += 1
        try:
            answer = hub.api.get(hub.campaigns(guid), {"properties": list(FIELDS)})
        except NotFound:
            continue
        row = _read(answer.decode(Raw))
        if isinstance(row, RefusedRecord):
            refused.append(row)
            continue
        now = remote_now(answer)
        today = (now or datetime.now(UTC)).date()
        named = [day for id_ in wanted if _campaign_of(id_) == guid and (day := _day_of(id_))]
        is_whole = history_of(CAMPAIGNS, guid) in wanted
        since, until = (_first(today, days), today) if is_whole else (min(named), max(named))
        page = _page(hub, row, since, until, now)
        found += [one for one in page.records if is_whole or one.id in wanted]
        refused += page.refused
        requests += page.requests
    return Page(found, position="", refused=tuple(refused), requests=requests)


def _page(
    hub: Hub, row: CampaignRow, since: date, today: date, now: datetime | None
) -> Page[CampaignStats]:
    try:
        first = max(since, _day(row.properties.get("hs_start_date")) or row.created_at.date())
        last = min(today, _day(row.properties.get("hs_end_date")) or today)
    except ValueError as error:
        raw = msgspec.json.encode(row).decode()
        return Page([], row.id, [_aside(row.id, str(error), raw)], now, 0)
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
        for raw in msgspec.json.decode(envelope.results, type=list[Raw]):
            row = _read(raw)
            if isinstance(row, RefusedRecord):
                refused.append(row)
            else:
                rows.append(row)
        if envelope.after is None:
            return rows, refused, now, requests
        if envelope.after == after:
            raise BadResponse("The listing of campaigns does not move on.")
        after = envelope.after


def _read(raw: Raw) -> CampaignRow | RefusedRecord:
    try:
        return msgspec.json.decode(raw, type=CampaignRow)
    except msgspec.MsgspecError as error:
        return _aside(id_of(raw), str(error), bytes(raw).decode())


def _aside(guid: str | None, reason: str, raw: str) -> RefusedRecord:
    return RefusedRecord(None if guid is None else history_of(CAMPAIGNS, guid), reason, raw)


def _campaign_of(id_: str) -> str | None:
    """None for what is no id of figures or of a campaign."""
    entity = entity_in(id_)
    if entity is not None:
        return entity[1] if entity[0] == CAMPAIGNS else None
    return id_.partition(":")[2] if _day_of(id_) else None


def _day_of(id_: str) -> date | None:
    try:
        return date.fromisoformat(id_.partition(":")[0])
    except ValueError:
        return None


def _first(today: date, days: int) -> date:
    return today - timedelta(days=days - 1)


def _day(text: str | None) -> date | None:
    """Days come as the midnight of theirs, or alone. Raises ValueError."""
    return date.fromisoformat(text[:10]) if text else None
