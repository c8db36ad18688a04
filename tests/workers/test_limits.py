from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from connectors.budget import BRIM, CAREFUL_FOR, Bucket, Budget, Limiter, Used
from tests.workers.conftest import StartPython
from workers.limits import MemoryLimiter, MemoryLimiters, Noted, RedisLimiter, RedisMeter

# So slow that nothing drains while a test runs.
SLOW = Budget("portal", burst=10, rate=0.001)
AT_ONCE = int(SLOW.burst * BRIM)
ROOMY = Budget("portal", burst=1000, rate=0.001)


def kept(redis: Redis, account: str = "portal") -> Bucket:
    value = redis.get(f"retro:budget:{account}")
    assert isinstance(value, bytes)
    return msgspec.json.decode(value, type=Bucket)


@pytest.fixture(params=["memory", "redis"])
def slow_limiter(request: pytest.FixtureRequest) -> Limiter:
    if request.param == "memory":
        return MemoryLimiter(SLOW)
    return RedisLimiter(request.getfixturevalue("redis"), SLOW)


def test_requests_go_at_once_up_to_the_brim_and_wait_above_it(slow_limiter: Limiter) -> None:
    delays = [slow_limiter.acquire() for _ in range(AT_ONCE + 1)]
    assert delays[:-1] == [0.0] * AT_ONCE
    assert delays[-1] == pytest.approx(1000, abs=60)


def test_after_a_refusal_everyone_waits_as_long_as_the_tool_asked(slow_limiter: Limiter) -> None:
    slow_limiter.refused(retry_after=50_000.0)
    assert slow_limiter.acquire() == pytest.approx(50_000, abs=60)


@pytest.mark.promise("G8")
def test_two_limiters_of_one_account_share_its_budget(redis: Redis) -> None:
    first, second = RedisLimiter(redis, SLOW), RedisLimiter(redis, SLOW)
    assert [first.acquire() for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert second.acquire() > 0


def test_another_account_has_a_budget_of_its_own(redis: Redis) -> None:
    for _ in range(AT_ONCE):
        RedisLimiter(redis, SLOW).acquire()
    assert RedisLimiter(redis, Budget("other", burst=10, rate=0.001)).acquire() == 0.0


@pytest.mark.promise("G8")
def test_processes_and_threads_lose_no_request_of_each_other(
    redis_address: str, redis: Redis, start_python: StartPython
) -> None:
    arguments = ("-m", "tests.workers.take_budget", redis_address, "portal", "50")
    programs = [start_python(*arguments) for _ in range(3)]
    for program in programs:
        assert program.ended_within(30)
        assert program.exited() == 0
    assert kept(redis).level == pytest.approx(150, abs=0.5)


def test_threads_lose_no_request_of_each_other_in_memory() -> None:
    def now() -> float:
        # A call to the system lets other threads run in the middle of counting.
        Path("/").stat()
        return 0.0

    limiter = MemoryLimiter(Budget("portal", burst=1000, rate=1.0), now)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: limiter.acquire(), range(int(1000 * BRIM))))
    assert limiter.acquire() == 1.0


def test_the_clients_of_one_process_share_an_account() -> None:
    limiters = MemoryLimiters()
    assert limiters.limiter(SLOW) is limiters.limiter(SLOW)
    assert limiters.limiter(SLOW) is not limiters.limiter(Budget("other", burst=10, rate=0.001))


def test_time_is_the_one_of_redis(redis: Redis) -> None:
    seconds, _ = redis.time()
    RedisLimiter(redis, ROOMY).acquire()
    assert kept(redis).at == pytest.approx(seconds, abs=5)


def test_a_count_is_forgotten_when_it_has_stopped_to_matter(redis: Redis) -> None:
    limiter = RedisLimiter(redis, Budget("portal", burst=50, rate=2.0))
    limiter.acquire()
    assert 55 <= redis.ttl("retro:budget:portal") <= 62
    limiter.refused(retry_after=1.0)
    assert redis.ttl("retro:budget:portal") == pytest.approx(CAREFUL_FOR + 60, abs=5)


@pytest.mark.promise("G8")
def test_the_pause_that_a_tool_asks_for_is_obeyed_by_all(redis: Redis) -> None:
    first, second = RedisLimiter(redis, ROOMY), RedisLimiter(redis, ROOMY)
    first.refused(retry_after=50_000.0)
    assert second.acquire() == pytest.approx(50_000, abs=60)
    assert second.acquire(urgent=True) == pytest.approx(50_000, abs=60)


def test_a_clock_set_back_by_an_hour_makes_no_budget_wait_for_it() -> None:
    moment = [10_000.0]
    budget = Budget("portal", burst=10, rate=2.0)
    limiter = MemoryLimiter(budget, lambda: moment[0])
    while limiter.acquire() == 0.0:
        pass
    moment[0] -= 3600.0
    for _ in range(10):
        delay = limiter.acquire()
        assert delay <= 0.5
        moment[0] += delay
    limiter.refused(retry_after=30.0)
    moment[0] -= 3600.0
    assert limiter.acquire() == 30.0


def test_a_clock_set_back_makes_no_limit_wait_for_it_that_the_tool_counts(redis: Redis) -> None:
    meter, (seconds, _) = RedisMeter(redis, "portal"), redis.time()
    noted = Noted(410.0, until=seconds + 3900.0, at=seconds + 3600.0)
    redis.hset("retro:meter:portal", "crm.item.list", msgspec.json.encode(noted))
    assert meter.read("crm.item.list") == Used(410.0, resets_in=300.0)
    # As versions before this one left it.
    redis.hset("retro:meter:portal", "crm.item.get", msgspec.json.encode((1.0, seconds + 300.0)))
    assert meter.read("crm.item.get") is not None


@pytest.mark.promise("G8")
def test_reads_leave_room_for_writes(slow_limiter: Limiter) -> None:
    while slow_limiter.acquire() == 0.0:
        pass
    assert slow_limiter.acquire(urgent=True) == 0.0


@pytest.mark.promise("G8")
def test_what_a_tool_told_of_its_own_limits_is_known_to_all_until_it_is_reset(redis: Redis) -> None:
    first, second = RedisMeter(redis, "portal"), RedisMeter(redis, "portal")
    first.note("crm.item.list", Used(410.0, resets_in=300.0))
    first.note("crm.item.get", Used(1.0, resets_in=-1.0))
    used = second.read("crm.item.list")
    assert used is not None
    assert (used.amount, used.resets_in) == (410.0, pytest.approx(300, abs=5))
    assert second.read("crm.item.get") is None
    assert second.read("tasks.task.list") is None
    assert RedisMeter(redis, "other").read("crm.item.list") is None


def test_the_clients_of_one_process_share_what_a_tool_told() -> None:
    limiters = MemoryLimiters()
    limiters.meter("portal").note("crm.item.list", Used(410.0, resets_in=300.0))
    assert limiters.meter("portal").read("crm.item.list") is not None
    assert limiters.meter("other").read("crm.item.list") is None
