"""The queues, on RQ 3: what goes in, who takes it out, what is in there.

A job is a doorbell: a path such as `workers.jobs.pull` and ids as arguments. Everything else is in
the database, and a job that runs twice or is lost is the database's to notice.

A job that catches Exception lets `TimedOut` pass: it is how RQ ends a job that hangs.
"""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import Literal

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError
from rq import Queue, Retry, Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseTimeoutException as TimedOut
from rq.utils import import_attribute
from rq.worker_registration import register

from workers.leash import die_with_parent

__all__ = [
    "QUEUES",
    "QueueCounts",
    "QueueName",
    "TimedOut",
    "build_worker",
    "counts",
    "enqueue",
    "living_workers",
]

QueueName = Literal["hooks", "push", "pull", "rules"]
QUEUES: tuple[QueueName, ...] = ("hooks", "push", "pull", "rules")

# A slice takes about 4 minutes; this is the net below it.
JOB_SECONDS = 15 * 60
RESULT_SECONDS = 5 * 60
FAILURE_SECONDS = 7 * 24 * 3600
# For a work horse that was killed. At once: RQ keeps delayed retries for a scheduler of its own,
# which is not used here.
RETRIES = 2
MONITORING_SECONDS = 10
MAINTENANCE_SECONDS = 30
# RQ waits on an empty queue for this less 15 seconds, and does its maintenance between two waits.
WORKER_SECONDS = MAINTENANCE_SECONDS + 15
LONGEST_RECONNECT_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueCounts:
    waiting: int
    running: int
    failed: int
    workers: int


def enqueue(redis: Redis, name: QueueName, job_path: str, *ids: str | int, job_id: str) -> bool:
    """Ring the bell `job_id` (letters, digits, - and _). False when it rings already: a job of
    that id waits in the queue, not yet taken out by a worker.

    A job that was taken out does not count, alive or dead: it may have read before what this bell
    is about. So each one gets a name of its own in RQ, which would else mix up the two.
    """
    queue = _queue(redis, name)
    bell = f"retro:bell:{name}:{job_id}"
    with redis.pipeline() as pipe:
        while True:
            try:
                pipe.watch(bell)  # type: ignore[no-untyped-call]  # redis does not annotate it
                ringing = pipe.get(bell)
                if ringing is not None and pipe.lpos(queue.key, _text(ringing)) is not None:
                    return False
                rq_id = f"{job_id}-{token_hex(4)}"
                pipe.multi()
                queue.enqueue_call(
                    job_path,
                    args=ids,
                    job_id=rq_id,
                    timeout=JOB_SECONDS,
                    result_ttl=RESULT_SECONDS,
                    failure_ttl=FAILURE_SECONDS,
                    retry=Retry(max=RETRIES),
                    pipeline=pipe,
                )
                pipe.set(bell, rq_id, ex=FAILURE_SECONDS)
                pipe.execute()
                return True
            except WatchError:
                continue


def counts(redis: Redis) -> dict[QueueName, QueueCounts]:
    """Reads only: counting with RQ's clean-up would move jobs that a worker is about to handle."""
    return {name: _counts(_queue(redis, name)) for name in QUEUES}


def living_workers(redis: Redis, name: QueueName) -> int:
    """Workers that said within their time to live (about two minutes) that they are there."""
    keys = Worker.all_keys(queue=_queue(redis, name))
    return sum(bool(redis.exists(key)) for key in keys)


def build_worker(redis: Redis, name: QueueName, *, on_killed: str) -> Worker:
    """The worker of one queue, to be run by `work()` in a main thread. One queue each: a worker on
    several can lose jobs.

    `on_killed` is the path of a function called in the worker when a work horse was killed, with
    the path of the job and its arguments; RQ then repeats the job or files it as failed.
    """
    return LeashedWorker(
        [_queue(redis, name)],
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=WORKER_SECONDS,
        job_monitoring_interval=MONITORING_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        work_horse_killed_handler=killed_handler(on_killed),
    )


class LeashedWorker(Worker):
    """Its work horse dies with it: a horse left alone would go on with a job that is started a
    second time elsewhere."""

    max_connection_wait_time = LONGEST_RECONNECT_SECONDS

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """RQ puts a worker on its list once: who empties Redis empties that, and a worker that goes
        on with its work would count as dead."""
        super().heartbeat(timeout, pipeline)
        register(self, pipeline)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        assert self.pid is not None
        die_with_parent(self.pid)
        super().main_work_horse(job, queue)


def killed_handler(on_killed: str) -> Callable[[Job, int, int, object], None]:
    def handle(job: Job, _pid: int, status: int, _usage: object) -> None:
        by = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "exit"
        log.error("A work horse was killed.", extra={"job": job.id, "by": by})
        try:
            import_attribute(on_killed)(job.func_name, *job.args)
        except TimedOut:
            raise
        except Exception:  # the worker must go on to file the job, whatever went wrong here
            log.exception("The killed job could not be reported.", extra={"job": job.id})

    return handle


def _queue(redis: Redis, name: QueueName) -> Queue:
    return Queue(name, connection=redis, serializer=JSONSerializer)


def _counts(queue: Queue) -> QueueCounts:
    return QueueCounts(
        waiting=queue.count,
        running=queue.started_job_registry.get_job_count(cleanup=False),
        failed=queue.failed_job_registry.get_job_count(cleanup=False),
        workers=Worker.count(queue=queue),
    )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
