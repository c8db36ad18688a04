"""Delivers the outbox of one connection, write by write, and the stamps of new tasks together.

Each write is committed as an intention before its call and as an outcome after it. One whose
outcome is not known may have taken effect: its key is looked up in the tool before anything is
sent, so that no task is made twice and none is lost, wherever a worker dies (G5).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

from sqlmodel import Session

from connectors.capabilities import MOST_STAMPS, StampsTasks
from connectors.errors import (
    BadResponse,
    ConnectionBroken,
    ConnectorError,
    OutcomeUnknown,
    RateLimited,
    RecordRefused,
    TryLater,
)
from connectors.port import Connector
from sync import health
from sync.delivery import Failure, Meter, deliver
from sync.finding import Finding
from sync.heartbeat import heartbeat
from sync.making import UnderWay
from sync.stamping import stamp
from sync.store import held, outbox, pushes, runs
from sync.store.database import Database, again_after_conflict
from sync.store.outbox import Claimed, GivenUp, PutOff
from sync.store.runs import Lease, Progress
from sync.tables.outbox import Operation, OutboxState
from sync.tables.runs import RunStatus

# An answer that cannot be read may be a proxy's, for an hour; a dead letter is for a person. A
# worker may be lost for any reason, but not so often at one write.
MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=5)


class LosesItsWorkers(ConnectorError):
    """Worker after worker ended while it was at this write."""

    who = "admin"
    next_step = "Look in the log for what ended them, then retry this write, or drop it."

    def __init__(self) -> None:
        super().__init__(f"{MOST_ATTEMPTS} times the worker that was to send this was lost at it.")


@dataclass(frozen=True)
class Push:
    """What a push needs: the run's lease, and the effects. `now` is the database's time."""

    database: Database
    connector: Connector[Any]
    connection_id: int
    lease: Lease
    now: Callable[[], datetime]
    slice: timedelta = timedelta(minutes=4)


def run_push(push: Push) -> RunStatus:
    """Deliver what may go out now. Raises LeaseLost when another worker has taken the run."""
    started, meter = monotonic(), Meter(push.connector)
    finding = Finding(push.database, push.connection_id, push.now)
    unstamped = 0
    with heartbeat(push.database, push.lease, push.now) as lost:
        while monotonic() - started < push.slice.total_seconds():
            if lost.is_set():
                raise runs.LeaseLost(f"run {push.lease.run_id} was not renewed in time")
            claimed = None if unstamped >= MOST_STAMPS else _claim(push)
            if claimed is not None:
                failure = _deliver(push, claimed, meter, finding)
                unstamped += failure is None and _is_made(claimed)
                outcomes = [(claimed, failure)]
            else:
                outcomes, unstamped = _stamp(push, meter), 0
                if not outcomes:
                    return _finish(push, started)
            stop = _settle(push, meter, outcomes)
            if stop is not None:
                error, again = stop
                if isinstance(error, ConnectionBroken):
                    return _break(push, started, error)
                with push.database.writing() as session:
                    return _release(push, session, started, again, error)
    with push.database.writing() as session:
        return _release(push, session, started)


def _deliver(push: Push, claimed: Claimed, meter: Meter, finding: Finding) -> Failure | None:
    if _lost_too_often(claimed):
        return Failure(LosesItsWorkers(), may_exist=claimed.may_exist)
    return deliver(push.database, push.connector, push.lease, claimed, push.now, meter, finding)


def _lost_too_often(claimed: Claimed) -> bool:
    return claimed.attempts >= MOST_ATTEMPTS


def _is_made(claimed: Claimed) -> bool:
    return claimed.intention.operation is Operation.CREATE_TASK


def _claim(push: Push) -> Claimed | None:
    return again_after_conflict(partial(_claim_next, push))


def _claim_next(push: Push) -> Claimed | None:
    apart = isinstance(push.connector, StampsTasks)
    with push.database.writing(outlasts_power=True) as session:
        runs.advance(session, push.lease, Progress(), push.now())
        return outbox.claim(session, push.connection_id, push.now(), stamps_apart=apart)


def _claim_stamps(push: Push) -> Sequence[Claimed]:
    with push.database.writing() as session:
        runs.advance(session, push.lease, Progress(), push.now())
        return outbox.claim_stamps(session, push.connection_id, push.now(), MOST_STAMPS)


def _stamp(push: Push, meter: Meter) -> list[tuple[Claimed, Failure | None]]:
    """The stamps that wait, at most a request's worth, and what became of them. What is done is
    committed together: doing it again would change nothing."""
    if not isinstance(push.connector, StampsTasks):
        return []
    claimed = again_after_conflict(partial(_claim_stamps, push))
    if not claimed:
        return []
    told: dict[str, ConnectorError | None] = {
        each.intention.key: LosesItsWorkers() for each in claimed if _lost_too_often(each)
    }
    if wanted := [each for each in claimed if each.intention.key not in told]:
        told |= stamp(push.database, push.connector, wanted)
    done = [key for key, error in told.items() if error is None]
    with push.database.writing() as session:
        now, count = push.now(), len(done)
        runs.advance(session, push.lease, Progress(read=count, requests=meter.spent()), now)
        for key in done:
            outbox.note_done(session, key, push.lease.run_id, now)
    errors = ((each, told[each.intention.key]) for each in claimed)
    # The record is there, whatever its stamp met: nothing of it is in doubt.
    return [(each, Failure(error, may_exist=True) if error else None) for each, error in errors]


def _settle(
    push: Push, meter: Meter, outcomes: Sequence[tuple[Claimed, Failure | None]]
) -> tuple[ConnectorError, datetime] | None:
    """Commit what was not delivered. Answers why the slice ends, and until when, if it does."""
    stop = None
    for claimed, failure in outcomes:
        if failure is None:
            continue
        if isinstance(failure.error, RecordRefused) or _is_dead(failure, claimed):
            _give_up(push, meter, claimed, failure)
            continue
        again = _put_off(push, meter, claimed, failure)
        if isinstance(failure.error, TryLater | OutcomeUnknown | ConnectionBroken):
            # The tool is not well: the next write would only find out the same.
            stop = failure.error, again
    return stop


def _is_dead(failure: Failure, claimed: Claimed) -> bool:
    """Only answers to the write itself count: an outage or a dead key must not use it up."""
    error, attempts = failure.error, claimed.attempts + 1
    return isinstance(error, BadResponse | LosesItsWorkers) and attempts >= MOST_ATTEMPTS


def _give_up(push: Push, meter: Meter, claimed: Claimed, failure: Failure) -> None:
    """It stays for somebody to settle."""
    refused = isinstance(failure.error, RecordRefused)
    now = push.now()
    with push.database.writing() as session:
        gone = Progress(read=1, set_aside=1, requests=meter.spent())
        runs.advance(session, push.lease, gone, now)
        why = GivenUp(
            told=health.describe_write(session, claimed.intention.subject, failure.error),
            may_exist=failure.may_exist,
            state=OutboxState.REFUSED if refused else OutboxState.DEAD,
            run_id=push.lease.run_id,
            at=now,
        )
        outbox.note_given_up(session, claimed.intention.key, why)


def _put_off(push: Push, meter: Meter, claimed: Claimed, failure: Failure) -> datetime:
    """Commit that it goes out later; returns when anything may be asked of the tool again."""
    error, now, waits = failure.error, push.now(), claimed.waits
    pause = min(FIRST_PAUSE * 2 ** min(waits, 16), outbox.LONGEST_PAUSE)
    again = error.until if isinstance(error, UnderWay) else now + pause
    # The whole connection waits for its budget or its key, and this write no longer than that.
    for_all = isinstance(error, RateLimited | ConnectionBroken)
    with push.database.writing() as session:
        runs.advance(session, push.lease, Progress(requests=meter.spent()), now)
        why = PutOff(
            told=health.describe_write(session, claimed.intention.subject, error),
            may_exist=failure.may_exist,
            not_before=None if for_all else again,
            attempts=claimed.attempts + isinstance(error, BadResponse),
            waits=waits if for_all else waits + 1,
            at=now,
        )
        outbox.note_put_off(session, claimed.intention.key, why)
    return now + timedelta(seconds=error.retry_after) if isinstance(error, RateLimited) else again


def _finish(push: Push, started: float) -> RunStatus:
    """Nothing may go out now. Writes that wait are taken up by the next run."""
    with push.database.writing() as session:
        now = push.now()
        waits = pushes.next_attempt(session, push.connection_id, now)
        if waits is None:
            given_up = outbox.given_up_in(session, push.lease.run_id)
            left = held.undelivered(session, push.connection_id)
            # What keeps a write from going out may have been refused by an earlier run.
            behind = held.waiting_behind(left)
            keepers = {*behind.values(), *(write.key for write in given_up)}
            stopped = [write for write in left if write.key in keepers]
            status = RunStatus.INCOMPLETE if stopped else RunStatus.SUCCEEDED
            runs.finish(
                session,
                push.lease,
                status,
                now,
                seconds=monotonic() - started,
                error=health.describe_given_up(session, stopped, len(behind)) if stopped else None,
            )
            if all(write.state is OutboxState.REFUSED for write in given_up):
                # To do or to refuse a write takes good credentials; a dead letter proves nothing.
                health.note_success(session, push.connection_id)
            return status
        return _release(push, session, started, waits if waits > now else None)


def _release(
    push: Push,
    session: Session,
    started: float,
    until: datetime | None = None,
    error: ConnectorError | None = None,
) -> RunStatus:
    """`error` tells why the run waits: new writes do not wake one that waits for its budget."""
    runs.release(
        session,
        push.lease,
        push.now(),
        seconds=monotonic() - started,
        waiting_until=until,
        error=health.describe(session, push.connection_id, error) if error else None,
    )
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
