"""Pulls and pushes on request, in this process, waiting for their end."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from connectors.models import Stream
from connectors.port import readable_streams
from connectors.registry import tool
from sync.store import by_hand, connections, runs
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Mode, Run, RunStatus, Trigger
from workers.app import App
from workers.clock import machine_now
from workers.errors import CannotRun
from workers.running import work_on

POLL_SECONDS = 0.5


def pull_now(
    app: App,
    name: str,
    streams: Sequence[Stream] = (),
    *,
    full: bool = False,
    since: datetime | None = None,
    on_page: Callable[[int], None] = lambda _read: None,
) -> list[Run]:
    """Pull the streams one after another, all of them when none is named. A stream that fails
    does not keep the others from being pulled.

    Raises UnknownConnection, CannotRun when the tool does not have a stream.
    """
    with app.database.reading() as session:
        row = connections.connection_named(session, name)
    offered = readable_streams(tool(row.kind))
    unknown = [stream.value for stream in streams if stream not in offered]
    if unknown:
        raise CannotRun(f"{row.kind} has no {', '.join(unknown)}; it has: {', '.join(offered)}.")
    mode = Mode.FULL if full else Mode.INCREMENTAL
    assert row.id is not None
    return [
        finish_now(app, row.id, stream, mode, since=since, on_page=on_page)
        for stream in streams or offered
    ]


def push_now(app: App, connection_id: int) -> Run:
    """Whoever asks for it does not wait for what was put off, unless the tool asked for a pause."""
    with app.database.writing() as session:
        by_hand.hurry(session, connection_id)
    return finish_now(app, connection_id, PUSH, Mode.PUSH)


def finish_now(
    app: App,
    connection_id: int,
    stream: str,
    mode: Mode,
    *,
    since: datetime | None = None,
    on_page: Callable[[int], None] = lambda _read: None,
) -> Run:
    """Work on the run, or wait for the worker that does, until it has ended. One that is under way
    and was asked for something else is seen to its end first."""
    while True:
        with app.database.writing() as session:
            run = runs.queue_run(
                session,
                connection_id,
                stream,
                mode=mode,
                trigger=Trigger.MANUAL,
                at=machine_now(),
                since=since,
            )
            assert run.id is not None
            serves = runs.serves(run, mode, since)
        ended = _until_ended(app, run.id, on_page)
        if serves:
            return ended


def _until_ended(app: App, run_id: int, on_page: Callable[[int], None]) -> Run:
    while True:
        status = work_on(app, run_id, on_page)
        with app.database.reading() as session:
            run = runs.get_run(session, run_id)
        if run.status not in ACTIVE_STATUSES:
            return run
        if status is not RunStatus.QUEUED:
            time.sleep(POLL_SECONDS)
