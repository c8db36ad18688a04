"""Pauses, budgets and tokens: the tool is asked no more than it allows."""

from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime

import httpx

from connectors.http import Wire
from connectors.port import Connector
from sync.store.connections import StoredToken
from sync.store.database import Database
from sync.tables.runs import RunStatus
from sync.vault import Vault, new_key
from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.rows import RUNNING, row
from tests.connectors.conformance.tampering import Tampering, once
from workers.clock import machine_now
from workers.limits import MemoryLimiter

# On top of what the tool asks for, the client spreads its repetitions.
SPREAD = 25.0
SLEPT_THROUGH = 60.0
HOUR = 3600.0
LIFE = 90
CHECKS = 60


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

    # Two clients that share a count, one of them in bulk: what each may use of it differs.
    first = bench.connector()
    limiter = MemoryLimiter(first.pacing(), seconds)
    wire = Wire(lambda _budget: limiter, lambda s: bench.go_on(seconds=s), transport=bench.wires)
    pair = [bench.connector(wire), bench.connector(replace(wire, bulk=True))]
    for number in range(CHECKS):
        bench.wires.sent.clear()
        pair[number % 2].check()
    times = sorted(
        (datetime.fromisoformat(one["time"]) - began).total_seconds() for one in bench.account.log()
    )
    assert len(times) > allows(0), "too few requests to use the budget up"
    for index, start in enumerate(times):
        for end in times[index:]:
            within = bisect_right(times, end) - index
            assert within <= allows(end - start) + 1e-6, f"{within} in {end - start} seconds"


@row("token-of-90-s", RUNNING, "Tokens of 90 seconds are renewed once each, and no call fails.")
def test_tokens_that_live_for_90_seconds(bench: Bench) -> None:
    consent = bench.case.consent
    assert consent is not None
    with as_apps(bench, 1) as (apps, renewals):
        for _ in range(20):
            bench.go_on(seconds=30)
            assert apps[0].check()
        assert 0 < renewals() <= 20 * 30 / LIFE


@row(
    "rotating-refresh", RUNNING, "Workers whose token ran out at once spend its refresh token once."
)
def test_workers_renew_a_rotating_token_once(bench: Bench) -> None:
    with as_apps(bench, 2) as (apps, renewals), ThreadPoolExecutor(len(apps)) as pool:
        for renewed in (1, 2, 3):
            bench.go_on(seconds=LIFE + 1)
            assert all(pool.map(lambda app: app.check(), apps))
            assert renewals() == renewed


@contextmanager
def as_apps(bench: Bench, count: int) -> Iterator[tuple[list[Connector[object]], "Renewals"]]:
    """Clients that know of each other by the database alone, as processes do."""
    consent = bench.case.consent
    assert consent is not None
    connection_id = bench.connection_id
    bench.account.end()
    bench.account, token = consent.opened(LIFE)
    bench.account.set_clock(bench.clock.moment)
    bench.settings = bench.account.settings
    bench.wires = Tampering(bench.account.transport)
    key = new_key()
    databases = [Database(bench.database.url) for _ in range(count)]
    stores = [
        StoredToken(one, Vault([key]), connection_id, machine_now, lambda _seconds: None)
        for one in databases
    ]
    stores[0].save(token)
    plain = bench.hands.wire(bench.wires)
    renewals = Renewals(bench, consent.renewal)
    try:
        yield [bench.connector(replace(plain, tokens=store)) for store in stores], renewals
    finally:
        for each in databases:
            each.close()


class Renewals:
    def __init__(self, bench: Bench, path: str) -> None:
        self._bench, self._path = bench, path
        self._before = self._count()

    def __call__(self) -> int:
        return self._count() - self._before

    def _count(self) -> int:
        return sum(self._path in one["path"] for one in self._bench.account.log())
