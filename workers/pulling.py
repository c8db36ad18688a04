"""Pulls and pushes on request, in this process, waiting for their end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlmodel import Session

from connectors.models import Stream
from connectors.port import readable_streams
from connectors.registry import tool
from sync.store import audit, by_hand, cancelling, connections, cursors, freshness, past_runs, runs
from sync.store.database import again_after_conflict
from sync.store.mirror import Feed
from sync.store.past_runs import found_it_away
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Mode, Run, RunStatus, Trigger
from workers.app import App
from workers.errors import CannotRun, NotThere
from workers.hand import this_hand
from workers.rounds import Round, a_round
from workers.running import work_on

POLL_SECONDS = 0.5
# So long a push that somebody asked for waits for a tool that does not answer.
PATIENCE = timedelta(seconds=30)
OnRun = Callable[[str, int | None], None]
OnWait = Callable[[Run], None]


def offered_streams(kind: str, wanted: Sequence[Stream] = ()) -> tuple[Stream, ...]:
    """Those of the tool, in reading order. Raises CannotRun when it does not have a wanted one."""
    offered = readable_streams(tool(kind))
    unknown = [stream.value for stream in wanted if stream not in offered]
    if unknown:
        raise CannotRun(f"{kind} has no {', '.join(unknown)}; it has: {', '.join(offered)}.")
    return offered


def pull_now(
    app: App,
    name: str,
    streams: Sequence[Stream] = (),
    *,
    full: bool = False,
    since: datetime | None = None,
    on_run: OnRun = lambda _stream, _expected: None,
    on_page: Callable[[int], None] = lambda _read: None,
    on_wait: OnWait = lambda _run: None,
) -> list[Run]:
    """Pull the streams one after another, all of them when none is named. A stream that fails
    does not keep the others from being pulled.

    `on_run` is told of each stream as its pull begins, with how many records a full one will meet
    where that is known; `on_page` how many were read of it so far; `on_wait` of a run that waits,
    again and again until it goes on.

    Raises UnknownConnection, SecretsUnreadable, CannotRun when the tool does not have a stream.
    """
    with app.database.reading() as session:
        row = connections.connection_named(session, name)
    offered = offered_streams(row.kind, streams)
    # Told here, each stream would tell it of its own, and the connection is not what is broken.
    app.vault.open(row.secrets)
    mode = Mode.FULL if full else Mode.INCREMENTAL
    assert row.id is not None
    wanted = streams or offered
    with (
        _queued(app, row.id, wanted, mode, since) as queued,
        a_round(app, () if full else _waiting(queued, mode, since), since) as around,
    ):
        return [
            finish_now(
                app,
                row.id,
                stream,
                mode,
                since=since,
                on_run=on_run,
                on_page=on_page,
                on_wait=on_wait,
                around=around,
                queued=queued[stream],
            )
            for stream in wanted
        ]


@contextmanager
def _queued(
    app: App,
    connection_id: int,
    streams: Sequence[Stream],
    mode: Mode,
    since: datetime | None,
) -> Iterator[Mapping[Stream, Run]]:
    """A run of each stream. Those that are not begun when the block ends, since it was interrupted,
    are left to nobody."""
    at = app.database.now()
    with app.database.writing() as session:
        found = {
            stream: _queue(session, connection_id, stream, mode, since, at) for stream in streams
        }
    try:
        yield found
    finally:
        with app.database.writing() as session:
            ours = [run.id for run in found.values() if run.id and run.queued_at == at]
            cancelling.cancel_unbegun(session, ours, app.database.now())


def _waiting(queued: Mapping[Stream, Run], mode: Mode, since: datetime | None) -> Sequence[Stream]:
    """Those that wait to be read as asked."""
    return [
        stream
        for stream, run in queued.items()
        if run.status is RunStatus.QUEUED and runs.serves(run, mode, since)
    ]


def _queue(
    session: Session,
    connection_id: int,
    stream: str,
    mode: Mode,
    since: datetime | None,
    at: datetime,
) -> Run:
    return runs.queue_run(
        session,
        connection_id,
        stream,
        mode=mode,
        trigger=Trigger.MANUAL,
        at=at,
        since=since,
    )


def push_now(app: App, connection_id: int, on_wait: OnWait = lambda _run: None) -> Run:
    """Whoever asks for it does not wait for what was put off, unless the tool asked for a pause.

    A run that is returned while it waits found the tool away: what it was to send goes out later.
    """

    def hurry() -> None:
        with app.database.writing() as session:
            by_hand.hurry(session, connection_id)

    again_after_conflict(hurry)
    return finish_now(app, connection_id, PUSH, Mode.PUSH, on_wait=on_wait)


def finish_now(
    app: App,
    connection_id: int,
    stream: str,
    mode: Mode,
    *,
    since: datetime | None = None,
    on_run: OnRun = lambda _stream, _expected: None,
    on_page: Callable[[int], None] = lambda _read: None,
    on_wait: OnWait = lambda _run: None,
    around: Round | None = None,
    queued: Run | None = None,
) -> Run:
    """Work on the run, or wait for the worker that does, until it has ended. One that is under way
    and was asked for something else is seen to its end first. One that was `queued` before may have
    ended since: somebody may have cancelled it."""
    while True:
        with app.database.writing() as session:
            run = queued or _queue(session, connection_id, stream, mode, since, app.database.now())
            queued = None
            assert run.id is not None
            serves = runs.serves(run, mode, since)
            total = freshness.last_total(session, connection_id, stream)
        on_run(stream, total if run.mode is Mode.FULL else None)
        ended = _until_ended(app, run.id, on_page, on_wait, around)
        if serves:
            return ended


def _until_ended(
    app: App,
    run_id: int,
    on_page: Callable[[int], None],
    on_wait: OnWait,
    around: Round | None,
) -> Run:
    read, moved_at = -1, app.database.now()
    while True:
        status = work_on(app, run_id, on_page, around)
        with app.database.reading() as session:
            run = runs.get_run(session, run_id)
        if run.status not in ACTIVE_STATUSES:
            return run
        if run.read != read:
            read, moved_at = run.read, run.waiting_since or app.database.now()
        if run.status is RunStatus.WAITING:
            if is_given_up(run, moved_at):
                return run
            on_wait(run)
        if status is not RunStatus.QUEUED:
            app.sleep(POLL_SECONDS)


def is_given_up(run: Run, moved_at: datetime) -> bool:
    """Whether a push waits for a tool that has been away for a while, or will not be asked again
    for one. It is not ended: whoever takes it next sends what is left."""
    if run.stream != PUSH or run.waiting_until is None or not found_it_away(run):
        return False
    return run.waiting_until - moved_at > PATIENCE


def cancel(app: App, run_id: int) -> None:
    """End a pull: at once when nobody works on it, else after the page that its worker reads.

    Raises NotThere, CannotRun for a push: what it would send is in the outbox, not in the run.
    """
    with app.database.writing() as session:
        run = past_runs.find_run(session, run_id)
        if run is None:
            raise NotThere(f"There is no run {run_id}.")
        if run.stream == PUSH:
            raise CannotRun("A push is not cancelled: its writes would be sent by the next one.")
        before = {"status": run.status.value, "cancelling": run.cancel}
        status = cancelling.cancel_run(session, run_id, app.database.now())
        if status is None:
            raise CannotRun(f"Run {run_id} has ended before: {run.status.value}.")
        after = {"status": status.value, "cancelling": status is RunStatus.RUNNING}
        audit.note(session, this_hand(), "cancel", str(run_id), before=before, after=after)
        if status is RunStatus.CANCELLED:
            cursors.forget_pull(session, Feed(run.connection_id, Stream(run.stream)), run_id)
