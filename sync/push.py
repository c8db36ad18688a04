"""Delivers the outbox of one connection, write by write.

Each write is committed as an intention before its call and as an outcome after it. One that was
found in flight may have taken effect: its key is looked up in the tool before anything is sent,
so that no task is made twice and none is lost, wherever a worker dies (G5).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from connectors.errors import (
    ConnectionBroken,
    ConnectorError,
    OutcomeUnknown,
    RateLimited,
    RecordRefused,
    TryLater,
)
from connectors.port import Connector
from sync import health
from sync.delivery import NotReady, deliver
from sync.heartbeat import heartbeat
from sync.store import outbox, runs
from sync.store.database import Database
from sync.store.outbox import Claimed
from sync.store.runs import Lease, Progress
from sync.tables.outbox import OutboxState
from sync.tables.runs import RunStatus

MOST_ATTEMPTS = 8
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=30)


@dataclass(frozen=True)
class Push:
    """What a push needs: the run's lease, and the effects. `now` is machine time."""

    database: Database
    connector: Connector[Any]
    connection_id: int
    lease: Lease
    now: Callable[[], datetime]
    slice: timedelta = timedelta(minutes=4)


def run_push(push: Push) -> RunStatus:
    """Deliver what may go out now. Raises LeaseLost when another worker has taken the run."""
    started = monotonic()
    with heartbeat(push.database, push.lease, push.now) as lost:
        while monotonic() - started < push.slice.total_seconds():
            with push.database.writing() as session:
                runs.advance(session, push.lease, Progress(), push.now())
                claimed = outbox.claim(session, push.connection_id, push.now())
            if claimed is None:
                return _finish(push, started)
            if lost.is_set():
                raise runs.LeaseLost(f"run {push.lease.run_id} was not renewed in time")
            try:
                deliver(push.database, push.connector, push.lease, claimed, push.now)
            except RateLimited as error:
                _note(push, claimed, error)
                return _release(push, started, push.now() + timedelta(seconds=error.retry_after))
            except ConnectionBroken as error:
                _note(push, claimed, error)
                return _break(push, started, error)
            except (ConnectorError, NotReady) as error:
                _note(push, claimed, error)
    return _release(push, started, None)


def _note(push: Push, claimed: Claimed, error: ConnectorError | NotReady) -> None:
    """Commit what a failed call means for the write."""
    key, now = claimed.intention.key, push.now()
    tired = claimed.attempts >= MOST_ATTEMPTS
    again = now + min(FIRST_PAUSE * 2 ** (claimed.attempts - 1), LONGEST_PAUSE)
    with push.database.writing() as session:
        told = health.describe(session, push.connection_id, error)
        if isinstance(error, RecordRefused):
            runs.advance(session, push.lease, Progress(read=1, set_aside=1, requests=1), now)
            outbox.note_refused(session, key, told, OutboxState.REFUSED, now)
            return
        runs.advance(session, push.lease, Progress(requests=1), now)
        if isinstance(error, OutcomeUnknown):
            # Looked up as soon as the first pause is over, however tired: a lost answer must not
            # end as a dead letter while the task may stand in the tool.
            outbox.note_unknown(session, key, told, now + FIRST_PAUSE)
        elif isinstance(error, TryLater | NotReady) and tired:
            outbox.note_refused(session, key, told, OutboxState.DEAD, now)
        else:
            early = isinstance(error, RateLimited | ConnectionBroken)
            outbox.note_not_sent(session, key, told, None if early else again)


def _finish(push: Push, started: float) -> RunStatus:
    """Nothing may go out now. Writes that wait are taken up by the next run."""
    with push.database.writing() as session:
        run = runs.get_run(session, push.lease.run_id)
        waits = outbox.next_attempt(session, push.connection_id)
        if waits is None:
            runs.finish(
                session,
                push.lease,
                RunStatus.SUCCEEDED if run.set_aside == 0 else RunStatus.INCOMPLETE,
                push.now(),
                seconds=monotonic() - started,
            )
            health.note_success(session, push.connection_id)
            return RunStatus.SUCCEEDED if run.set_aside == 0 else RunStatus.INCOMPLETE
    return _release(push, started, waits)


def _release(push: Push, started: float, until: datetime | None) -> RunStatus:
    with push.database.writing() as session:
        runs.release(session, push.lease, seconds=monotonic() - started, waiting_until=until)
    return RunStatus.QUEUED if until is None else RunStatus.WAITING


def _break(push: Push, started: float, error: ConnectionBroken) -> RunStatus:
    with push.database.writing() as session:
        health.note_failure(session, push.connection_id, error)
        runs.finish(
            session,
            push.lease,
            RunStatus.FAILED,
            push.now(),
            seconds=monotonic() - started,
            error=health.describe(session, push.connection_id, error),
        )
    return RunStatus.FAILED
