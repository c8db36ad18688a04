"""What goes on in the portal after the first step: what its users do between two moments."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from random import Random

from connectors.bitrix24.portal.company import stage_id
from workers.demo.clients import clients
from workers.demo.company import make_business
from workers.demo.counts import StoryCounts
from workers.demo.leads import CONTACTED, JUNK, NEW, QUALIFIED, SOURCES
from workers.demo.moments import CLOSING, OPENING, SATURDAY, Days, local, local_day, seeded
from workers.demo.records import Client, Deal, Lead
from workers.demo.world import World

FIRST_CLIENT = 20_001
END = date(2027, 1, 15)
SECOND_EVENT = 0.35
NEXT_OF_LEAD = {NEW: CONTACTED, CONTACTED: QUALIFIED, QUALIFIED: JUNK}

Fields = dict[str, str | int | float]


@dataclass(frozen=True)
class LaterEvent:
    """An edit for the sandbox: POST `body` to `path` under its control address, when it is `at`.

    `record` is an id or `new`; `by` the user who does it.
    """

    at: datetime
    stream: str
    record: str
    fields: Fields
    by: int

    @property
    def path(self) -> str:
        return f"/records/{self.stream}/{self.record}"

    @property
    def body(self) -> dict[str, object]:
        return {"set": self.fields, "by": self.by}


def later_events(counts: StoryCounts, seed: int) -> list[LaterEvent]:
    """One early on every working day after the first step, and at times a second; in order.

    Leads and deals of the story's two campaigns stay as the first step saw them. No record is
    edited twice.
    """
    business = make_business(counts, seed)
    world = business.world
    told = {counts.campaign, counts.earlier.campaign}
    random = seeded(seed, "later")
    leads = [lead for lead in business.leads if _can_move(lead, told)]
    deals = [deal for deal in business.deals if _can_go_on(deal, told)]
    random.shuffle(leads)
    random.shuffle(deals)
    people = clients(world, random, FIRST_CLIENT)
    events = []
    for moment in _moments(world, random):
        kind = random.randrange(4)
        if kind == 0 and leads:
            events.append(_moved_lead(moment, leads.pop()))
        elif kind == 1 and deals:
            events.append(_moved_deal(moment, deals.pop(), random))
        elif kind == 2:
            events.append(_new_deal(moment, world, next(people), random))
        else:
            events.append(_new_lead(moment, world, next(people), random))
    return events


def _moments(world: World, random: Random) -> Iterator[datetime]:
    for day in Days(start=local_day(world.latest), end=END).list():
        if day.weekday() < SATURDAY:
            yield local(day, OPENING, random.randrange(60), random.randrange(60))
            if random.random() < SECOND_EVENT:
                hour = random.randrange(OPENING + 1, CLOSING)
                yield local(day, hour, random.randrange(60), random.randrange(60))


def _can_move(lead: Lead, told: set[str]) -> bool:
    campaign = lead.campaign.name if lead.campaign else None
    return lead.last.stage in NEXT_OF_LEAD and campaign not in told and not lead.hidden


def _can_go_on(deal: Deal, told: set[str]) -> bool:
    campaign = deal.lead.campaign.name if deal.lead and deal.lead.campaign else None
    aside = deal.template or deal.hidden or campaign in told
    return deal.last.stage in deal.pipeline.of_kind("P") and not aside


def _moved_lead(at: datetime, lead: Lead) -> LaterEvent:
    stage = NEXT_OF_LEAD[lead.last.stage]
    return LaterEvent(at, "leads", str(lead.id), {"stageId": stage}, lead.owner)


def _moved_deal(at: datetime, deal: Deal, random: Random) -> LaterEvent:
    """To the next open stage, or from the last one to an end."""
    stages = deal.pipeline.of_kind("P")
    following = stages[stages.index(deal.last.stage) + 1 :]
    ends = deal.pipeline.of_kind(random.choice("SF"))
    stage = stage_id(deal.pipeline.id, following[0] if following else random.choice(ends))
    return LaterEvent(at, "deals", str(deal.id), {"stageId": stage}, deal.owner)


def _new_lead(at: datetime, world: World, client: Client, random: Random) -> LaterEvent:
    day = local_day(at)
    campaign = random.choice(
        [each for each in world.campaigns if each.share and day in each.runs],
    )
    owner = random.choice(world.users("ventes"))
    fields: Fields = {
        "title": client.lead_title,
        "name": client.first_name,
        "lastName": client.last_name,
        "assignedById": owner,
        "sourceId": SOURCES[campaign.medium],
        "utmSource": campaign.source,
        "utmMedium": campaign.medium,
        "utmCampaign": campaign.name,
    }
    return LaterEvent(at, "leads", "new", fields, owner)


def _new_deal(at: datetime, world: World, client: Client, random: Random) -> LaterEvent:
    pipeline = random.choice(world.portal.pipelines)
    owner = random.choice(world.users("ventes"))
    fields: Fields = {
        "title": f"{pipeline.name} - {client.firm}",
        "categoryId": pipeline.id,
        "stageId": stage_id(pipeline.id, pipeline.stages[0].id),
        "opportunity": random.randrange(*pipeline.amount, 10),
        "currencyId": "EUR",
        "assignedById": owner,
        "sourceId": "CALL",
    }
    return LaterEvent(at, "deals", "new", fields, owner)
