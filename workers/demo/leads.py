"""The leads of the demo's portal: exactly the story's where it counts, believable around it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from workers.demo.clients import clients, holed_ids
from workers.demo.counts import StoryCounts
from workers.demo.days import average_day, story_days
from workers.demo.moments import Days, any_hour, later, local, local_day, seeded
from workers.demo.records import Client, Lead, Step
from workers.demo.world import Campaign, World

FIRST_ID = 311
FIRST_CLIENT = 1
NEW, CONTACTED, QUALIFIED, CONVERTED, JUNK = "NEW", "IN_PROCESS", "QUALIFIE", "CONVERTED", "JUNK"
WAYS = {
    NEW: (NEW,),
    CONTACTED: (NEW, CONTACTED),
    QUALIFIED: (NEW, CONTACTED, QUALIFIED),
    CONVERTED: (NEW, CONTACTED, QUALIFIED, CONVERTED),
    JUNK: (NEW, CONTACTED, JUNK),
}
# How often leads have ended where, those of a month or more and younger ones.
OLD = {NEW: 3, CONTACTED: 10, QUALIFIED: 15, CONVERTED: 22, JUNK: 50}
YOUNG = {NEW: 10, CONTACTED: 30, QUALIFIED: 22, CONVERTED: 8, JUNK: 30}
UNQUALIFIED = {NEW: 2, CONTACTED: 5, JUNK: 6}
UNCONVERTED = {NEW: 3, CONTACTED: 10, QUALIFIED: 25, JUNK: 62}
MONTH = timedelta(days=30)
NOT_YET_OPENED = timedelta(hours=12)
FIRST_CONTACT, NEXT_STEP = timedelta(days=1), timedelta(days=6)
CONVERTED_SHARE = 0.3
LATER_EDITS = 0.4
# One deal for so many earlier leads came to nothing, beside those that were sold.
LEADS_PER_UNSOLD_DEAL = 16
SOURCES = {
    "cpc": "ADVERTISING",
    "display": "ADVERTISING",
    "paid_social": "ADVERTISING",
    "email": "EMAIL",
    "organic_social": "WEB",
    "referral": "RECOMMENDATION",
}
WITHOUT_CAMPAIGN = ("WEB", "WEB", "CALL", "RECOMMENDATION", "TRADE_SHOW", "EMAIL")


@dataclass(frozen=True)
class Plan:
    """A lead to be: when it came, from where, and how it ends."""

    created: datetime
    campaign: Campaign | None
    end: str
    sale: bool | None = None
    hidden: bool = False


def make_leads(world: World, counts: StoryCounts, seed: int) -> list[Lead]:
    """In the order of their creation; `portal.leads` of them can be read."""
    plans = [
        *_of_the_story(world, counts, seed),
        *_outside_its_period(world, counts, seed),
        *_earlier(world, counts, seed),
        *_from_counted_forms(world, seed),
    ]
    readable = sum(not plan.hidden for plan in plans)
    plans += _others(world, world.portal.leads - readable, seed)
    plans.sort(key=lambda plan: plan.created)
    random = seeded(seed, "leads")
    ids = holed_ids(len(plans), FIRST_ID, random)
    people = clients(world, random, FIRST_CLIENT)
    return [
        _lead(world, plan, id_, client, random)
        for plan, id_, client in zip(plans, ids, people, strict=False)
    ]


def _of_the_story(world: World, counts: StoryCounts, seed: int) -> Iterator[Plan]:
    random = seeded(seed, "story leads")
    campaign = world.story_campaign(counts.campaign)
    period = counts.period
    created = sorted(
        any_hour(each.day, random) for each in story_days(counts, seed) for _ in range(each.leads)
    )
    # Minutes inside the borders: another day in the portal's zone, and nearly another period.
    created[0] = local(period.start, 0, 5)
    created[-1] = local(local_day(created[-1]), 23, 50)
    # The youngest are hardly qualified yet, unless nearly all are.
    aged = created[: max(counts.qualified, len(created) * 9 // 10)]
    qualified = set(random.sample(range(len(aged)), counts.qualified))
    for at, moment in enumerate(created):
        if at in qualified:
            end = CONVERTED if random.random() < CONVERTED_SHARE else QUALIFIED
        else:
            end = _drawn(UNQUALIFIED, random)
        yield Plan(moment, campaign, end)
    middle = period.start + (period.end - period.start) / 2
    yield Plan(local(middle, 11, 20), campaign, QUALIFIED, hidden=True)


def _outside_its_period(world: World, counts: StoryCounts, seed: int) -> Iterator[Plan]:
    random = seeded(seed, "leads outside")
    campaign = world.story_campaign(counts.campaign)
    for moment in world.outside:
        yield Plan(moment, campaign, _end(world, moment, random))


def _earlier(world: World, counts: StoryCounts, seed: int) -> Iterator[Plan]:
    random = seeded(seed, "earlier leads")
    earlier = counts.earlier
    campaign = world.story_campaign(earlier.campaign)
    unsold = min(earlier.leads - earlier.sales, earlier.leads // LEADS_PER_UNSOLD_DEAL)
    rest = earlier.leads - earlier.sales - unsold
    sales = [True] * earlier.sales + [False] * unsold + [None] * rest
    random.shuffle(sales)
    days = earlier.period.list()
    for sale in sales:
        end = _drawn(UNCONVERTED, random) if sale is None else CONVERTED
        yield Plan(any_hour(random.choice(days), random), campaign, end, sale)


def _from_counted_forms(world: World, seed: int) -> Iterator[Plan]:
    random = seeded(seed, "leads of forms")
    today = local_day(world.latest)
    for campaign in world.campaigns:
        if campaign.daily is None or not campaign.has_form:
            continue
        for day in campaign.runs.list():
            if world.figures_since <= day < today:
                for _ in range(average_day(campaign, campaign.daily, day, seed).leads):
                    moment = any_hour(day, random)
                    yield Plan(moment, campaign, _end(world, moment, random))


def _others(world: World, amount: int, seed: int) -> Iterator[Plan]:
    random = seeded(seed, "other leads")
    origins: dict[Campaign | None, int] = {
        campaign: campaign.share for campaign in world.campaigns if campaign.share
    }
    origins[None] = world.share_without_campaign
    days = {origin: _days_of(world, origin) for origin in origins}
    for number in range(amount):
        origin = random.choices(list(origins), list(origins.values()))[0]
        moment = any_hour(random.choice(days[origin]), random)
        yield Plan(moment, origin, _end(world, moment, random))
        if number == 0:
            yield Plan(moment, origin, JUNK, hidden=True)


def _days_of(world: World, origin: Campaign | None) -> list[date]:
    """Days on which leads of this origin came that no form counted."""
    end = local_day(world.latest)
    if origin is not None:
        end = min(world.figures_since if origin.has_form else end, origin.runs.end)
    return Days(start=world.portal.leads_since, end=end).list()


def _end(world: World, created: datetime, random: Random) -> str:
    age = world.latest - created
    if age < NOT_YET_OPENED:
        return NEW
    return _drawn(OLD if age > MONTH else YOUNG, random)


def _drawn(chances: Mapping[str, int], random: Random) -> str:
    return random.choices(list(chances), list(chances.values()))[0]


def _lead(world: World, plan: Plan, id_: int, client: Client, random: Random) -> Lead:
    way = WAYS[plan.end]
    steps = [Step(way[0], plan.created)]
    for number, stage in enumerate(way[1:]):
        longest = NEXT_STEP if number else FIRST_CONTACT
        steps.append(Step(stage, later(steps[-1].at, longest, world.latest, random)))
    moved = steps[-1].at
    edited = random.random() < LATER_EDITS
    campaign = plan.campaign
    return Lead(
        id=id_,
        client=client,
        campaign=campaign,
        content=random.choice(campaign.contents) if campaign and campaign.contents else None,
        source=SOURCES[campaign.medium] if campaign else random.choice(WITHOUT_CAMPAIGN),
        owner=random.choice(world.users("ventes")),
        steps=tuple(steps),
        updated=later(moved, NEXT_STEP, world.latest, random) if edited else moved,
        sale=plan.sale,
        hidden=plan.hidden,
    )
