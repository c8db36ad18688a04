"""What every command starts from."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from redis import Redis
from redis.exceptions import RedisError

from config.settings import Settings, load_settings
from sync.tables.columns import LARGEST
from workers.app import App, open_app
from workers.embedded import redis_url
from workers.errors import CannotRun
from workers.redis_trouble import redis_trouble

# What a database counts with.
NUMBER = click.IntRange(1, LARGEST)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(command)


@contextmanager
def opened() -> Iterator[App]:
    """The installation this command works on, with the Redis of the running service if any.

    Raises CannotRun in place of a RedisError, which does not know how it was named.
    """
    settings = load_settings(os.environ)
    app = open_app(settings, _redis(settings))
    try:
        yield app
    except RedisError as error:
        raise CannotRun(redis_trouble(settings, error)) from error
    finally:
        app.close()


def _redis(settings: Settings) -> Redis | None:
    """The Redis that was named, or the embedded one while the service runs."""
    if settings.redis_url is not None:
        return Redis.from_url(settings.redis_url)
    if not settings.redis_socket.exists():
        return None
    redis = Redis.from_url(redis_url(settings.home))
    try:
        redis.ping()
    except (RedisError, OSError):
        redis.close()
        return None
    return redis
