"""A process that draws on an account: `take_budget.py URL ACCOUNT TIMES`."""

import sys
from concurrent.futures import ThreadPoolExecutor

from redis import Redis

from connectors.budget import Budget
from workers.limits import RedisLimiter

if __name__ == "__main__":
    url, account, times = sys.argv[1:]
    limiter = RedisLimiter(Redis.from_url(url), Budget(account, burst=1000, rate=0.001))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: limiter.acquire(), range(int(times))))
