"""The arithmetic of a request budget, in numbers that are worked out by hand (G8)."""

from dataclasses import replace

import pytest

from connectors.budget import (
    CAREFUL_FOR,
    Bucket,
    Budget,
    Used,
    refuse,
    still_used,
    take,
    taken_up,
    unpublished,
)

# Ten at once and two a second: reads keep to eight, writes to nine.
BUDGET = Budget("account", burst=10, rate=2.0)
HOUR = 3600.0
# At an hour's beginning, with enough of them before it.
NOW = 1000 * HOUR
DAILY = replace(BUDGET, per_day=100)
READS_A_DAY, WRITES_A_DAY = 80, 95


def taken(bucket: Bucket, budget: Budget, now: float, *, urgent: bool = False) -> tuple[int, float]:
    """How many may go out at once, and what the next one is told."""
    for count in range(1000):
        bucket, wait = take(bucket, budget, now, urgent)
        if wait > 0:
            return count, wait
    raise AssertionError("it does not end")


@pytest.mark.promise("G8")
@pytest.mark.parametrize(("urgent", "many"), [(False, 8), (True, 9)])
def test_a_burst_ends_below_the_published_one(urgent: bool, many: int) -> None:
    count, wait = taken(Bucket(at=NOW), BUDGET, NOW, urgent=urgent)
    assert count == many
    assert wait == pytest.approx((many + 1 - 10 * (0.95 if urgent else 0.8)) / 2.0)


def test_it_drains_at_the_rate_and_never_below_nothing() -> None:
    full = Bucket(at=NOW, level=8.0)
    assert taken(full, BUDGET, NOW + 2.0)[0] == 4
    assert taken(full, BUDGET, NOW + HOUR)[0] == 8
    assert taken(full, BUDGET, NOW) == (0, pytest.approx(0.5))


def test_an_account_that_permits_one_at_a_time_gets_one() -> None:
    slow = Budget("account", burst=1, rate=0.5)
    assert taken(Bucket(at=NOW), slow, NOW) == (1, pytest.approx(2.0))


@pytest.mark.promise("G8")
def test_a_refusal_pauses_everything_and_for_at_least_ten_requests() -> None:
    long = refuse(Bucket(at=NOW), BUDGET, NOW, retry_after=90.0)
    assert take(long, BUDGET, NOW + 89.0) == (long, 1.0)
    assert take(long, BUDGET, NOW + 90.0)[1] == 0.0
    short = refuse(Bucket(at=NOW), BUDGET, NOW, retry_after=0.0)
    assert take(short, BUDGET, NOW)[1] == 5.0
    # A shorter one does not end it.
    assert take(refuse(long, BUDGET, NOW + 1.0, 1.0), BUDGET, NOW + 2.0)[1] == 88.0


@pytest.mark.promise("G8")
@pytest.mark.parametrize(("urgent", "many"), [(False, 1), (True, 2)])
def test_after_a_refusal_there_is_no_burst_and_two_fifths_of_the_rate_for_a_while(
    urgent: bool, many: int
) -> None:
    refused = refuse(Bucket(at=NOW), BUDGET, NOW, retry_after=0.0)
    assert taken(refused, BUDGET, NOW + 5.0, urgent=urgent) == (many, pytest.approx(1 / 0.8))
    assert taken(refused, BUDGET, NOW + CAREFUL_FOR - 0.01, urgent=urgent)[0] == many
    assert taken(refused, BUDGET, NOW + CAREFUL_FOR, urgent=urgent)[0] == 7 + many


def test_a_clock_that_was_set_back_takes_the_bucket_with_it() -> None:
    refused = refuse(Bucket(at=NOW), BUDGET, NOW, retry_after=90.0)
    for back in (10.0, HOUR):
        moved, wait = take(refused, BUDGET, NOW - back)
        assert wait == 90.0
        assert moved.careful_until == NOW - back + CAREFUL_FOR
    level, wait = take(Bucket(at=NOW, level=8.0), BUDGET, NOW - 10.0)
    assert (level.at, wait) == (NOW - 10.0, pytest.approx(0.5))


def test_of_a_bucket_that_was_kept_nothing_has_drained() -> None:
    kept = Bucket(at=NOW, level=8.0, paused_until=NOW + 5.0)
    assert taken_up(kept, NOW + HOUR) == replace(kept, at=NOW + HOUR)


@pytest.mark.promise("G8")
@pytest.mark.parametrize(("urgent", "limit"), [(False, READS_A_DAY), (True, WRITES_A_DAY)])
def test_the_limit_of_a_day_is_reached_and_not_passed(urgent: bool, limit: int) -> None:
    this = int(NOW // HOUR)
    used = Bucket(at=NOW, hours=((this - 24, 10), (this - 1, limit - 11)))
    once, wait = take(used, DAILY, NOW + 60.0, urgent)
    assert (wait, once.hours) == (0.0, (*used.hours, (this, 1)))
    # An hour that began 24 hours ago counts until it has passed as a whole.
    assert take(once, DAILY, NOW + 120.0, urgent) == (
        replace(once, hours=once.hours),
        HOUR - 120.0,
    )
    after, wait = take(once, DAILY, NOW + HOUR, urgent)
    assert (wait, after.hours) == (0.0, ((this - 1, limit - 11), (this, 1), (this + 1, 1)))


@pytest.mark.promise("G8")
def test_a_call_counts_what_it_costs() -> None:
    this = int(NOW // HOUR)
    used = Bucket(at=NOW, hours=((this, READS_A_DAY - 5),))
    assert take(used, DAILY, NOW, cost=6)[1] == 25 * HOUR
    exact, wait = take(used, DAILY, NOW, cost=5)
    assert (wait, exact.hours) == (0.0, ((this, READS_A_DAY),))
    # One that costs more than a day permits goes out when nothing else has.
    assert take(Bucket(at=NOW), DAILY, NOW, cost=500)[1] == 0.0
    tiny = replace(DAILY, per_day=1)
    first, wait = take(Bucket(at=NOW), tiny, NOW)
    assert (wait, take(first, tiny, NOW)[1]) == (0.0, 25 * HOUR)


def test_a_refusal_forgets_nothing_of_the_day() -> None:
    used = Bucket(at=NOW, hours=((int(NOW // HOUR), READS_A_DAY),))
    refused = refuse(used, DAILY, NOW, retry_after=1.0)
    assert take(refused, DAILY, NOW + 60.0)[1] == 25 * HOUR - 60.0


def test_an_account_without_a_published_limit_is_paused_and_not_counted() -> None:
    nameless = unpublished("account")
    bucket = Bucket(at=NOW)
    assert all(take(bucket, nameless, NOW) == (bucket, 0.0) for _ in range(100))
    assert take(refuse(bucket, nameless, NOW, 30.0), nameless, NOW + 10.0)[1] == 20.0


def test_what_has_been_reset_is_not_used_any_more() -> None:
    assert still_used(7.0, 1.0) == Used(7.0, 1.0)
    assert still_used(7.0, 0.0) is None
