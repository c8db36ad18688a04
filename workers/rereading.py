"""Single records read again now: what a webhook named, and what was set aside."""

from collections.abc import Sequence
from contextlib import closing, suppress

from sqlmodel import Session

from connectors.capabilities import ReadsById
from connectors.errors import ConnectorError
from connectors.models import Stream
from sync import health
from sync.hints import read_again
from sync.reconcile_tasks import reconcile_tasks
from sync.store import connections, cursors, runs
from sync.store.mirror import Feed
from sync.store.runs import Lease, LeaseLost
from sync.tables.connections import Connection
from sync.tables.runs import Mode, RunStatus, Trigger
from workers import doorbell
from workers.actions import this_moment
from workers.app import App
from workers.errors import CannotRun, NotThere
from workers.rounds import connector_of
from workers.running import left_in_words, this_worker


def reread(app: App, feed: Feed, ids: Sequence[str], trigger: Trigger) -> bool:
    """False when nothing was read, since another run of the stream is active.

    Raises ConnectorError, when the run has failed with it, as with a defect. What is wrong with the
    machine leaves the run to whoever takes it next.
    """
    now = app.database.now()
    with app.database.writing() as session:
        run = runs.queue_run(
            session,
            feed.connection_id,
            feed.stream.value,
            mode=Mode.INCREMENTAL,
            trigger=trigger,
            at=now,
        )
        if run.trigger is not trigger or run.queued_at != now or run.id is None:
            return False
        lease = runs.take_run(session, run.id, this_worker(), now)
        if lease is None:
            return False
        connection = connections.connection_with(session, feed.connection_id)
    try:
        with left_in_words(app, lease, run):
            _read(app, connection, feed, lease, ids)
    except LeaseLost:
        return False
    except ConnectorError as error:
        # Who has the run now tells what became of it.
        with suppress(LeaseLost), app.database.writing() as session:
            told = health.describe(session, feed.connection_id, error)
            health.note_failure(session, feed.connection_id, error)
            runs.finish(
                session, lease, RunStatus.FAILED, app.database.now(), seconds=0.0, error=told
            )
        raise
    return True


def _read(app: App, connection: Connection, feed: Feed, lease: Lease, ids: Sequence[str]) -> None:
    with closing(connector_of(app, connection)) as connector:

        def merge(session: Session) -> None:
            if feed.stream is Stream.TASKS:
                meaning = connector.config.task_statuses
                reconcile_tasks(session, feed.connection_id, meaning, this_moment(app))

        now = app.database.now
        read_again(app.database, connector, feed, lease, ids, now, at_end=merge)


def replay(app: App, number: int) -> None:
    """Read a record again that was set aside; it is taken, or set aside anew with its reason.

    Raises NotThere, CannotRun, ConnectorError.
    """
    with app.database.reading() as session:
        row = cursors.set_aside_with(session, number)
        if row is None:
            raise NotThere(f"No record was set aside under {number}.")
        connection = connections.connection_with(session, row.connection_id)
    if row.record_id == row.reason:
        raise CannotRun(
            f"Record {number} has no id by which it could be asked for; correct it in the tool, "
            "and the next full pull takes it."
        )
    with closing(app.connector(connection)) as connector:
        if not isinstance(connector, ReadsById):
            raise CannotRun(
                f"{connector.label} is not asked for single records; correct {row.record_id} "
                f"there, and the next pull of {connection.name} takes it."
            )
    feed = Feed(row.connection_id, Stream(row.stream))
    if not reread(app, feed, [row.record_id], Trigger.REPLAY):
        raise CannotRun(f"A pull of {row.stream} is running; try again when it is over.")
    doorbell.ring_for_rules(app)
