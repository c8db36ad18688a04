"""Pauses, budgets and tokens: the tool is asked no more than it allows."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from itertools import accumulate

import httpx

from connectors.budget import Budget, MemoryMeter
from connectors.errors import RateLimited
from connectors.http import Wire
from connectors.port import Window
from sync.store.connections import StoredToken
from sync.store.database import Database
from sync.tables.runs import RunStatus
from sync.vault import Vault, new_key
from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.case import Limit
from tests.connectors.conformance.renewing import GOOD, workers
from tests.connectors.conformance.rows import RUNNING, row
from tests.connectors.conformance.tampering import Tampering, once
from tests.connectors.conformance.test_listings import pages
from workers.clock import machine_now
from workers.limits import MemoryLimiter

# On top of what the tool asks for, the client spreads its repetitions.
SPREAD = 25.0
SLEPT_THROUGH = 60.0
HOUR = 3600.0
LIFE = 90
CHECKS, READS = 60, 30


def too_many(bench: Bench, **headers: str) -> None:
    """A gateway before the tool says it once; what it says is no JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    bench.fill(3)
    bench.settle()
    bench.tamper(
        once(lambda _request: httpx.Response(429, headers=named, text="Too Many Requests"))
    )


def goes_on_after(bench: Bench, least: float, most: float) -> None:
    bench.read_all()
    assert bench.agrees()
    assert least <= max(bench.hands.slept) <= most
    # Everybody who calls this account waits as long.
    assert bench.hands.limiter.refusals[0] >= least


@row("429-seconds", RUNNING, "A 429 that names seconds is waited out, and the read goes on.")
def test_a_pause_in_seconds(bench: Bench) -> None:
    too_many(bench, Retry_After="30")
    goes_on_after(bench, 30, 30 + SPREAD)


@row("429-date", RUNNING, "A 429 that names a date is waited out, by the clock of who names it.")
def test_a_pause_until_a_date(bench: Bench) -> None:
    # A clock that is ahead of ours: only its own date tells how long that is.
    there = bench.clock.moment + timedelta(hours=2)
    until = format_datetime(there + timedelta(seconds=30), usegmt=True)
    too_many(bench, Retry_After=until, Date=format_datetime(there, usegmt=True))
    goes_on_after(bench, 30, 30 + SPREAD)


@row("429-bare", RUNNING, "A 429 that names no time is followed by a pause of our own.")
def test_a_pause_without_a_time(bench: Bench) -> None:
    too_many(bench)
    goes_on_after(bench, 1, 60 + SPREAD)


@row("429-hour", RUNNING, "A pause of an hour is spent in the queue, not in a worker.")
def test_a_pause_of_an_hour(bench: Bench) -> None:
    too_many(bench, Retry_After="3600")
    run = bench.pull(bench.stream)
    assert run.status is RunStatus.WAITING
    assert run.waiting_until is not None
    assert (run.waiting_until - bench.clock.moment).total_seconds() >= HOUR
    assert sum(bench.hands.slept) <= SLEPT_THROUGH
    assert run.id is not None
    assert bench.finish(run.id).status is RunStatus.SUCCEEDED
    assert bench.agrees()


