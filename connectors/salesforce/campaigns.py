"""Figures of campaigns: what each cost, and who joined and answered it by day.

Salesforce tells the cost of a campaign as one sum: it counts on the day the campaign began, and who
joined on that day is counted each time, however long ago it is. The statistics of a campaign move
no time stamp, so campaigns that are active are asked again each time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from connectors.http import remote_now
from connectors.models import CampaignStats, Group
from connectors.port import Page, RefusedRecord
from connectors.salesforce.facts import Facts
from connectors.salesforce.listing import MODIFIED, Listing, decoded
from connectors.salesforce.mapping import CAMPAIGN, MEMBER
from connectors.salesforce.reading import Reading
from connectors.salesforce.rows import CampaignRow, MemberRow
from connectors.salesforce.wire import among, literal

Day = tuple[str, date]
# In one query: for each its id and the bounds of its first day, and an address may have 16,384
# bytes.
CAMPAIGNS_A_QUERY = 50


@dataclass(frozen=True)
class Members:
    """How many joined and answered, by campaign and day."""

    joined: Counter[Day] = field(default_factory=Counter)
    answered: Counter[Day] = field(default_factory=Counter)
    refused: list[RefusedRecord] = field(default_factory=list)

    def days(self, campaign: str) -> set[date]:
        return {day for of, day in (*self.joined, *self.answered) if of == campaign}


class Campaigns:
    def __init__(self, facts: Facts, reading: Reading, days: int, currency: str | None) -> None:
        self._facts = facts
        self._reading = reading
        self._days = days
        self._currency = currency

    def pages(self, start: datetime | None, position: str) -> Iterator[Page[CampaignStats]]:
        """`position` is the last campaign that was told."""
        changed = [] if start is None else [f"({MODIFIED} >= {literal(start)} OR IsActive = true)"]
        listing = Listing(
            CAMPAIGN,
            self._facts.readable(CAMPAIGN),
            CampaignRow,
            lambda _row, _values: None,
            conditions=changed,
        )
        for answer, envelope, last in self._reading.answers(listing, None, position):
            now = remote_now(answer) or datetime.now(UTC)
            since = self._since(start, now.date())
            rows = decoded(listing, envelope.records)
            good = [row for row, _ in rows.good]
            yield Page(
                [],
                position if good else last,
                rows.refused if not good else (),
                now,
                self._reading.spent(),
            )
            refused = rows.refused
            for first in range(0, len(good), CAMPAIGNS_A_QUERY):
                some = good[first : first + CAMPAIGNS_A_QUERY]
                yield self._page(some, since, now, refused)
                position, refused = some[-1].id, ()

    def _since(self, start: datetime | None, today: date) -> date:
        """Who answered is told by the day, and may be told a day later."""
        since = today - timedelta(days=self._days - 1)
        return since if start is None else max(since, start.date() - timedelta(days=1))

    def _page(
        self,
        rows: Sequence[CampaignRow],
        since: date,
        now: datetime,
        refused: Sequence[RefusedRecord],
    ) -> Page[CampaignStats]:
        ids = [row.id for row in rows]
        names, members = self._facts.campaign_names(ids), self._members(rows, since)
        records = [
            record
            for row in rows
            for record in self._stats(row, names.get(row.id, row.id), members)
        ]
        told = [*refused, *members.refused]
        return Page(records, rows[-1].id, told, now, self._reading.spent())

    def _stats(self, row: CampaignRow, name: str, members: Members) -> Iterator[CampaignStats]:
        begun, cost = _begun(row), row.actual_cost
        for day in sorted(members.days(row.id) | ({begun} if cost is not None else set())):
            spend = cost if day == begun else None
            yield CampaignStats(
                id=f"{day.isoformat()}:{row.id}",
                day=day,
                campaign=name,
                group=Group.TREATED,
                spend=spend,
                currency=None if spend is None else row.currency_iso_code or self._currency,
                extra={
                    "members": members.joined[row.id, day],
                    "responses": members.answered[row.id, day],
                },
            )

    def _members(self, campaigns: Sequence[CampaignRow], since: date) -> Members:
        first_days = {row.id: _begun(row) for row in campaigns if row.actual_cost is not None}
        listing = Listing(
            MEMBER,
            self._facts.readable(MEMBER),
            MemberRow,
            lambda _row, _values: None,
            conditions=[
                among("CampaignId", [row.id for row in campaigns]),
                _counted(since, first_days),
            ],
        )
        found = Members()
        for _, envelope, _ in self._reading.answers(listing, None, ""):
            rows = decoded(listing, envelope.records)
            found.refused.extend(rows.refused)
            for row, _ in rows.good:
                for day, counted in (
                    (row.created_date.astimezone(UTC).date(), found.joined),
                    (row.first_responded_date, found.answered),
                ):
                    if day is None:
                        continue
                    if day >= since or day == first_days.get(row.campaign_id):
                        counted[row.campaign_id, day] += 1
        return found


def _begun(row: CampaignRow) -> date:
    return row.start_date or row.created_date.astimezone(UTC).date()


def _counted(since: date, first_days: Mapping[str, date]) -> str:
    """The members to ask for: since a day, and on the first days before it."""
    parts = [f"CreatedDate >= {_midnight(since)}", f"FirstRespondedDate >= {since.isoformat()}"]
    early = sorted({day for day in first_days.values() if day < since})
    for day in early:
        behind = _midnight(day + timedelta(days=1))
        parts.append(f"(CreatedDate >= {_midnight(day)} AND CreatedDate < {behind})")
    if early:
        answered = ",".join(day.isoformat() for day in early)
        parts.append(f"FirstRespondedDate IN ({answered})")
    return f"({' OR '.join(parts)})"


def _midnight(day: date) -> str:
    return literal(datetime.combine(day, time(), UTC))
