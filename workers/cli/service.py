"""retro run, web, schedule-loop, worker, doctor."""

import gc
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from importlib import import_module

import click
from sqlalchemy.orm import configure_mappers

from config.settings import Settings, load_settings
from rules.yaml_file import FileProblem
from workers.app import trusted
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.doctor import examine
from workers.errors import CannotRun
from workers.logs import log_for
from workers.queues import QUEUES, QueueName, build_worker
from workers.scheduler import Scheduler
from workers.service import become_web, run_service


@click.command("run")
@json_option
def run_command(as_json: bool) -> None:
    """The service, all in one: web page, scheduler, workers and their Redis."""
    settings = load_settings(os.environ)
    run_service(settings, lambda: _started(as_json, "run", page=settings.page_url))


@click.command("web")
@json_option
def web_command(as_json: bool) -> None:
    """The web page and the webhooks, as one process."""
    _started(as_json, "web", page=load_settings(os.environ).page_url)
    become_web()


@click.command("schedule-loop")
@json_option
def schedule_loop_command(as_json: bool) -> None:
    """The scheduler, as one process; any number may run."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with opened() as app:
        log_for(app)
        _started(as_json, "schedule-loop")
        Scheduler(app).run(stop)


def _started(as_json: bool, command: str, **more: str) -> None:
    """The one document of a command that serves until it is ended: who it is."""
    if as_json:
        document = {"command": command, "pid": os.getpid(), **more}
        sys.stdout.write(f"{json.dumps(document)}\n")
        sys.stdout.flush()


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
        _started(as_json, "worker", queue=queue)
        build_worker(redis, queue, on_killed="workers.jobs.note_killed").work()


def _preload(queue: QueueName, settings: Settings) -> None:
    import_module("workers.jobs")
    configure_mappers()
    trusted()
    if queue == "rules":
        import_module("workers.followup")
        library = import_module("workers.library")
        # Files that are refused are told of by the job that needs them.
        with suppress(FileProblem):
            library.catalogue(settings)
            library.rules_in_force(settings)
    # What is here stays here: without this, each horse would copy most of it to look for garbage.
    gc.collect()
    gc.freeze()


@click.command("doctor")
@json_option
def doctor_command(as_json: bool) -> Status:
    """Whether this machine and installation are fit to run."""
    output = Output(as_json)
    findings = examine(load_settings(os.environ))
    if as_json:
        output.document(findings)
    else:
        output.table(
            "",
            ("", "what", "found"),
            (("ok" if f.good else "!!", f.what, f.found) for f in findings),
        )
    return Status.DONE if all(each.good for each in findings) else Status.FAILED
