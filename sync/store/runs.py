"""Runs: queued once, taken with a lease and a fence, advanced with each page, ended with words.

A worker may write for a run only while it holds the newest fence. Times here are the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Update, and_, bindparam, case, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from connectors.errors import RateLimited
from sync.tables.columns import UtcDateTime, table_of
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Mode, Run, RunStatus, Trigger

LEASE = timedelta(seconds=20)
# What lies further ahead than it can was stored before the clock was set back.
SET_BACK = timedelta(seconds=10)


class LeaseLost(Exception):
    """Another worker has the run now: stop, and write nothing more for it."""


@dataclass(frozen=True)
class Worker:
    host: str
    pid: int


@dataclass(frozen=True)
class Lease:
    """The right to write for a run, as long as `fence` is its newest."""

    run_id: int
    fence: int


@dataclass(frozen=True)
class Progress:
    """What one commit adds to a run."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    set_aside: int = 0
    requests: int = 0


# Built once: to build them takes longer than to run them, and pages and writes do so all the time.
_T = table_of(Run)
_HOLDS = and_(
    _T.c.id == bindparam("our_run"),
    _T.c.fence == bindparam("our_fence"),
    _T.c.status == RunStatus.RUNNING,
)
_HELD = select(_T.c.id).where(_HOLDS).with_for_update()
_OURS = update(_T).where(_HOLDS).returning(_T.c.cancel)
_TIMED = _OURS.values(seconds=_T.c.seconds + bindparam("more_seconds"))
_MOVED = bindparam("moved", type_=Boolean)
_ADVANCED = _OURS.values(
    {
        **{name: _T.c[name] + bindparam(f"more_{name}") for name in Progress.__annotations__},
        "remote_now": func.coalesce(_T.c.remote_now, bindparam("told_now", type_=UtcDateTime)),
        "stalled": case((_MOVED, 0), else_=_T.c.stalled),
        "lost": case((_MOVED, 0), else_=_T.c.lost),
    }
)
_ACTIVE = select(Run).where(
    Run.connection_id == bindparam("connection"),
    Run.stream == bindparam("stream"),
    col(Run.status).in_(ACTIVE_STATUSES),
)
_WITH_ID = select(Run).where(Run.id == bindparam("run"))


def queue_run(
    session: Session,
    connection_id: int,
    stream: str,
    *,
    mode: Mode,
    trigger: Trigger,
    at: datetime,
    since: datetime | None = None,
) -> Run:
    """The active run of this connection and stream: the one there is, else a new one.

    One that is under way may have been asked for something else: `serves` tells whether its end is
    what was asked for. `since` asks for what changed from that moment of the tool's, instead of
    the last watermark.
    """
    for last in (False, False, True):
        active = _active(session, connection_id, stream)
        if active is not None:
            return active
        run = Run(
            connection_id=connection_id,
            stream=stream,
            mode=mode,
            trigger=trigger,
            status=RunStatus.QUEUED,
            queued_at=at,
            since=since,
        )
        try:
            with session.begin_nested():
                session.add(run)
        except IntegrityError:
            # Another process queued one between our look and our insert; it may have ended since.
            if last:
                raise
        else:
            return run
    raise AssertionError("the last try returns or raises")


def serves(run: Run, mode: Mode, since: datetime | None = None) -> bool:
    """Whether this run brings what a request for `mode` and `since` wants. What a webhook or a
    replay asked for is a few records only; a full pull brings whatever was asked for."""
    if run.trigger in (Trigger.HOOK, Trigger.REPLAY):
        return False
    if run.since is None and run.mode in (Mode.FULL, Mode.PUSH):
        return True
    return run.mode is mode and run.since == since


def wake_push(session: Session, connection_id: int) -> None:
    """Let a push that waits out a failing write go on: there is something new to send, or somebody
    asks for it. One that waits for its budget is left to wait: it may ask nothing of the tool."""
    run = _active(session, connection_id, PUSH)
    if run is None or (run.error or {}).get("kind") == RateLimited.__name__:
        return
    session.connection().execute(
        update(Run)
        .where(col(Run.id) == run.id, col(Run.status) == RunStatus.WAITING)
        .values(status=RunStatus.QUEUED, waiting_until=None)
    )
    session.refresh(run)


def _active(session: Session, connection_id: int, stream: str) -> Run | None:
    return session.exec(_ACTIVE, params={"connection": connection_id, "stream": stream}).first()


def is_active(session: Session, connection_id: int, stream: str) -> bool:
    """Whether a run of this stream is queued, waits or is at work."""
    return _active(session, connection_id, stream) is not None


