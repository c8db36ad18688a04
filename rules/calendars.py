"""Opening hours and public holidays: due dates in business days, waiting time in business minutes.

Durations are taken in UTC. Two moments that share one ZoneInfo are subtracted by Python as wall
clocks, which is an hour wrong across a clock change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

from holidays import country_holidays

ONE_DAY = timedelta(days=1)
ONE_MINUTE = timedelta(minutes=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Calendar:
    """Monday to Friday, `opens` to `closes` on the clock of `zone`, closed on public holidays.

    `country` is an ISO 3166 code, of a country or of a part with holidays of its own: `FR`,
    `FR-57` and `FR-6AE` (Good Friday and 26 December), `FR-974`. An unknown one raises ValueError.
    """

    zone: ZoneInfo
    country: str = "FR"
    opens: time = time(9)
    closes: time = time(18)

    def __post_init__(self) -> None:
        check_country(self.country)

    def of(self, country: str) -> Self:
        """The same hours with the holidays of `country`."""
        return replace(self, country=country)

    def is_open(self, day: date) -> bool:
        return day.weekday() < SATURDAY and day not in _holidays(self.country, day.year)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def closing(self, day: date) -> datetime:
        return datetime.combine(day, self.closes, self.zone)

    def opening(self, day: date) -> datetime:
        return datetime.combine(day, self.opens, self.zone)


def check_country(country: str) -> None:
    """Raises ValueError for a country whose public holidays are not known."""
    _holidays(country, 2000)


def add_business_days(start: date, count: int, calendar: Calendar) -> date:
    """The `count`th open day after `start`; for 0, `start` itself or the next open day."""
    if count < 0:
        raise ValueError(f"business days are counted forward, not {count}")
    open_days = (day for day in _days_from(start) if calendar.is_open(day))
    if count == 0:
        return next(open_days)
    after = (day for day in open_days if day > start)
    return [next(after) for _ in range(count)][-1]


def business_days_between(start: date, end: date, calendar: Calendar) -> int:
    """Open days after `start` up to and with `end`; `end` must not lie before `start`."""
    if end < start:
        raise ValueError(f"{end} lies before {start}")
    return sum(calendar.is_open(start + ONE_DAY * n) for n in range(1, (end - start).days + 1))


def deadline(after: datetime, count: int, calendar: Calendar) -> datetime:
    """The close of the `count`th business day, and never a moment already past."""
    due = calendar.closing(add_business_days(calendar.day_of(after), count, calendar))
    if due > after:
        return due
    return calendar.closing(add_business_days(calendar.day_of(after), 1, calendar))


def business_minutes(start: datetime, end: datetime, calendar: Calendar) -> float:
    """Minutes of opening hours from `start` to `end`; `end` must not lie before `start`."""
    begin, finish = _utc(start), _utc(end)
    if finish < begin:
        raise ValueError(f"{end} lies before {start}")
    total = timedelta()
    for day in _days_from(calendar.day_of(start)):
        if day > calendar.day_of(end):
            break
        if calendar.is_open(day):
            opened, closed = _utc(calendar.opening(day)), _utc(calendar.closing(day))
            total += max(timedelta(), min(finish, closed) - max(begin, opened))
    return total / ONE_MINUTE


def elapsed_minutes(start: datetime, end: datetime) -> float:
    """Minutes on a stop-watch, negative when `end` lies before `start`."""
    return (_utc(end) - _utc(start)) / ONE_MINUTE


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)


def _days_from(start: date) -> Iterator[date]:
    day = start
    while True:
        yield day
        day += ONE_DAY


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> frozenset[date]:
    code, _, part = country.partition("-")
    try:
        return frozenset(country_holidays(code, subdiv=part or None, years=year))
    except NotImplementedError as error:
        raise ValueError(f"no public holidays are known for {country}") from error