@row("budget", RUNNING, "No window of the tool's log holds more requests than the tool allows.")
def test_no_window_holds_more_than_the_tool_allows(bench: Bench) -> None:
    allows = bench.case.allows
    assert allows is not None
    bench.settings = bench.account.published
    began = bench.clock.moment

    def seconds() -> float:
        return (bench.clock.moment - began).total_seconds()

    # Two clients that share each count, one of them in bulk: what each may use of it differs.
    limiters: dict[str, MemoryLimiter] = {}

    def limiter(budget: Budget) -> MemoryLimiter:
        return limiters.setdefault(budget.account, MemoryLimiter(budget, seconds))

    meters: dict[str, MemoryMeter] = {}
    wire = Wire(
        limiter,
        lambda s: bench.go_on(seconds=s),
        tokens=bench.tokens(),
        transport=bench.wires,
        meter=lambda account: meters.setdefault(account, MemoryMeter(seconds)),
    )
    pair = [bench.connector(wire), bench.connector(replace(wire, bulk=True))]
    for number in range(CHECKS):
        bench.wires.count_anew()
        later(bench, pair[number % 2].check)
    # What a check does not ask for: the changes of the last moments.
    for number in range(READS if bench.case.limits else 0):
        bench.wires.count_anew()
        later(bench, partial(pages, bench, Window(bench.clock.moment), pair[number % 2]))
    for stream, count in (limit.reads for limit in bench.case.limits if limit.reads):
        for number in range(count):
            bench.wires.count_anew()
            later(bench, partial(pages, bench, Window(), pair[number % 2], stream))
    log = bench.account.log()
    assert not any(one.get("refused") for one in log), "the tool refused a request as too much"
    for limit in (Limit("requests", bench.case.counts, allows), *bench.case.limits):
        used = [(datetime.fromisoformat(one["time"]), float(limit.counts(one))) for one in log]
        within_every_window(
            sorted(((at - began).total_seconds(), much) for at, much in used if much), limit
        )


def later(bench: Bench, act: Callable[[], object]) -> None:
    """As a run does whose budget is used up for long."""
    try:
        act()
    except RateLimited as error:
        bench.go_on(seconds=error.retry_after)
        act()


def within_every_window(used: Sequence[tuple[float, float]], limit: Limit) -> None:
    """Every window that begins and ends with a request; no other one holds more."""
    times = [at for at, _ in used]
    sums = [0.0, *accumulate(much for _, much in used)]
    assert sums[-1] > limit.allows(0), f"too few {limit.name} to use it up: {sums[-1]}"
    for index, start in enumerate(times):
        for end in times[index:]:
            within = sums[bisect_right(times, end)] - sums[index]
            if within > limit.allows(end - start) + 1e-6:
                raise AssertionError(f"{within} {limit.name} in {end - start} seconds")


@row("token-of-90-s", RUNNING, "Tokens of 90 seconds are renewed once each, and no call fails.")
def test_tokens_that_live_for_90_seconds(bench: Bench) -> None:
    consent = bench.case.consent
    assert consent is not None
    with as_app(bench) as (key, renewals):
        tokens = stored(bench.database, key, bench.connection_id)
        client = bench.connector(replace(bench.hands.wire(bench.wires), tokens=tokens))
        for _ in range(20):
            bench.go_on(seconds=30)
            assert client.check()
        assert 0 < renewals() <= 20 * 30 / LIFE


@row(
    "rotating-refresh",
    RUNNING,
    "Two processes whose token ran out at once spend its refresh token once.",
)
def test_workers_renew_a_rotating_token_once(bench: Bench) -> None:
    assert bench.case.consent is not None
    with as_app(bench) as (key, renewals):
        path = bench.case.consent.renewal
        with workers(bench, key, path, count=2) as pair:
            for renewed in (1, 2, 3):
                bench.go_on(seconds=LIFE + 1)
                assert pair.check_at_once() == [GOOD, GOOD]
                assert renewals() == renewed


@contextmanager
def as_app(bench: Bench) -> Iterator[tuple[str, "Renewals"]]:
    """The account as one that was consented to, and the key under which its token is stored."""
    consent = bench.case.consent
    assert consent is not None
    connection_id = bench.connection_id
    bench.account.end()
    bench.account, token = consent.opened(LIFE)
    bench.account.set_clock(bench.clock.moment)
    bench.settings = bench.account.settings
    bench.wires = Tampering(bench.account.transport, before=bench.wires)
    key = new_key()
    with closing(Database(bench.database.url)) as database:
        stored(database, key, connection_id).save(token)
    yield key, Renewals(bench, consent.renewal)


def stored(database: Database, key: str, connection_id: int) -> StoredToken:
    return StoredToken(database, Vault([key]), connection_id, machine_now, lambda _seconds: None)


class Renewals:
    def __init__(self, bench: Bench, path: str) -> None:
        self._bench, self._path = bench, path
        self._before = self._count()

    def __call__(self) -> int:
        return self._count() - self._before

    def _count(self) -> int:
        return sum(self._path in one["path"] for one in self._bench.account.log())
