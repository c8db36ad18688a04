"""The arithmetic of `connectors.budget` against a tool's bucket of 50 and 2 a second, in simulated
time: what the limiters promise for 400 requests."""

from itertools import pairwise

import pytest

from connectors.budget import BRIM, HOUR, URGENT_BRIM, Bucket, Budget, refuse, take
from tests.workers.simulation import BUDGET, Simulation

SEEDS = range(20)
REQUESTS = 400
LATENCIES = (0.001, 0.15, 0.5)


@pytest.mark.promise("G8")
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("clients", [1, 4, 8, 32])
def test_alone_on_the_account_we_are_never_refused(clients: int, latency: float) -> None:
    runs = [Simulation(REQUESTS, clients, latency, seed).run() for seed in SEEDS]
    assert [run.refused for run in runs] == [0] * len(SEEDS)


def test_alone_on_the_account_we_use_nearly_all_of_it() -> None:
    run = Simulation(REQUESTS, clients=8, latency=0.15, seed=1).run()
    best = (REQUESTS - BUDGET.burst) / BUDGET.rate
    assert best <= run.now <= best * 1.05


@pytest.mark.promise("G8")
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("clients", [1, 4, 8, 32])
def test_beside_a_stranger_that_takes_half_we_are_refused_at_most_three_times(
    clients: int, latency: float
) -> None:
    runs = [Simulation(REQUESTS, clients, latency, seed, stranger=1.0).run() for seed in SEEDS]
    assert max(run.refused for run in runs) <= 3
    assert all(run.done == REQUESTS for run in runs)


@pytest.mark.promise("G8")
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("write_every", [0.65, 5.0])
def test_a_write_does_not_wait_behind_a_bulk_pull(latency: float, write_every: float) -> None:
    """Even where writes take nearly their four fifths of the account's rate, and nobody is refused
    for it."""
    for seed in SEEDS:
        run = Simulation(REQUESTS, 8, latency, seed, write_every=write_every).run()
        assert run.refused == 0
        assert len(run.waits) > REQUESTS / BUDGET.rate / write_every / 2
        assert max(run.waits) == 0.0


@pytest.mark.promise("G8")
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("clients", [1, 4])
def test_a_pull_beside_a_push_without_end_gets_a_fifth(clients: int, latency: float) -> None:
    """Of what comes after the burst, and the two together still use all of the account's rate."""
    for seed in SEEDS:
        run = Simulation(80, clients, latency, seed, write_every=0.3, until=300.0).run()
        assert (run.done, run.refused) == (80, 0)
        last = [later - earlier for earlier, later in pairwise(run.reads)][-20:]
        assert sum(last) / len(last) == pytest.approx(5 / BUDGET.rate, rel=0.1)
        assert max(last) < 5.0
        assert len(run.waits) + len(run.reads) > 0.95 * run.now * BUDGET.rate


def test_a_read_that_was_given_up_does_not_hold_writes_back() -> None:
    bucket, now = Bucket(at=0.0), 0.0
    while (taken := take(bucket, BUDGET, now, urgent=True))[1] == 0.0:
        bucket = taken[0]
    bucket, read_delay = take(bucket, BUDGET, now)
    written = []
    while now < 60.0:
        bucket, delay = take(bucket, BUDGET, now, urgent=True)
        if delay == 0.0:
            written.append(now)
        now += delay or 0.001
    pauses = [later - earlier for earlier, later in pairwise(written)]
    assert max(pauses) < read_delay + 1.0
    assert len(written) >= 60.0 * BUDGET.rate - 5


@pytest.mark.promise("G8")
@pytest.mark.parametrize("rate", [4.0, 10.0])
def test_where_a_bucket_holds_one_request_a_write_goes_before_eight_reads(rate: float) -> None:
    """As HubSpot's and Pipedrive's do; reads keep their fifth."""
    budget, bucket = Budget("portal", burst=1, rate=rate), Bucket(at=0.0)
    now, asked, waits, reads = 0.0, 0.0, list[float](), 0
    asks_at = {number: number / 100 for number in range(9)}
    while now < 120.0:
        number = min(asks_at, key=asks_at.__getitem__)
        now, urgent = asks_at[number], number == 8
        bucket, delay = take(bucket, budget, now, urgent)
        if delay == 0.0 and urgent:
            waits.append(now - asked)
            asked = now + 0.01
        reads += delay == 0.0 and not urgent
        asks_at[number] = now + (delay or 0.01)
    assert max(waits) < 5 / rate
    assert len(waits) > 0.7 * 120.0 * rate
    assert reads > 0.15 * 120.0 * rate


@pytest.mark.promise("G8")
def test_while_we_are_careful_a_push_still_leaves_reads_a_fifth() -> None:
    bucket = refuse(Bucket(at=0.0), BUDGET, 0.0, 1.0)
    now = start = bucket.paused_until
    sent = {True: 0, False: 0}
    asks_at = {True: now, False: now}
    while now < start + 120.0:
        urgent = min(asks_at, key=asks_at.__getitem__)
        now = asks_at[urgent]
        bucket, delay = take(bucket, BUDGET, now, urgent)
        sent[urgent] += delay == 0.0
        asks_at[urgent] = now + (delay or 0.01)
    assert sent[False] / (sent[True] + sent[False]) == pytest.approx(0.2, abs=0.05)


@pytest.mark.promise("G8")
def test_while_we_are_careful_a_write_still_goes_first() -> None:
    careful = refuse(Bucket(at=0.0), BUDGET, 0.0, 1.0)
    now = careful.paused_until
    after_read, waits = take(careful, BUDGET, now)
    assert waits == 0.0
    assert take(after_read, BUDGET, now)[1] > 0
    assert take(after_read, BUDGET, now, urgent=True)[1] == 0.0


DAY = 24 * HOUR
DAILY = Budget("portal", burst=1000, rate=1000.0, per_day=500)


@pytest.mark.promise("G8")
@pytest.mark.parametrize("begins", [0.0, 5 * HOUR + 7, 23 * HOUR + 3000])
def test_no_24_hours_hold_more_than_the_limit_of_a_day(begins: float) -> None:
    """Whenever the provider's day begins: five days of asking as often as one may."""
    bucket, now, sent = Bucket(at=begins), begins, []
    while now < begins + 5 * DAY:
        bucket, delay = take(bucket, DAILY, now)
        if delay == 0.0:
            sent.append(now)
        now += max(delay, 60.0)
    for first in sent:
        assert sum(first <= moment < first + DAY for moment in sent) <= 500 * BRIM
    assert len(sent) > 4 * 500 * BRIM


@pytest.mark.promise("G8")
def test_a_day_that_is_used_up_by_reads_has_room_for_writes_and_is_not_forgotten() -> None:
    bucket = Bucket(at=0.0)
    for _ in range(int(500 * BRIM)):
        bucket, delay = take(bucket, DAILY, 10.0)
        assert delay == 0.0
    assert take(bucket, DAILY, 20.0)[1] == DAY + HOUR - 20.0
    bucket = refuse(bucket, DAILY, 20.0, 1.0)
    now = bucket.careful_until + 1
    for _ in range(int(500 * URGENT_BRIM) - int(500 * BRIM)):
        bucket, delay = take(bucket, DAILY, now, urgent=True)
        assert delay == 0.0
    assert take(bucket, DAILY, now, urgent=True)[1] > 0
