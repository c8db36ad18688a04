"""The jobs of the queues. Their paths are stored in Redis: treat them as public names.

A job is given ids and finds everything else in the database. It opens its own database and clients
in the work horse and closes them at its end.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from config.settings import load_settings
from sync.tables.runs import RunStatus
from workers import doorbell, followup, hooks
from workers.app import App, open_app
from workers.embedded import redis_url
from workers.running import work_on


@contextmanager
def opened_app() -> Iterator[App]:
    settings = load_settings(os.environ)
    redis = Redis.from_url(settings.redis_url or redis_url(settings.home))
    app = open_app(settings, redis, upgrade=False)
    try:
        yield app
    finally:
        app.close()


def pull(run_id: int) -> None:
    """Work on a pull; a slice that is over rings for the next one."""
    with opened_app() as app:
        status = work_on(app, run_id)
        if status is RunStatus.QUEUED:
            doorbell.ring_again(app, run_id)
        elif status is RunStatus.SUCCEEDED:
            doorbell.ring_for_rules(app)


def push(run_id: int) -> None:
    with opened_app() as app:
        if work_on(app, run_id) is RunStatus.QUEUED:
            doorbell.ring_again(app, run_id)


def apply_hook(event_id: int) -> None:
    with opened_app() as app:
        hooks.apply_hint(app, event_id)


def evaluate_rules() -> None:
    with opened_app() as app:
        followup.follow_up(app)
        doorbell.ring_for_pushes(app)


def note_killed(job_path: str, *ids: int) -> None:
    """A work horse died. Its run's lease runs out and the reconciler hands the run on; nothing is
    to be done here that could be lost with this process too."""
