"""Whether this installation can do its work now: database, Redis, a worker for each queue, and a
scheduler. A scheduler says in Redis that it lives; what does not say so for a while is gone."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from sync.store.database import newest_revision
from workers.app import App
from workers.queues import QUEUES, living_workers

# Said with each reconciliation, every 15 seconds.
SCHEDULER_SECONDS = 45
SCHEDULERS = "retro:scheduler:"


@dataclass(frozen=True)
class Part:
    """`told` is "ok", or what is missing, without addresses and secrets."""

    name: str
    told: str = "ok"

    @property
    def ready(self) -> bool:
        return self.told == "ok"


def note_scheduler(app: App) -> None:
    if app.redis is not None:
        app.redis.set(_this_scheduler(), 1, ex=SCHEDULER_SECONDS)


def forget_scheduler(app: App) -> None:
    """It has ended."""
    if app.redis is not None:
        with suppress(RedisError):
            app.redis.delete(_this_scheduler())


def _this_scheduler() -> str:
    return f"{SCHEDULERS}{socket.gethostname()}:{os.getpid()}"


def living(redis: Redis) -> list[str]:
    """The processes that say they live, apart from web pages, which say nothing.

    Raises RedisError."""
    workers = [f"worker of {queue}" for queue in QUEUES if living_workers(redis, queue)]
    return [*workers, *(["scheduler"] if _any_scheduler(redis) else [])]


def readiness(app: App) -> list[Part]:
    return [_database(app), *_redis(app)]


def _database(app: App) -> Part:
    try:
        held = app.database.revision()
    except SQLAlchemyError as error:
        return Part("database", f"cannot be reached: {type(error).__name__}")
    newest = newest_revision()
    if held != newest:
        return Part("database", f"is at revision {held}, and this version works with {newest}")
    return Part("database")


def _redis(app: App) -> Iterator[Part]:
    try:
        if app.redis is None:
            raise RedisError
        found = [Part("redis"), *_processes(app.redis)]
    except (RedisError, OSError) as error:
        found = [Part("redis", f"cannot be reached: {type(error).__name__}")]
    yield from found


def _processes(redis: Redis) -> Iterator[Part]:
    for queue in QUEUES:
        alive = living_workers(redis, queue)
        yield Part(f"worker of {queue}", "ok" if alive else "none is alive")
    yield Part("scheduler", "ok" if _any_scheduler(redis) else "none is alive")


def _any_scheduler(redis: Redis) -> bool:
    return next(iter(redis.scan_iter(f"{SCHEDULERS}*", count=1000)), None) is not None
