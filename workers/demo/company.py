"""The demo's company as the sandbox portal holds it on the morning of the first step."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.bitrix24.portal.data import PortalData, Row
from workers.demo.activities import activity_rows
from workers.demo.clients import holed_ids
from workers.demo.counts import StoryCounts
from workers.demo.deals import make_deals
from workers.demo.leads import make_leads
from workers.demo.moments import seeded
from workers.demo.records import Deal, Lead
from workers.demo.reference import category_rows, status_rows, task_rows, user_rows
from workers.demo.rows import Kinds, contact_row, deal_moves, deal_row, lead_moves, lead_row
from workers.demo.world import World, load_world

FIRST_CONTACT_ID = 41


@dataclass(frozen=True)
class Business:
    """Everything the portal's leads and deals are made from."""

    world: World
    leads: Sequence[Lead]
    deals: Sequence[Deal]


def make_business(counts: StoryCounts, seed: int) -> Business:
    world = load_world()
    leads = make_leads(world, counts, seed)
    return Business(world, leads, make_deals(world, leads, seed))


def portal_data(counts: StoryCounts, seed: int) -> PortalData:
    """Native rows for the sandbox; none is later than `now` of the shipped company."""
    business = make_business(counts, seed)
    world, leads, deals = business.world, business.leads, business.deals
    kinds = Kinds(world)
    contacts = _contact_ids(deals, seed)
    return PortalData(
        users=user_rows(world),
        categories=category_rows(world),
        statuses=status_rows(world),
        leads=[lead_row(lead, kinds, contacts) for lead in leads],
        deals=[deal_row(deal, kinds, contacts) for deal in deals],
        contacts=_contact_rows(deals, contacts),
        activities=activity_rows(leads, deals, world.latest, seed),
        lead_history=lead_moves(leads, kinds),
        deal_history=deal_moves(deals, kinds),
        tasks=task_rows(world),
        hidden={
            "leads": frozenset(lead.id for lead in leads if lead.hidden),
            "deals": frozenset(deal.id for deal in deals if deal.hidden),
        },
    )


def _contact_ids(deals: Sequence[Deal], seed: int) -> dict[int, int]:
    """A contact for the client of every deal, by the client's number."""
    ids = holed_ids(len(deals), FIRST_CONTACT_ID, seeded(seed, "contacts"))
    return {deal.client.number: id_ for deal, id_ in zip(deals, ids, strict=True)}


def _contact_rows(deals: Sequence[Deal], contacts: dict[int, int]) -> list[Row]:
    return [contact_row(contacts[deal.client.number], deal) for deal in deals]
