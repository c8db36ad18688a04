"""A process that draws on an account: `take_budget.py WHERE ACCOUNT TIMES`, where WHERE is the
address of a Redis or a folder."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from redis import Redis

from connectors.budget import Budget, Limiter
from workers.home_limits import HomeLimiter
from workers.limits import MemoryLimiter, RedisLimiter


def _limiter(where: str, budget: Budget) -> Limiter:
    if "://" in where:
        return RedisLimiter(Redis.from_url(where), budget)
    return HomeLimiter(Path(where), budget, MemoryLimiter(budget))


if __name__ == "__main__":
    where, account, times = sys.argv[1:]
    limiter = _limiter(where, Budget(account, burst=1000, rate=0.001))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: limiter.acquire(), range(int(times))))
