"""A worker process for the tests: `run_worker.py URL QUEUE [PATH OF THE KILLED-CALLBACK]`."""

import sys
from typing import cast

from redis import Redis

from workers.queues import QueueName, build_worker

if __name__ == "__main__":
    url, queue, *rest = sys.argv[1:]
    on_killed = rest[0] if rest else "tests.workers.jobs.note_killed"
    build_worker(Redis.from_url(url), cast(QueueName, queue), on_killed=on_killed).work()
