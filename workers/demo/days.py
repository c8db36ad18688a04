"""Figures of campaigns by day, for the files and for the leads of the portal alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from workers.demo.counts import StoryCounts
from workers.demo.moments import local_day, seeded
from workers.demo.spread import spread, spread_within
from workers.demo.world import Campaign, Daily, World, money

# Monday first: offices search and click, few do at the weekend.
WEEKDAYS = (1.1, 1.2, 1.15, 1.1, 0.95, 0.55, 0.6)
DUPLICATES = 0.12
SHARE_OF_LAST_DAY = 0.5
CENTS = 100


@dataclass(frozen=True)
class FunnelDay:
    """`completions` is what the form's tool counts: leads, and forms that were sent twice."""

    day: date
    impressions: int
    clicks: int
    sessions: int
    spend: Decimal
    views: int
    starts: int
    completions: int
    leads: int


CampaignDays = Sequence[tuple[Campaign, Sequence[FunnelDay]]]


def story_days(counts: StoryCounts, seed: int) -> list[FunnelDay]:
    """The campaign of the story, day by day; the sums over its period are exactly the counts."""
    random = seeded(seed, "funnel")
    days = counts.period.list()
    impressions = spread(counts.impressions, day_weights(days, random))
    clicks = thinned(counts.clicks, impressions, random)
    sessions = thinned(counts.sessions, clicks, random)
    starts = thinned(counts.form_starts, sessions, random)
    leads = thinned(counts.leads, starts, random)
    cents = spread(int(counts.spend * CENTS), [each + random.random() for each in clicks])
    figures = zip(days, impressions, clicks, sessions, cents, starts, leads, strict=True)
    return [
        FunnelDay(
            day=day,
            impressions=shown,
            clicks=clicked,
            sessions=visited,
            spend=Decimal(spent) / CENTS,
            views=started + (visited - started) * 3 // 5,
            starts=started,
            completions=min(started, sent + (random.random() < DUPLICATES)),
            leads=sent,
        )
        for day, shown, clicked, visited, spent, started, sent in figures
    ]


def campaign_days(world: World, counts: StoryCounts, seed: int, until: date) -> CampaignDays:
    """The figures of every advertised campaign from `figures_since` to before `until`."""
    found = [
        (campaign, [average_day(campaign, campaign.daily, day, seed) for day in days])
        for campaign in world.campaigns
        if campaign.daily
        if (days := [d for d in campaign.runs.list() if world.figures_since <= d < until])
    ]
    story = world.story_campaign(counts.campaign)
    # Its page was found before it was advertised, so its figures start with the period.
    ending = {day for day in map(local_day, world.outside) if day >= counts.period.end}
    told = story_days(counts, seed)
    told += [average_day(story, _last_hours(counts), day, seed) for day in sorted(ending)]
    return [(story, [each for each in told if each.day < until]), *found]


def average_day(campaign: Campaign, daily: Daily, day: date, seed: int) -> FunnelDay:
    """One day of a campaign whose figures are only about right."""
    random = seeded(seed, campaign.name, day)
    factor = WEEKDAYS[day.weekday()] * random.uniform(0.75, 1.25)

    def about(figure: float) -> int:
        return int(figure * factor + random.random())

    impressions = about(daily.impressions)
    clicks = min(impressions, about(daily.clicks))
    sessions = min(clicks, about(daily.sessions))
    views = min(sessions, about(daily.views))
    starts = min(views, about(daily.starts))
    leads = min(starts, about(daily.leads))
    return FunnelDay(
        day=day,
        impressions=impressions,
        clicks=clicks,
        sessions=sessions,
        spend=money(daily.spend * factor),
        views=views,
        starts=starts,
        completions=leads,
        leads=leads,
    )


def day_weights(days: Sequence[date], random: Random) -> list[float]:
    return [WEEKDAYS[day.weekday()] * random.uniform(0.85, 1.15) for day in days]


def thinned(total: int, rooms: Sequence[int], random: Random) -> list[int]:
    """Those of each day that went on to the next stage."""
    return spread_within(total, rooms, [room * random.uniform(0.9, 1.1) for room in rooms])


def _last_hours(counts: StoryCounts) -> Daily:
    """The same campaign on the day it was stopped."""
    share = SHARE_OF_LAST_DAY / len(counts.period.list())
    return Daily(
        impressions=counts.impressions * share,
        clicks=counts.clicks * share,
        sessions=counts.sessions * share,
        spend=float(counts.spend) * share,
        views=counts.form_starts * share * 1.5,
        starts=counts.form_starts * share,
        leads=counts.leads * share,
    )
