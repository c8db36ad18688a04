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
            has_values=_has_values(known),
        )

    def _leads_of(self, ids: Sequence[str]) -> dict[str, str]:
        """By opportunity, the lead that was converted to it. Many ids fit in no address: they are
        asked for as a range, which a page in order of ids is."""
        if not ids:
            return {}
        if len(ids) > MOST_READ:
            # A page of a Bulk job has no order, and its range would be most of them each time.
            self._all_leads = self._all_leads or self._converted(f"{CONVERTED} != null")
            return self._all_leads
        if len(ids) <= IDS_A_QUERY:
            return self._converted(among(CONVERTED, ids))
        low, high = quoted(min(ids)), quoted(max(ids))
        return self._converted(f"{CONVERTED} >= {low} AND {CONVERTED} <= {high}")

    def _converted(self, condition: str) -> dict[str, str]:
        asked = select(("Id", CONVERTED), LEAD, ["IsConverted = true", condition])
        rows = self._org.all(asked, ConvertedRow)
        return {row.converted_opportunity_id: row.id for row in reversed(rows)}

    def _fields(self, kind: str, known: Known) -> list[str]:
        mapped = [*known.utm.values(), *known.custom.values()]
        return list(dict.fromkeys([*self._facts.readable(kind), *mapped]))


def _has_values(known: Known) -> bool:
    return bool(known.utm or known.custom)
