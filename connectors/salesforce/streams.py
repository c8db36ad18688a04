"""How people, leads and opportunities are listed."""

from collections.abc import Sequence
from dataclasses import replace

from connectors.salesforce import mapping
from connectors.salesforce.facts import Facts
from connectors.salesforce.listing import Listing
from connectors.salesforce.mapping import DEAL, LEAD, USER, Known
from connectors.salesforce.rows import ConvertedRow, DealRow, LeadRow, UserRow
from connectors.salesforce.wire import IDS_A_QUERY, MOST_READ, Org, among, quoted, select

CONVERTED = "ConvertedOpportunityId"


class Streams:
    def __init__(self, org: Org, facts: Facts) -> None:
        self._org = org
        self._facts = facts
        self._all_leads: dict[str, str] | None = None

    def people(self) -> Listing:
        """Those who left too: they still own old records. Customers and partners who sign in to a
        portal own none."""
        return Listing(
            USER,
            self._facts.readable(USER),
            UserRow,
            lambda row, _: mapping.to_account(row),
            conditions=["UserType = 'Standard'"],
        )

    def leads(self) -> Listing:
        known = self._facts.known(LEAD)
        return Listing(
            LEAD,
            self._fields(LEAD, known),
            LeadRow,
            lambda row, values: mapping.to_lead(row, values, known),
            has_values=_has_values(known),
        )

    def deals(self) -> Listing:
        """The leads and campaigns of a page are asked for once for all of its rows."""
        known = self._facts.known(DEAL)
        leads: dict[str, str] = {}
        campaigns: dict[str, str] = {}
        with_links = replace(known, leads=leads, campaigns=campaigns)

        def about(rows: Sequence[DealRow]) -> None:
            leads.update(self._leads_of([row.id for row in rows]))
            ids = [row.campaign_id for row in rows if row.campaign_id is not None]
            campaigns.update(self._facts.campaign_names(ids))

        return Listing(
            DEAL,
            self._fields(DEAL, known),
            DealRow,
            lambda row, values: mapping.to_deal(row, values, with_links),
            about=about,
            asks=lambda rows: [leads_of([row.id for row in rows])] if rows else [],
            has_values=_has_values(known),
        )

    def _leads_of(self, ids: Sequence[str]) -> dict[str, str]:
        """By opportunity, the lead that was converted to it."""
        if len(ids) > MOST_READ:
            # A page of a Bulk job has no order, and its range would be most of them each time.
            self._all_leads = self._all_leads or self._converted(converted(f"{CONVERTED} != null"))
            return self._all_leads
        return self._converted(leads_of(ids)) if ids else {}

    def _converted(self, asked: str) -> dict[str, str]:
        rows = self._org.all(asked, ConvertedRow)
        return {row.converted_opportunity_id: row.id for row in reversed(rows)}

    def _fields(self, kind: str, known: Known) -> list[str]:
        mapped = [*known.utm.values(), *known.custom.values()]
        return list(dict.fromkeys([*self._facts.readable(kind), *mapped]))


def leads_of(ids: Sequence[str]) -> str:
    """Many ids fit in no address: a page, which is in order of ids, is asked for as their range."""
    if len(ids) <= IDS_A_QUERY:
        return converted(among(CONVERTED, ids))
    low, high = quoted(min(ids)), quoted(max(ids))
    return converted(f"{CONVERTED} >= {low} AND {CONVERTED} <= {high}")


def converted(condition: str) -> str:
    return select(("Id", CONVERTED), LEAD, ["IsConverted = true", condition])


def _has_values(known: Known) -> bool:
    return bool(known.utm or known.custom)
