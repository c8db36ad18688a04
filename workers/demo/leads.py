"""The leads of the demo's portal: exactly the story's where it counts, believable around it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from workers.demo.clients import clients, holed_ids
from workers.demo.counts import StoryCounts
from workers.demo.days import average_day, story_days
from workers.demo.moments import Days, any_hour, in_office, later, local, seeded
from workers.demo.records import Lead, Step
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
# How often leads of a month or more have ended where, and younger ones have got to.
OLD = {NEW: 1, CONTACTED: 4, QUALIFIED: 9, CONVERTED: 22, JUNK: 64}
YOUNG = {NEW: 10, CONTACTED: 30, QUALIFIED: 22, CONVERTED: 8, JUNK: 30}
NOT_QUALIFIED = {NEW: 2, CONTACTED: 5, JUNK: 6}
YOUNG_DAYS = timedelta(days=30)
CONVERTED_SHARE = 0.3
UNSOLD_DEALS = 16
LONGEST_STEP = timedelta(days=6)
SOURCES = {"cpc": "ADVERTISING", "display": "ADVERTISING", "paid_social": "ADVERTISING"} | {
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
        *_story(world, counts, seed),
        *_outside(world, counts, seed),
        *_earlier(world, counts, seed),
        *_counted(world, seed),
    ]
    missing = world.portal.leads - sum(not plan.hidden for plan in plans)
    plans += _others(world, missing, seed)
    plans.sort(key=lambda plan: plan.created)
    random = seeded(seed, "leads")
    sellers = world.users("ventes")
    people = clients(world, random, FIRST_CLIENT)
    ids = holed_ids(len(plans), FIRST_ID, random)
    return [
        _lead(plan, id_, Lead.__new__, random) if False else _made(plan, id_, client, sellers, world, random)
        for plan, id_, client in zip(plans, ids, people, strict=False)
    ]
