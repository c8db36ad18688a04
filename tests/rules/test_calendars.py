"""Business days and minutes, with French holidays, a clock change, and parts of the country."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rules.calendars import (
    Calendar,
    add_business_days,
    business_days_between,
    business_minutes,
    deadline,
    elapsed_minutes,
)
from tests.rules.worked_cases import story

PARIS = ZoneInfo("Europe/Paris")
FRANCE = Calendar(PARIS)


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        (at(2026, 11, 10, 17, 30), at(2026, 11, 12, 9, 45), 75),  # 11 November is closed
        (at(2026, 11, 20, 17, 50), at(2026, 11, 23, 9, 10), 20),
        (at(2026, 12, 24, 16), at(2026, 12, 28, 10), 180),
        (at(2026, 4, 3, 17), at(2026, 4, 7, 9, 30), 90),  # Easter Monday
        (at(2026, 11, 21, 10), at(2026, 11, 22, 16), 0),
    ],
)
@pytest.mark.requirement("F22")
def test_business_minutes_are_those_of_the_definitions(
    start: datetime, end: datetime, minutes: int
) -> None:
    assert business_minutes(start, end, FRANCE) == minutes
    assert business_minutes(start.astimezone(UTC), end.astimezone(UTC), FRANCE) == minutes


@pytest.mark.requirement("F22")
def test_the_leads_of_the_story_waited_as_it_says(shared: Path) -> None:
    case = story(shared)["lead_response"]
    now = datetime.fromisoformat(case["now"])
    for lead in case["leads"]:
        received = datetime.fromisoformat(lead["received_at"]).astimezone(PARIS)
        if lead["first_contact_at"] is None:
            assert business_minutes(received, now, FRANCE) == lead["open_age_business_minutes"]
            continue
        contact = datetime.fromisoformat(lead["first_contact_at"]).astimezone(PARIS)
        assert business_minutes(received, contact, FRANCE) == lead["business_minutes"]
        assert elapsed_minutes(received, contact) == lead["elapsed_minutes"]


def test_a_clock_change_between_two_moments_of_one_zone_is_counted() -> None:
    before, after = at(2026, 10, 24, 12), at(2026, 10, 26, 9, 30)
    assert (after - before).total_seconds() / 60 == 2730, "what Python's wall clocks say"
    assert elapsed_minutes(before, after) == 2790


def test_opening_hours_on_the_day_of_a_clock_change_are_counted_by_the_stop_watch() -> None:
    nights = Calendar(PARIS, opens=at(2026, 1, 1, 0).time(), closes=at(2026, 1, 1, 6).time())
    friday, monday = at(2026, 3, 27, 0), at(2026, 3, 30, 6)
    assert business_minutes(friday, monday, nights) == 12 * 60


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="lies before"):
        business_minutes(at(2026, 11, 23, 10), at(2026, 11, 23, 9), FRANCE)
    with pytest.raises(ValueError, match="lies before"):
        business_days_between(date(2026, 11, 24), date(2026, 11, 23), FRANCE)
    assert elapsed_minutes(at(2026, 11, 23, 10), at(2026, 11, 23, 9)) == -60


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 11, 23, 9)  # noqa: DTZ001 - the very mistake
    with pytest.raises(ValueError, match="no time zone"):
        elapsed_minutes(naive, at(2026, 11, 23, 10))


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        (date(2026, 11, 23), 15, date(2026, 12, 14)),
        (date(2026, 11, 23), 10, date(2026, 12, 7)),
        (date(2026, 11, 10), 1, date(2026, 11, 12)),
        (date(2026, 11, 21), 1, date(2026, 11, 23)),
        (date(2026, 11, 21), 0, date(2026, 11, 23)),
        (date(2026, 11, 23), 0, date(2026, 11, 23)),
        (date(2026, 12, 24), 1, date(2026, 12, 28)),
    ],
)
def test_business_days_are_added_past_weekends_and_holidays(
    start: date, count: int, due: date
) -> None:
    assert add_business_days(start, count, FRANCE) == due


def test_added_days_are_counted_back() -> None:
    start = date(2026, 11, 2)
    for count in range(1, 80):
        assert (
            business_days_between(start, add_business_days(start, count, FRANCE), FRANCE) == count
        )


def test_business_days_are_not_counted_backward() -> None:
    with pytest.raises(ValueError, match="forward"):
        add_business_days(date(2026, 11, 23), -1, FRANCE)


@pytest.mark.parametrize("country", ["FR-57", "FR-6AE"])
def test_alsace_and_moselle_rest_on_good_friday_and_saint_stephen(country: str) -> None:
    local = FRANCE.of(country)
    for holiday in (date(2026, 4, 3), date(2025, 12, 26)):
        assert FRANCE.is_open(holiday)
        assert not local.is_open(holiday)


def test_overseas_departments_have_their_own_day() -> None:
    assert not FRANCE.of("FR-974").is_open(date(2027, 12, 20))
    assert FRANCE.is_open(date(2027, 12, 20))


@pytest.mark.parametrize("country", ["XX", "FR-99", ""])
def test_an_unknown_country_is_refused_at_once(country: str) -> None:
    with pytest.raises(ValueError, match="no public holidays"):
        Calendar(PARIS, country)


@pytest.mark.requirement("F47")
def test_fifteen_business_days_from_the_retro_end_on_14_december_at_18() -> None:
    due = deadline(at(2026, 11, 23, 10), 15, FRANCE)
    assert due.isoformat() == "2026-12-14T18:00:00+01:00"


def test_a_deadline_of_today_after_closing_is_the_next_open_day() -> None:
    assert deadline(at(2026, 11, 20, 12), 0, FRANCE) == at(2026, 11, 20, 18)
    assert deadline(at(2026, 11, 20, 18), 0, FRANCE) == at(2026, 11, 23, 18)
