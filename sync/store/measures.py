"""What KPIs are computed from: counts and sums per slice, one query per table.

Days are local days of the workspace, half-open. A measure that no row holds is left out: it was
not pulled, which is not zero.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, case, func, select
from sqlmodel import Session

from connectors.models import Group, LeadStatus, Stream
from sync.tables.columns import table_of
from sync.tables.connections import WHOLE_STREAM, Cursor
from sync.tables.mirror import CampaignStatsRow, EmailStatsRow, FormStatsRow, LeadRow

CAMPAIGN, FORM, EMAIL, LEAD, CURSOR = (
    table_of(model) for model in (CampaignStatsRow, FormStatsRow, EmailStatsRow, LeadRow, Cursor)
)
QUALIFIED = (LeadStatus.QUALIFIED.value, LeadStatus.CONVERTED.value)
TOTAL = ""


@dataclass(frozen=True)
class Scope:
    """What to count: days [start, end) in `tz`, one arm, and campaigns by a `*` pattern."""

    start: date
    end: date
    tz: str
    campaign: str | None = None
    group: Group = Group.TREATED

    def utc(self) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.tz)
        first, end = (datetime.combine(day, time.min, zone) for day in (self.start, self.end))
        return first.astimezone(UTC), end.astimezone(UTC)


@dataclass
class Sums:
    """Counts by measure, and spend by currency, of one slice."""

    counts: dict[str, int] = field(default_factory=dict)
    spend: dict[str, Decimal] = field(default_factory=dict)


def sums_by_campaign(session: Session, scope: Scope) -> dict[str, Sums]:
    """Sums of each campaign; leads without one are under the empty name."""
    found: dict[str, Sums] = defaultdict(Sums)
    for table, measures in DAILY:
        for campaign, *numbers in session.execute(_daily(table, measures, scope, True)):
            _add(found[campaign], measures, numbers)
    for campaign, *numbers in session.execute(_leads(scope, True)):
        _add(found[campaign or TOTAL], LEAD_MEASURES, numbers)
    for campaign, currency, amount in session.execute(_spend(scope, True)):
        found[campaign].spend[currency] = amount
    return dict(found)


def sums(session: Session, scope: Scope) -> Sums:
    """Sums over all campaigns of the scope. Leads count as zero once leads have been pulled."""
    total = Sums()
    for table, measures in DAILY:
        _add(total, measures, session.execute(_daily(table, measures, scope, False)).one())
    if _pulled(session, Stream.LEADS):
        _add(total, LEAD_MEASURES, session.execute(_leads(scope, False)).one())
    for currency, amount in session.execute(_spend(scope, False)):
        total.spend[currency] = amount
    return total


def first_days(session: Session, since: date, until: date) -> dict[str, date]:
    """The very first day with figures of each campaign that has any in [since, until)."""
    table = CAMPAIGN
    rows = session.execute(
        select(table.c.campaign, func.min(table.c.day).label("first_day"))
        .where(table.c.day < until, table.c.deleted_at.is_(None))
        .group_by(table.c.campaign)
        .having(func.max(table.c.day) >= since)
        .order_by(table.c.campaign)
    )
    return {row.campaign: row.first_day for row in rows}


# Measure names are those of the KPI catalogue.
LEAD_MEASURES = ("leads", "qualified_leads")
DAILY: Sequence[tuple[Table, dict[str, str]]] = (
    (CAMPAIGN, {"impressions": "impressions", "clicks": "clicks", "sessions": "sessions"}),
    (FORM, {"form_views": "views", "form_starts": "starts", "form_completions": "completions"}),
    (
        EMAIL,
        {"emails_delivered": "delivered", "emails_opened": "opened", "emails_clicked": "clicked"},
    ),
)


def _add(total: Sums, measures: Sequence[str] | dict[str, str], numbers: Any) -> None:
    total.counts.update(
        (name, int(number))
        for name, number in zip(measures, numbers, strict=True)
        if number is not None
    )


def _daily(table: Table, measures: dict[str, str], scope: Scope, by_campaign: bool) -> Any:
    columns = [func.sum(table.c[column]) for column in measures.values()]
    keys = [table.c.campaign] if by_campaign else []
    return select(*keys, *columns).where(*_days(table, scope)).group_by(*keys)


def _spend(scope: Scope, by_campaign: bool) -> Any:
    keys = [CAMPAIGN.c.campaign, CAMPAIGN.c.currency] if by_campaign else [CAMPAIGN.c.currency]
    return (
        select(*keys, func.sum(CAMPAIGN.c.spend))
        .where(*_days(CAMPAIGN, scope), CAMPAIGN.c.spend.is_not(None))
        .group_by(*keys)
    )


def _days(table: Table, scope: Scope) -> list[ColumnElement[bool]]:
    return [
        table.c.day >= scope.start,
        table.c.day < scope.end,
        table.c.group == scope.group.value,
        table.c.deleted_at.is_(None),
        *_campaign(table.c.campaign, scope),
    ]


def _campaign(column: ColumnElement[str], scope: Scope) -> list[ColumnElement[bool]]:
    if scope.campaign is None:
        return []
    pattern = scope.campaign.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [column.like(pattern.replace("*", "%"), escape="\\")]


def _leads(scope: Scope, by_campaign: bool) -> Any:
    start, end = scope.utc()
    keys = [LEAD.c.utm_campaign] if by_campaign else []
    qualified = func.sum(case((LEAD.c.status_kind.in_(QUALIFIED), 1), else_=0))
    return (
        select(*keys, func.count(), func.coalesce(qualified, 0))
        .select_from(LEAD)
        .where(
            LEAD.c.created_at >= start,
            LEAD.c.created_at < end,
            LEAD.c.deleted_at.is_(None),
            *_campaign(LEAD.c.utm_campaign, scope),
        )
        .group_by(*keys)
    )


def _pulled(session: Session, stream: Stream) -> bool:
    return (
        session.execute(
            select(CURSOR.c.stream)
            .where(CURSOR.c.stream == stream.value, CURSOR.c.partition == WHOLE_STREAM)
            .limit(1)
        ).first()
        is not None
    )


def is_complete(session: Session, streams: Sequence[Stream], scope: Scope) -> bool:
    """Whether everything up to the end of the scope has been read.

    A listing is complete up to its watermark; daily figures up to the last day they hold.
    """
    _, end = scope.utc()
    return all(
        _daily_reaches(session, table, scope)
        if (table := DAILY_TABLES.get(stream)) is not None
        else _reaches(session, stream, end)
        for stream in streams
    )


DAILY_TABLES = {
    Stream.CAMPAIGN_STATS: CAMPAIGN,
    Stream.FORM_STATS: FORM,
    Stream.EMAIL_STATS: EMAIL,
}


def _reaches(session: Session, stream: Stream, end: datetime) -> bool:
    marks = session.execute(
        select(CURSOR.c.watermark).where(
            CURSOR.c.stream == stream.value, CURSOR.c.partition == WHOLE_STREAM
        )
    ).scalars()
    reached = [mark is not None and mark >= end for mark in marks]
    return bool(reached) and all(reached)


def _daily_reaches(session: Session, table: Table, scope: Scope) -> bool:
    last = session.execute(
        select(func.max(table.c.day)).where(
            table.c.deleted_at.is_(None), *_campaign(table.c.campaign, scope)
        )
    ).scalar_one()
    return last is not None and (scope.end - last).days <= 1
