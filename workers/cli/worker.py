"""retro worker. Apart from the other commands: six of these start with the service, and wait for
what they import."""

import gc
from contextlib import suppress
from importlib import import_module

import click
from sqlalchemy.orm import configure_mappers

from config.settings import Settings
from rules.yaml_file import FileProblem
from workers.app import trusted
from workers.cli.context import json_option, opened
from workers.cli.output import tell_started
from workers.errors import CannotRun
from workers.logs import log_for
from workers.queues import QUEUES, QueueName, build_worker


@click.command("worker")
@click.option("--queue", type=click.Choice(QUEUES), required=True, help="Whose work it does.")
@json_option
def worker_command(queue: QueueName, as_json: bool) -> None:
    """One worker of one queue."""
    with opened() as app:
        log_for(app)
        if app.redis is None:
            raise CannotRun("A worker needs the Redis of the service: set RETRO_REDIS_URL.")
        redis = app.redis
        # Imported here, once, so that no work horse has to: it takes longer than most jobs.
        _preload(queue, app.settings)
        # The horses open their own; a connection shared over a fork would mix up its answers.
        app.database.close()
        tell_started(as_json, "worker", queue=queue)
        build_worker(redis, queue, on_killed="workers.jobs.note_killed").work()


def _preload(queue: QueueName, settings: Settings) -> None:
    import_module("workers.jobs")
    # httpx loads it with its first client.
    import_module("httpcore")
    configure_mappers()
    trusted()
    if queue == "rules":
        import_module("workers.followup")
        library = import_module("workers.library")
        # Files that are refused are told of by the job that needs them.
        with suppress(FileProblem):
            library.catalogue(settings)
            library.rules_in_force(settings)
        # The holidays of all countries are loaded with the first one.
        library.calendar(settings)
    # What is here stays here: without this, each horse would copy most of it to look for garbage.
    gc.collect()
    gc.freeze()
