"""The jobs of the queues. Their paths are stored in Redis: treat them as public names.

A job is given ids and finds everything else in the database. It opens its own database and clients
in the work horse and closes them at its end. What goes wrong is told in one line; the database
still holds the work, or that the rules are wanted, and the scheduler rings for it again.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError

from config.settings import load_settings
from connectors.errors import ConnectorError
from connectors.models import Stream
from rules.yaml_file import FileProblem
from sync.pull import SLICE
from sync.store import past_runs, runs
from sync.store.connections import SettingsOutdated, connection_with
from sync.store.database import DATABASE_AWAY
from sync.tables.runs import RunStatus
from sync.vault import SecretsUnreadable
from workers import doorbell, hooks
from workers.app import App, open_app
from workers.embedded import redis_url
from workers.errors import CannotRun, one_line
from workers.queues import TimedOut
from workers.rounds import Round, a_round
from workers.running import work_on

# What passes by itself or is mended by a person: a traceback would tell neither anything.
EXPECTED = (
    *DATABASE_AWAY,
    CannotRun,
    ConnectorError,
    FileProblem,
    RedisError,
    SecretsUnreadable,
    SettingsOutdated,
)

log = logging.getLogger(__name__)


@contextmanager
def opened_app(work: str) -> Iterator[App]:
    """`work` names the job where it fails."""
    try:
        settings = load_settings(os.environ)
        redis = Redis.from_url(settings.redis_url or redis_url(settings.home))
        app = open_app(settings, redis, upgrade=False)
        try:
            yield app
        finally:
            app.close()
    except TimedOut:
        raise
    except EXPECTED as error:
        log.error("%s failed: %s", work, one_line(error))
    except Exception as error:  # told in our words, then left to RQ with its traceback
        log.error("%s failed: %s", work, one_line(error))
        raise


def pull(run_id: int) -> None:
    """Work on a pull; a slice that is over rings for the next one. What else the connection is to
    be read for, by what changed, is read in one go with it.

    What changed nothing fires no rule (G2); what time alone brings, the rules' schedule finds. Of
    several pulls that are under way the last one rings, when all that came in is there.
    """
    started = time.monotonic()
    with opened_app(f"run {run_id}") as app:
        with app.database.reading() as session:
            beside = past_runs.queued_beside(session, run_id)
        with a_round(app, [Stream(stream) for stream in beside.values()]) as around:
            for each in beside or (run_id,):
                if time.monotonic() - started > SLICE.total_seconds():
                    return
                status = _work_on(app, each, around)
                if status is RunStatus.SUCCEEDED and _is_last_to_change(app, each):
                    doorbell.ring_for_rules(app)


def push(run_id: int) -> None:
    with opened_app(f"run {run_id}") as app:
        _work_on(app, run_id)


def apply_hook(event_id: int) -> None:
    with opened_app(f"webhook {event_id}") as app:
        hooks.apply_hint(app, event_id)


def evaluate_rules() -> None:
    # Only the worker of this queue needs the statistics, and has imported them before.
    from workers import followup

    with opened_app("evaluation of the rules") as app:
        followup.follow_up(app)
        doorbell.ring_for_pushes(app)


def note_killed(job_path: str, *ids: int) -> None:
    """A work horse died. Its run's lease runs out and the reconciler hands the run on; nothing is
    to be done here that could be lost with this process too."""


def _is_last_to_change(app: App, run_id: int) -> bool:
    with app.database.reading() as session:
        return not past_runs.any_active(session) and past_runs.changed_lately(session, run_id)


def _work_on(app: App, run_id: int, around: Round | None = None) -> RunStatus | None:
    status = work_on(app, run_id, around=around)
    if status is RunStatus.QUEUED:
        doorbell.ring_again(app, run_id)
    elif status is RunStatus.FAILED:
        _tell(app, run_id)
    return status


def _tell(app: App, run_id: int) -> None:
    with app.database.reading() as session:
        run = runs.get_run(session, run_id)
        name = connection_with(session, run.connection_id).name
    error = run.error or {}
    said = f"{error.get('message', '')} {error.get('next_step', '')}".strip()
    log.error("run %s (%s of %s) failed: %s", run_id, run.stream, name, said)