def take_run(session: Session, run_id: int, worker: Worker, now: datetime) -> Lease | None:
    """Become the run's worker: one that is queued, waits no longer, or lost its worker.

    None when it ended or somebody else works on it.
    """
    taken = (
        session.connection()
        .execute(
            update(Run)
            .where(col(Run.id) == run_id, nobodys(now))
            .values(
                status=RunStatus.RUNNING,
                fence=Run.fence + 1,
                lease_until=now + LEASE,
                waiting_until=None,
                lost=case((col(Run.status) == RunStatus.RUNNING, Run.lost + 1), else_=Run.lost),
                error=None,
                host=worker.host,
                pid=worker.pid,
            )
            .returning(col(Run.fence), col(Run.started_at))
        )
        .one_or_none()
    )
    if taken is None:
        return None
    fence, started_at = taken
    if started_at is None:
        begun = update(Run).where(col(Run.id) == run_id).values(started_at=now)
        session.connection().execute(begun)
    return Lease(run_id, fence)


def nobodys(now: datetime) -> ColumnElement[bool]:
    """Runs that may be worked on and that no living worker holds.

    A wait that is yet to begin, by a clock that was set back, is over: whoever takes the run asks
    for the budget anew, and nothing else tells how much of the wait has passed.
    """
    return or_(
        col(Run.status) == RunStatus.QUEUED,
        and_(
            col(Run.status) == RunStatus.WAITING,
            or_(col(Run.waiting_until) <= now, col(Run.waiting_since) > now + SET_BACK),
        ),
        and_(
            col(Run.status) == RunStatus.RUNNING,
            ~col(Run.lease_until).between(now, now + LEASE + SET_BACK),
        ),
    )


def hold(session: Session, lease: Lease) -> None:
    """Make sure of the lease before anything is written, and keep others from taking the run until
    the transaction ends. Raises LeaseLost.

    Without it, who lost the run would meet the rows that its next worker wrote, and take that for
    an error of its own.
    """
    ours = {"our_run": lease.run_id, "our_fence": lease.fence}
    if session.connection().execute(_HELD, ours).first() is None:
        raise LeaseLost(f"run {lease.run_id} has another worker")


def renew_lease(session: Session, lease: Lease, now: datetime) -> None:
    """Raises LeaseLost."""
    _change(session, lease, lease_until=now + LEASE)


def advance(
    session: Session,
    lease: Lease,
    progress: Progress,
    now: datetime,
    remote_now: datetime | None = None,
) -> bool:
    """Add a page's counts and renew the lease; to be called in the page's own transaction. True
    when somebody asked to end the run: then this page is its last.

    The first `remote_now` of a run is kept: the next window starts from it. Any progress ends a
    row of slices without one.

    Raises LeaseLost, upon which the transaction must roll back (G9).
    """
    given = {"told_now": remote_now, "moved": progress != Progress()}
    given |= {f"more_{name}": count for name, count in vars(progress).items()}
    return _change(session, lease, _ADVANCED, lease_until=now + LEASE, **given)


def begin_window(
    session: Session,
    lease: Lease,
    *,
    mode: Mode,
    window_start: datetime | None,
    expected: int | None = None,
) -> None:
    _change(session, lease, mode=mode, window_start=window_start, expected=expected)


def release(
    session: Session,
    lease: Lease,
    now: datetime,
    *,
    seconds: float,
    waiting_until: datetime | None = None,
    stalled: int | None = None,
    idle: int = 0,
    error: dict[str, Any] | None = None,
) -> None:
    """End a slice: the run is queued again, or waits until a moment, with the reason in `error`.

    `stalled` says that it found the tool down, for the how manieth time in a row, and `idle` that
    its cursor did not move.
    """
    known = {} if stalled is None else {"stalled": stalled}
    _change(
        session,
        lease,
        _TIMED,
        status=RunStatus.QUEUED if waiting_until is None else RunStatus.WAITING,
        waiting_until=waiting_until,
        waiting_since=None if waiting_until is None else now,
        lease_until=None,
        more_seconds=seconds,
        idle=idle,
        error=error,
        **known,
    )


def finish(
    session: Session,
    lease: Lease,
    status: RunStatus,
    now: datetime,
    *,
    seconds: float,
    complete: bool | None = None,
    certificate: dict[str, Any] | None = None,
    error: dict[str, Any] | None = None,
) -> None:
    _change(
        session,
        lease,
        _TIMED,
        status=status,
        ended_at=now,
        lease_until=None,
        waiting_until=None,
        more_seconds=seconds,
        complete=complete,
        certificate=certificate,
        error=error,
    )


def _change(session: Session, lease: Lease, change: Update = _OURS, **values: Any) -> bool:
    """Whether somebody asked to end the run. `values` are of the columns, and of what `change` has
    as parameters."""
    given = {**values, "our_run": lease.run_id, "our_fence": lease.fence}
    asked = session.connection().execute(change, given).scalar_one_or_none()
    if asked is None:
        raise LeaseLost(f"run {lease.run_id} has another worker")
    return bool(asked)


def get_run(session: Session, run_id: int) -> Run:
    return session.exec(_WITH_ID, params={"run": run_id}).one()


def runs_to_enqueue(session: Session, now: datetime) -> Sequence[Run]:
    """Runs that somebody should work on and that nobody holds (G10): the queue may have lost
    them, their wait is over, or their worker is gone."""
    return session.exec(select(Run).where(nobodys(now))).all()
