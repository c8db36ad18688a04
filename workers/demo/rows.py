"""Leads, deals and contacts as native rows of the portal."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from connectors.bitrix24.portal.company import stage_id
from connectors.bitrix24.portal.data import Row
from workers.demo.records import Deal, Lead
from workers.demo.world import World

# The portal's server zone: its days are not those of the team.
PORTAL_ZONE = timezone(timedelta(hours=3))
CREATED, MOVED, FINAL = 1, 2, 3
PLANNED_DAYS = timedelta(days=45)


def portal_time(moment: datetime) -> str:
    return moment.astimezone(PORTAL_ZONE).isoformat()


class Kinds:
    """P, S or F of every stage; stages of deals by pipeline."""

    def __init__(self, world: World) -> None:
        self.of_leads = {stage.id: stage.kind for stage in world.portal.lead_stages}
        self.of_deals = {
            (pipeline.id, stage.id): stage.kind
            for pipeline in world.portal.pipelines
            for stage in pipeline.stages
        }


def lead_row(lead: Lead, kinds: Kinds, contacts: Mapping[int, int]) -> Row:
    kind = kinds.of_leads[lead.last.stage]
    person = lead.client
    return {
        "id": lead.id,
        "title": person.lead_title,
        "name": person.first_name,
        "lastName": person.last_name,
        "stageId": lead.last.stage,
        "stageSemanticId": kind,
        "previousStageId": lead.steps[-2].stage if len(lead.steps) > 1 else "",
        "dateClosed": None if kind == "P" else portal_time(lead.last.at),
        "contactId": contacts.get(person.number, 0),
        "currencyId": "EUR",
        "opportunity": 0,
        "webformId": 4 if lead.campaign else 0,
        **_origin(lead, lead.source),
        **_handling(lead),
    }


def deal_row(deal: Deal, kinds: Kinds, contacts: Mapping[int, int]) -> Row:
    kind = kinds.of_deals[deal.pipeline.id, deal.last.stage]
    previous = stage_id(deal.pipeline.id, deal.steps[-2].stage) if len(deal.steps) > 1 else ""
    return {
        "id": deal.id,
        "title": deal.title,
        "categoryId": deal.pipeline.id,
        "stageId": stage_id(deal.pipeline.id, deal.last.stage),
        "stageSemanticId": kind,
        "previousStageId": previous,
        "closed": "N" if kind == "P" else "Y",
        "opportunity": float(deal.amount),
        "currencyId": deal.currency,
        "isManualOpportunity": "Y",
        "leadId": deal.lead.id if deal.lead else None,
        "contactId": contacts[deal.client.number],
        "typeId": "SALE",
        "isNew": "Y" if len(deal.steps) == 1 else "N",
        "isRecurring": "Y" if deal.template else "N",
        # The planned date, which is no close.
        "begindate": deal.created.date().isoformat(),
        "closedate": (deal.created + PLANNED_DAYS).date().isoformat(),
        **_origin(deal.lead, deal.source),
        **_handling(deal),
    }


def contact_row(id_: int, deal: Deal) -> Row:
    person = deal.client
    created = portal_time(deal.created)
    by = dict.fromkeys(("assignedById", "createdBy", "updatedBy", "lastActivityBy"), deal.owner)
    return {
        "id": id_,
        "name": person.first_name,
        "lastName": person.last_name,
        "typeId": "CLIENT",
        "createdTime": created,
        "updatedTime": created,
        "lastActivityTime": created,
        **_origin(deal.lead, deal.source),
        **by,
    }


def lead_moves(leads: Iterable[Lead], kinds: Kinds) -> list[Row]:
    """As `crm.stagehistory.list` of leads, in the order in which they happened."""
    moves = [
        (
            step.at,
            {
                "TYPE_ID": _type_of(number, kinds.of_leads[step.stage]),
                "OWNER_ID": lead.id,
                "CREATED_TIME": portal_time(step.at),
                "STATUS_SEMANTIC_ID": kinds.of_leads[step.stage],
                "STATUS_ID": step.stage,
            },
        )
        for lead in leads
        if not lead.hidden
        for number, step in enumerate(lead.steps)
    ]
    return _in_order(moves)


def deal_moves(deals: Iterable[Deal], kinds: Kinds) -> list[Row]:
    """As `crm.stagehistory.list` of deals; templates have no history."""
    moves = [
        (
            step.at,
            {
                "TYPE_ID": _type_of(number, kinds.of_deals[deal.pipeline.id, step.stage]),
                "OWNER_ID": deal.id,
                "CREATED_TIME": portal_time(step.at),
                "CATEGORY_ID": deal.pipeline.id,
                "STAGE_SEMANTIC_ID": kinds.of_deals[deal.pipeline.id, step.stage],
                "STAGE_ID": stage_id(deal.pipeline.id, step.stage),
            },
        )
        for deal in deals
        if not deal.hidden and not deal.template
        for number, step in enumerate(deal.steps)
    ]
    return _in_order(moves)


def _in_order(moves: list[tuple[datetime, Row]]) -> list[Row]:
    return [row for _, row in sorted(moves, key=lambda move: move[0])]


def _type_of(number: int, kind: str) -> int:
    if number == 0:
        return CREATED
    return MOVED if kind == "P" else FINAL


def _origin(lead: Lead | None, source: str) -> Row:
    """A deal keeps the marks of the lead it was made from."""
    campaign = lead.campaign if lead else None
    return {
        "sourceId": source,
        "utmSource": campaign.source if campaign else None,
        "utmMedium": campaign.medium if campaign else None,
        "utmCampaign": campaign.name if campaign else None,
        "utmContent": lead.content if lead else None,
        "utmTerm": None,
    }


def _handling(item: Lead | Deal) -> Row:
    """Who has it, and when it came, moved and was last edited."""
    names = ("assignedById", "createdBy", "updatedBy", "movedBy", "lastActivityBy")
    return {
        **dict.fromkeys(names, item.owner),
        "createdTime": portal_time(item.created),
        "movedTime": portal_time(item.last.at),
        "updatedTime": portal_time(item.updated),
        "lastActivityTime": portal_time(item.updated),
    }
