"""What an emptied Redis knew of an account: the database has enough of it to keep every limit."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from config.settings import load_settings
from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app
from connectors.budget import BRIM, HOUR, Budget, Limiter, unpublished
from connectors.http import Wire
from connectors.sandbox.runner import serving
from tests.connectors.bitrix24.kit import Sandbox
from workers.app import App, open_app

# So slow that nothing drains while a test runs.
SLOW = Budget("portal", burst=10, rate=0.001)
# So fast that only the day counts.
DAILY = Budget("portal", burst=1000, rate=1e6, per_day=500)
PAUSE = 900.0
# The buckets of portal and client drain this many times faster than in life.
FASTER = 20.0
AFTERWARDS = 60

LimiterOf = Callable[[Budget], Limiter]


@pytest.fixture
def app(home: Path, redis: Redis, bare_environ: pytest.MonkeyPatch) -> Iterator[App]:
    with closing(open_app(load_settings({"RETRO_HOME": str(home)}), redis)) as opened:
        yield opened


@pytest.fixture
def other(app: App, redis_address: str) -> Iterator[App]:
    """A worker that was told nothing by the tool itself."""
    with closing(open_app(app.settings, Redis.from_url(redis_address))) as opened:
        yield opened


def drawn(limiter: Limiter) -> int:
    """How many requests go at once."""
    count = 0
    while limiter.acquire() == 0.0:
        count += 1
    return count


@pytest.mark.promise("G8")
def test_a_bucket_that_may_be_full_drains_first(app: App, other: App, redis: Redis) -> None:
    assert drawn(app.limiter(SLOW)) == SLOW.burst * BRIM
    redis.flushall()
    assert drawn(other.limiter(SLOW)) == 0
    assert drawn(app.limiter(SLOW)) == 0


@pytest.mark.promise("G8")
@pytest.mark.promise("G10")
@pytest.mark.parametrize("budget", [SLOW, unpublished("portal")])
def test_the_pause_that_a_tool_asked_for_outlives_redis(
    app: App, other: App, redis: Redis, budget: Budget
) -> None:
    app.limiter(budget).refused(PAUSE)
    redis.flushall()
    assert other.limiter(budget).acquire() > PAUSE - 60
    # Also when another account was asked for first.
    redis.flushall()
    other.limiter(Budget("another", burst=10, rate=1.0)).acquire()
    assert other.limiter(budget).acquire() > PAUSE - 60


@pytest.mark.promise("G8")
@pytest.mark.promise("G10")
def test_a_day_that_is_used_up_stays_so(app: App, other: App, redis: Redis) -> None:
    assert drawn(app.limiter(DAILY)) == DAILY.per_day * BRIM
    redis.flushall()
    # What was counted since it was last kept, and no more.
    assert drawn(other.limiter(DAILY)) < DAILY.per_day * 0.02
    assert other.limiter(DAILY).acquire() > HOUR


def test_an_account_that_was_never_used_starts_at_once(app: App) -> None:
    assert drawn(app.limiter(SLOW)) == SLOW.burst * BRIM


def test_an_account_that_was_idle_starts_at_once(app: App, redis: Redis) -> None:
    drawn(app.limiter(SLOW))
    # As Redis does when the count has stopped to matter.
    redis.delete("retro:budget:portal")
    assert drawn(app.limiter(SLOW)) == SLOW.burst * BRIM


@pytest.mark.promise("G8")
def test_a_portal_refuses_nothing_when_redis_is_emptied_amid_a_pull(app: App, redis: Redis) -> None:
    options = SandboxOptions(records=60, limit="published")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    def faster(budget: Budget) -> Limiter:
        return app.limiter(Budget(budget.account, budget.burst, budget.rate * FASTER))

    with serving(create_app(options, lambda: time.monotonic() * FASTER)) as base:
        portal = Sandbox(options, base)
        config = portal.connector().config
        with closing(Bitrix24(config, Wire(limiter=faster, sleep=sleep, bulk=True))) as connector:
            while not waits:
                connector.check()
            redis.flushall()
            for _ in range(AFTERWARDS):
                connector.check()
        assert [entry["method"] for entry in portal.log() if entry["refused"]] == []
        for each in portal.made:
            each.close()
