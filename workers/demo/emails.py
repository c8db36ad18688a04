"""E-mails by day: the transactional ones of the story in two groups, and newsletters around."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

from workers.demo.counts import Clicks, EmailCounts
from workers.demo.days import WEEKDAYS, day_weights, thinned
from workers.demo.moments import Days, seeded
from workers.demo.spread import spread
from workers.demo.world import Newsletter, World

TREATED, CONTROL = "traité", "témoin"
BOUNCED = 0.012
OPENED = 0.46


@dataclass(frozen=True)
class EmailDay:
    """`group` is None where nothing is compared. `sent` counts what bounced too."""

    day: date
    campaign: str
    group: str | None
    sent: int
    delivered: int
    opened: int
    clicked: int


def email_days(world: World, emails: EmailCounts, seed: int, until: date) -> list[EmailDay]:
    """From `figures_since` to before `until`; over each window the sums are exactly the counts."""
    found = [
        *_group(world, emails, TREATED, (emails.treated_before, emails.treated_after), seed, until),
        *_group(world, emails, CONTROL, (emails.control_before, emails.control_after), seed, until),
        *_newsletters(world, seed, until),
    ]
    return sorted((each for each in found if each.day < until), key=lambda each: each.day)


def _group(
    world: World,
    emails: EmailCounts,
    group: str,
    counts: tuple[Clicks, Clicks],
    seed: int,
    until: date,
) -> Iterator[EmailDay]:
    before, after = counts
    yield from _window(emails.campaign, group, emails.before, before, seed)
    yield from _window(emails.campaign, group, emails.after, after, seed)
    average = before.delivered / len(emails.before.list())
    for day in Days(start=world.figures_since, end=until).list():
        if day not in emails.before and day not in emails.after:
            random = seeded(seed, group, day)
            delivered = int(average * WEEKDAYS[day.weekday()] * random.uniform(0.9, 1.1))
            rate = before.clicked / before.delivered * random.uniform(0.8, 1.2)
            clicked = min(delivered, int(delivered * rate + random.random()))
            yield _email_day(day, emails.campaign, group, delivered, clicked, random)


def _window(
    campaign: str, group: str, window: Days, counts: Clicks, seed: int
) -> Iterator[EmailDay]:
    random = seeded(seed, group, window.start)
    days = window.list()
    delivered = spread(counts.delivered, day_weights(days, random))
    clicked = thinned(counts.clicked, delivered, random)
    for day, arrived, followed in zip(days, delivered, clicked, strict=True):
        yield _email_day(day, campaign, group, arrived, followed, random)


def _newsletters(world: World, seed: int, until: date) -> Iterator[EmailDay]:
    for letter in world.mailings.newsletters:
        for day in Days(start=world.figures_since, end=until).list():
            if day.weekday() == letter.weekday:
                yield _issue(letter, day, seed)


def _issue(letter: Newsletter, day: date, seed: int) -> EmailDay:
    random = seeded(seed, letter.name, day)
    delivered = int(letter.delivered * random.uniform(0.97, 1.03))
    opened = min(delivered, int(letter.opened * random.uniform(0.85, 1.15)))
    clicked = min(opened, int(letter.clicked * random.uniform(0.7, 1.3)))
    return EmailDay(day, letter.name, None, delivered + delivered // 90, delivered, opened, clicked)


def _email_day(
    day: date, campaign: str, group: str, delivered: int, clicked: int, random: Random
) -> EmailDay:
    bounced = int(delivered * BOUNCED * random.uniform(0.5, 1.5))
    unclicked = delivered - clicked
    opened = clicked + int(unclicked * OPENED * random.uniform(0.9, 1.1))
    return EmailDay(day, campaign, group, delivered + bounced, delivered, opened, clicked)
