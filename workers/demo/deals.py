"""The deals of the demo's portal: of converted leads, and those that began as deals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from workers.demo.clients import clients, holed_ids
from workers.demo.leads import CONVERTED, WITHOUT_CAMPAIGN
from workers.demo.moments import Days, any_hour, in_office, later, local_day, seeded
from workers.demo.records import Client, Deal, Lead, Step
from workers.demo.world import Pipeline, World

FIRST_ID = 1207
FIRST_CLIENT = 10_001
OPEN, WON, LOST = "P", "S", "F"
# How often deals of so many days at least have ended how.
CHANCES = ((120, (1, 5, 6)), (30, (5, 4, 4)), (0, (12, 1, 1)))
LONGEST_STEP = timedelta(days=16)
SHORTEST_SALE = timedelta(days=3)
DOLLARS = 0.02
CENTS = 0.15
LATER_EDITS = 0.4
RENEWALS = 9
TEMPLATES, HIDDEN = 3, 2
SUBJECTS = {
    0: ("Abonnement facturation", "Pack devis et factures", "Formation prise en main"),
    3: ("Déploiement multi-sites", "Contrat cadre facturation", "Connecteur comptable"),
    5: ("Partenariat", "Convention d'apport d'affaires"),
    RENEWALS: ("Renouvellement annuel", "Renouvellement et option paie"),
}


@dataclass(frozen=True)
class Plan:
    """A deal to be."""

    created: datetime
    client: Client
    pipeline: Pipeline
    source: str
    owner: int
    lead: Lead | None = None
    template: bool = False
    hidden: bool = False


def make_deals(world: World, leads: Sequence[Lead], seed: int) -> list[Deal]:
    """In the order of their creation; `portal.deals` of them are deals that can be read."""
    random = seeded(seed, "deals")
    plans = list(_of_leads(world, leads, random))
    plans += _direct(world, world.portal.deals - len(plans), random)
    plans.sort(key=lambda plan: plan.created)
    ids = holed_ids(len(plans), FIRST_ID, random)
    return [_deal(world, plan, id_, random) for plan, id_ in zip(plans, ids, strict=True)]


def _of_leads(world: World, leads: Sequence[Lead], random: Random) -> Iterator[Plan]:
    """A lead is converted into a deal of its first pipeline, and a few into those of others."""
    sales, *others = world.portal.pipelines
    for lead in leads:
        if lead.last.stage == CONVERTED and not lead.hidden:
            pipeline = sales if random.random() < 0.9 else random.choice(others[:2])
            yield Plan(lead.last.at, lead.client, pipeline, lead.source, lead.owner, lead)


def _direct(world: World, amount: int, random: Random) -> Iterator[Plan]:
    people = clients(world, random, FIRST_CLIENT)
    days = Days(start=world.portal.leads_since, end=local_day(world.latest)).list()
    renewals = world.portal.pipelines[-1]
    for number in range(amount + HIDDEN + TEMPLATES):
        pipeline = random.choices(world.portal.pipelines, (3, 2, 3, 6))[0]
        template = number < TEMPLATES
        created = in_office(any_hour(random.choice(days), random), random)
        yield Plan(
            created=min(created, world.latest - SHORTEST_SALE),
            client=next(people),
            pipeline=renewals if template else pipeline,
            source=random.choice(WITHOUT_CAMPAIGN),
            owner=random.choice(world.users("ventes")),
            template=template,
            hidden=TEMPLATES <= number < TEMPLATES + HIDDEN,
        )


def _deal(world: World, plan: Plan, id_: int, random: Random) -> Deal:
    way = () if plan.template else _way(plan, _end(world, plan, random), random)
    steps = [Step(plan.pipeline.stages[0].id, plan.created)]
    for stage in way:
        steps.append(Step(stage, later(steps[-1].at, LONGEST_STEP, world.latest, random)))
    moved = steps[-1].at
    edited = random.random() < LATER_EDITS
    subject = random.choice(SUBJECTS[plan.pipeline.id])
    return Deal(
        id=id_,
        title=f"{subject} - {plan.client.firm}",
        client=plan.client,
        pipeline=plan.pipeline,
        lead=plan.lead,
        source=plan.source,
        owner=plan.owner,
        amount=_amount(plan.pipeline, random),
        currency="USD" if random.random() < DOLLARS else "EUR",
        steps=tuple(steps),
        updated=later(moved, LONGEST_STEP, world.latest, random) if edited else moved,
        template=plan.template,
        hidden=plan.hidden,
    )


def _end(world: World, plan: Plan, random: Random) -> str:
    age = (world.latest - plan.created).days
    chances = next(chances for days, chances in CHANCES if age >= days)
    end = random.choices((OPEN, WON, LOST), chances)[0]
    if plan.lead is None or plan.lead.sale is None:
        return end
    if plan.lead.sale:
        return WON
    return LOST if end == WON else end


def _way(plan: Plan, end: str, random: Random) -> tuple[str, ...]:
    """The stages after the first: some are skipped, as people do."""
    between = plan.pipeline.of_kind(OPEN)[1:]
    passed = between[: random.randint(0 if end == OPEN else 1, len(between))]
    kept = tuple(stage for stage in passed if random.random() < 0.85)
    return kept if end == OPEN else (*kept, random.choice(plan.pipeline.of_kind(end)))


def _amount(pipeline: Pipeline, random: Random) -> str:
    low, high = pipeline.amount
    whole = round(low * (high / low) ** random.random(), -1)
    return f"{whole + random.random():.2f}" if random.random() < CENTS else f"{whole:.2f}"
