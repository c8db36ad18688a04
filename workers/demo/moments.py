"""Moments of the demo's world. All are aware UTC; days and office hours are those of Paris."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from pydantic import model_validator

from rules.yaml_file import Entry

PARIS = ZoneInfo("Europe/Paris")
OPENING, CLOSING = 9, 18
SATURDAY = 5
SECOND = timedelta(seconds=1)


class Days(Entry):
    """Local days, half-open."""

    start: date
    end: date

    @model_validator(mode="after")
    def _has_a_day(self) -> "Days":
        if self.end <= self.start:
            raise ValueError(f"no day from {self.start} to before {self.end}")
        return self

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def list(self) -> list[date]:
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days)]


def seeded(seed: int, *what: object) -> Random:
    """Chance that is the same each time, and of its own for each thing it is for."""
    name = ":".join(map(str, (seed, *what)))
    return Random(name)  # noqa: S311 - repeatable rows are the point


def local(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second), PARIS).astimezone(UTC)


def local_day(moment: datetime) -> date:
    return moment.astimezone(PARIS).date()


def in_office(moment: datetime, random: Random) -> datetime:
    """The moment itself, or one in the first hour after the office opens again."""
    here = moment.astimezone(PARIS)
    if here.weekday() < SATURDAY and OPENING <= here.hour < CLOSING:
        return moment
    day = here.date() + timedelta(days=here.hour >= CLOSING)
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    return local(day, OPENING, random.randrange(60), random.randrange(60))


def later(moment: datetime, longest: timedelta, latest: datetime, random: Random) -> datetime:
    """A moment after this one, in office hours unless `latest` comes before the next of them."""
    found = in_office(moment + longest * random.uniform(0.02, 1), random)
    if found < latest:
        return found.replace(microsecond=0)
    soon = moment + (latest - moment) * random.uniform(0.1, 0.6)
    return max(soon.replace(microsecond=0), moment + SECOND)


def any_hour(day: date, random: Random) -> datetime:
    """When people fill in forms: seldom at night."""
    hour = random.choices(range(24), FORM_HOURS)[0]
    return local(day, hour, random.randrange(60), random.randrange(60))


FORM_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 12, 18, 20, 18, 14, 16, 18, 17, 16, 14, 12, 11, 12, 11, 8, 4)
