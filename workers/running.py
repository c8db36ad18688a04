"""Works on one run, in a job or in a command: takes it, makes its connector, leaves it in words."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from traceback import extract_tb

from redis.exceptions import RedisError
from sqlmodel import Session

from connectors.errors import ConnectorError
from connectors.models import Stream
from sync import health
from sync.heartbeat import heartbeat
from sync.pull import Pull, run_pull
from sync.push import Push, run_push
from sync.reconcile_tasks import reconcile_tasks
from sync.store import connections, cursors, runs
from sync.store.database import DATABASE_AWAY
from sync.store.mirror import Feed
from sync.store.runs import Lease, LeaseLost, Worker
from sync.tables.connections import Connection, ConnectionState
from sync.tables.runs import PUSH, Run, RunStatus
from workers.actions import this_moment
from workers.app import App
from workers.memory import collecting_rarely, give_back_large_blocks
from workers.moves import address_kept
from workers.queues import TimedOut
from workers.rounds import Round, a_round, connector_of

# What is wrong with the machine and not with the run.
PASSING = (*DATABASE_AWAY, RedisError, TimedOut)
INTERRUPTED = "Interrupted"


def this_worker() -> Worker:
    return Worker(socket.gethostname(), os.getpid())


def work_on(
    app: App,
    run_id: int,
    on_page: Callable[[int], None] = lambda _read: None,
    around: Round | None = None,
) -> RunStatus | None:
    """The status the run is left in; None when it ended before or another worker has it.
    `on_page` is told how many records the run has read so far; `around` is the round that a pull is
    one of.

    A defect ends the run as failed and is raised. What is wrong with the machine is raised too and
    leaves the run to whoever takes it next.
    """
    with app.database.writing() as session:
        lease = runs.take_run(session, run_id, this_worker(), app.database.now())
        if lease is None:
            return None
        run = runs.get_run(session, run_id)
        connection = connections.connection_with(session, run.connection_id)
    try:
        with left_in_words(app, lease, run):
            if run.stream == PUSH:
                return _push(app, lease, connection)
            if around is not None:
                return _pull(around, lease, run, connection, on_page)
            with a_round(app) as alone:
                return _pull(alone, lease, run, connection, on_page)
    except LeaseLost:
        return None
    except ConnectorError as error:
        with suppress(LeaseLost):
            return _fail(app, lease, run, connection, error)
        return None


@contextmanager
def left_in_words(app: App, lease: Lease, run: Run) -> Iterator[None]:
    """What interrupts the work on a run, or is a defect, leaves it in words; whatever happens is
    raised. What is wrong with the machine leaves the run to whoever takes it next."""
    try:
        yield
    except (LeaseLost, ConnectorError, *PASSING):
        raise
    except KeyboardInterrupt:
        # Whoever pulls next need not wait for the lease to run out.
        with suppress(LeaseLost), app.database.writing() as session:
            told = {
                "kind": INTERRUPTED,
                "message": "The run was interrupted by hand; what was read so far is kept.",
                "who": "nobody",
                "next_step": "The next one goes on from there.",
                "blocks": [],
            }
            runs.release(session, lease, app.database.now(), seconds=0.0, error=told)
        raise
    except Exception as error:
        _fail_unexpectedly(app, lease, run, error)
        raise


def _push(app: App, lease: Lease, connection: Connection) -> RunStatus:
    with (
        closing(connector_of(app, connection)) as connector,
        address_kept(app, connection, connector),
    ):
        if connection.state is ConnectionState.BROKEN:
            connector.check()
        assert connection.id is not None
        return run_push(Push(app.database, connector, connection.id, lease, app.database.now))


def _pull(
    around: Round, lease: Lease, run: Run, connection: Connection, on_page: Callable[[int], None]
) -> RunStatus:
    app = around.app
    with heartbeat(app.database, lease, app.database.now):
        connector = around.connector(connection)
    with address_kept(app, connection, connector):
        feed = Feed(run.connection_id, Stream(run.stream))

        def paged(read: int) -> None:
            on_page(run.read + read)

        def merge(session: Session) -> None:
            if feed.stream is not Stream.TASKS:
                return
            meaning, begun = connector.config.task_statuses, run.started_at
            settled = begun and begun - connector.lag - connector.longest_call
            now = this_moment(app)
            reconcile_tasks(session, feed.connection_id, meaning, now, settled=settled)

        now = app.database.now
        pull = Pull(app.database, connector, feed, lease, now, on_page=paged, at_end=merge)
        give_back_large_blocks()
        with collecting_rarely():
            return run_pull(pull)


def _fail_unexpectedly(app: App, lease: Lease, run: Run, error: Exception) -> None:
    """A defect of ours ends the run in words: left as it is, it would be begun again for ever.
    Not the error's own text: it may quote a record or a setting."""
    *_, last = extract_tb(error.__traceback__)
    place = f"{Path(last.filename).name}, line {last.lineno}"
    with suppress(LeaseLost), app.database.writing() as session:
        told = {
            "kind": "Unexpected",
            "message": f"The run met a defect of this program: {type(error).__name__} in {place}.",
            "who": "developer",
            "next_step": "Report it with this line; what was read so far is kept.",
            "blocks": health.blocks(session, run.connection_id),
        }
        runs.finish(
            session,
            lease,
            RunStatus.FAILED,
            app.database.now(),
            seconds=0.0,
            complete=False,
            error=told,
        )
        _forget(session, run)


def _fail(
    app: App, lease: Lease, run: Run, connection: Connection, error: ConnectorError
) -> RunStatus:
    """A run that could not begin, or go on. One on a connection known to be broken is not a new
    failure."""
    assert connection.id is not None
    known = connection.state is ConnectionState.BROKEN
    status = RunStatus.CANCELLED if known else RunStatus.FAILED
    with app.database.writing() as session:
        health.note_failure(session, connection.id, error)
        runs.finish(
            session,
            lease,
            status,
            app.database.now(),
            seconds=0.0,
            error=health.describe(session, connection.id, error),
        )
        _forget(session, run)
    return status


def _forget(session: Session, run: Run) -> None:
    """What the slices of a pull handed on to each other."""
    if run.stream != PUSH and run.id is not None:
        cursors.forget_pull(session, Feed(run.connection_id, Stream(run.stream)), run.id)
