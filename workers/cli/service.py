"""retro run, web, schedule-loop."""

import os
import signal
import threading

import click

from config.settings import load_settings
from workers.cli.context import json_option, opened
from workers.cli.output import tell_started
from workers.errors import CannotRun
from workers.logs import log_for
from workers.scheduler import Scheduler
from workers.service import become_web, run_service


@click.command("run")
@json_option
def run_command(as_json: bool) -> None:
    """The service, all in one: web page, scheduler, workers and their Redis."""
    settings = load_settings(os.environ)
    run_service(settings, lambda: tell_started(as_json, "run", page=settings.page_url))


@click.command("web")
@json_option
def web_command(as_json: bool) -> None:
    """The web page and the webhooks, as one process."""
    tell_started(as_json, "web", page=load_settings(os.environ).page_url)
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
        if app.redis is None:
            raise CannotRun("A scheduler needs the Redis of the service: set RETRO_REDIS_URL.")
        tell_started(as_json, "schedule-loop")
        Scheduler(app).run(stop)
