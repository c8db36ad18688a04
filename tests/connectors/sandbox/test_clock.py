from datetime import UTC, datetime

import pytest

from connectors.sandbox.clock import Clock, utc_text

MOMENT = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Ticks:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_running_clock_goes_on_from_the_moment_it_was_set() -> None:
    ticks = Ticks()
    clock = Clock(MOMENT, running=True, monotonic=ticks)
    ticks.now += 90
    assert clock.now() == datetime(2026, 11, 23, 8, 1, 30, tzinfo=UTC)


def test_a_frozen_clock_stands_still_until_it_is_set_again() -> None:
    ticks = Ticks()
    clock = Clock(MOMENT, running=False, monotonic=ticks)
    ticks.now += 90
    assert clock.now() == MOMENT
    clock.set(MOMENT, running=True)
    ticks.now += 1
    assert clock.state() == {"now": "2026-11-23T08:00:01Z", "running": True}


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        Clock(MOMENT).set(MOMENT.replace(tzinfo=None), running=True)


def test_milliseconds_show_only_where_there_are_any() -> None:
    assert utc_text(MOMENT) == "2026-11-23T08:00:00Z"
    assert utc_text(MOMENT.replace(microsecond=250_000)) == "2026-11-23T08:00:00.250Z"
