"""What KPIs are computed from: counts and sums per slice, one query per table.

Days are local days of the workspace, half-open. A measure that no row holds is left out: it was
not pulled, which is not zero. Leads are the exception: once they were pulled, a campaign without
one has none. Campaigns are told apart by their exact names; "" is the slice of what has none.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
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


@dataclass(frozen=True)
class Scope:
    """What to count: days [start, end) in `tz` and one arm, of all campaigns, of the one named
    `campaign`, or of those that fit `pattern`."""

    start: date
    end: date
    tz: str
    campaign: str | None = None
    group: Group = Group.TREATED
    pattern: str | None = None

    def utc(self) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.tz)
        first, end = (datetime.combine(day, time.min, zone) for day in (self.start, self.end))
        return first.astimezone(UTC), end.astimezone(UTC)

    def holds(self, campaign: str) -> bool:
        return self.pattern is None or fits(campaign, self.pattern)


@dataclass
class Sums:
    """Counts by measure, and spend by currency, of one slice."""

    counts: dict[str, int] = field(default_factory=dict)
    spend: dict[str, Decimal] = field(default_factory=dict)

    def add(self, other: "Sums") -> None:
        for name, number in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + number
        for currency, amount in other.spend.items():
            self.spend[currency] = self.spend.get(currency, Decimal(0)) + amount


def fits(campaign: str, pattern: str) -> bool:
    """Whether a name fits a pattern, in which `*` stands for any characters and everything else,
    capitals included, for itself. Databases differ in how they match: none of them is asked."""
    return _expression(pattern).fullmatch(campaign) is not None


@lru_cache(maxsize=64)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


def sums_by_campaign(session: Session, scope: Scope) -> dict[str, Sums]:
    """Sums of each campaign; what has no campaign is under the empty name."""
    found: dict[str, Sums] = defaultdict(Sums)
    for table, measures in DAILY:
        for campaign, *numbers in session.execute(_daily(table, measures, scope)):
            _set(found[campaign], measures, numbers)
    for campaign, currency, amount in session.execute(_spend(scope)):
        found[campaign].spend[currency] = amount
    if _has_leads(session, scope):
        for campaign, *numbers in session.execute(_leads(scope)):
            _set(found[campaign], LEAD_MEASURES, numbers)
        for each in found.values():
            each.counts = {**NO_LEAD, **each.counts}
    return {campaign: each for campaign, each in found.items() if scope.holds(campaign)}


def sums(session: Session, scope: Scope) -> Sums:
    """Sums over all campaigns of the scope: those of its slices, added up (F26)."""
    total = Sums(dict(NO_LEAD) if _has_leads(session, scope) else {})
    for each in sums_by_campaign(session, scope).values():
        total.add(each)
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
NO_LEAD = dict.fromkeys(LEAD_MEASURES, 0)
DAILY: Sequence[tuple[Table, dict[str, str]]] = (
    (CAMPAIGN, {"impressions": "impressions", "clicks": "clicks", "sessions": "sessions"}),
    (FORM, {"form_views": "views", "form_starts": "starts", "form_completions": "completions"}),
    (
        EMAIL,
        {"emails_delivered": "delivered", "emails_opened": "opened", "emails_clicked": "clicked"},
    ),
)


def _set(found: Sums, measures: Sequence[str] | dict[str, str], numbers: Any) -> None:
    found.counts.update(
        (name, int(number))
        for name, number in zip(measures, numbers, strict=True)
        if number is not None
    )


def _daily(table: Table, measures: dict[str, str], scope: Scope) -> Any:
    columns = [func.sum(table.c[column]) for column in measures.values()]
    return select(table.c.campaign, *columns).where(*_days(table, scope)).group_by(table.c.campaign)


def _spend(scope: Scope) -> Any:
    keys = (CAMPAIGN.c.campaign, CAMPAIGN.c.currency)
    return (
        select(*keys, func.sum(CAMPAIGN.c.spend))
        .where(*_days(CAMPAIGN, scope), CAMPAIGN.c.spend.is_not(None))
        .group_by(*keys)
    )


def _days(table: Table, scope: Scope) -> list[ColumnElement[bool]]:
    return [table.c.day >= scope.start, table.c.day < scope.end, *_part(table, scope)]


def _part(table: Table, scope: Scope) -> list[ColumnElement[bool]]:
    """The rows of the scope's arm and campaign, whatever their day."""
    named = [] if scope.campaign is None else [table.c.campaign == scope.campaign]
    return [table.c.group == scope.group.value, table.c.deleted_at.is_(None), *named]


def _leads(scope: Scope) -> Any:
    start, end = scope.utc()
    lead_campaign = func.coalesce(LEAD.c.utm_campaign, "")
    qualified = func.sum(case((LEAD.c.status_kind.in_(QUALIFIED), 1), else_=0))
    named = [] if scope.campaign is None else [lead_campaign == scope.campaign]
    return (
        select(lead_campaign, func.count(), qualified)
        .select_from(LEAD)
        .where(
            LEAD.c.created_at >= start,
            LEAD.c.created_at < end,
            LEAD.c.deleted_at.is_(None),
            *named,
        )
        .group_by(lead_campaign)
    )


def _has_leads(session: Session, scope: Scope) -> bool:
    """Leads belong to no arm: all of them are the treated ones', and a control group has none to
    count."""
    return scope.group is Group.TREATED and _pulled(session, Stream.LEADS)


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
    days = session.execute(
        select(table.c.campaign, func.max(table.c.day))
        .where(*_part(table, scope))
        .group_by(table.c.campaign)
    )
    last = max((day for campaign, day in days if scope.holds(campaign)), default=None)
    return last is not None and (scope.end - last).days <= 1
