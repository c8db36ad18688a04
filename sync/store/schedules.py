"""When streams are pulled. Due moments are business time; claiming one moves it on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from sqlalchemy import ColumnElement, Table, and_, not_, or_, select, update
from sqlmodel import Session, col
from sqlmodel import select as select_model

from sync.store.database import one_at_a_time
from sync.tables.columns import table_of
from sync.tables.connections import Missed, Schedule
from sync.tables.runs import Mode

SCHEDULE: Table = table_of(Schedule)
# Later than this, a schedule counts as missed rather than merely late.
GRACE = timedelta(minutes=5)
NOTHING = timedelta(0)
# By as much the clocks of two schedulers differ without one of them having been set back.
SKEW = timedelta(seconds=30)
# So many intervals late, and at least GRACE, a schedule did not run: nobody claims it.
ALARM_INTERVALS = 2
# One that was given back is met again after this.
MEET_AGAIN = timedelta(seconds=10)
# No zone moves its clock by more at once.
LONGEST_JUMP = timedelta(hours=2)
# The stream name of the schedule by which rules are evaluated; it belongs to no connection.
RULES = "rules"


@dataclass(frozen=True)
class Timing:
    """Every so often, or by a cron line read in a time zone. Exactly one of the two is set."""

    every: timedelta | None = None
    cron: str | None = None
    tz: str = "Europe/Paris"
    missed: Missed = Missed.ONCE
    jitter: timedelta = timedelta(0)


@dataclass(frozen=True)
class Due:
    """A schedule whose moment has come. `run` is False when it was missed and is to be skipped;
    `alarmed` says that it was so late that pages and commands told it did not run."""

    schedule_id: int
    connection_id: int | None
    stream: str
    mode: Mode
    due_at: datetime
    run: bool
    alarmed: bool


def set_schedule(
    session: Session,
    connection_id: int | None,
    stream: str,
    timing: Timing,
    now: datetime,
    mode: Mode = Mode.INCREMENTAL,
) -> Schedule:
    """Set or replace. The first run is due at once for an interval, at the next tick for a cron.

    A stream may have one schedule for what changed and one, of mode full, for everything.
    """
    one_at_a_time(session, "schedules")
    row = session.exec(
        select_model(Schedule).where(
            Schedule.connection_id == connection_id,
            Schedule.stream == stream,
            Schedule.mode == mode,
        )
    ).first() or Schedule(connection_id=connection_id, stream=stream, mode=mode, next_run_at=now)
    row.every_seconds = None if timing.every is None else timing.every.total_seconds()
    row.cron, row.tz, row.missed = timing.cron, timing.tz, timing.missed
    row.jitter_seconds = timing.jitter.total_seconds()
    row.next_run_at = row.regular_at = (
        now if timing.every is not None else next_tick(timing.cron or "", timing.tz, now)
    )
    row.enabled = True
    session.add(row)
    return row


def turn_off(
    session: Session, connection_id: int, stream: str | None = None, mode: Mode | None = None
) -> Sequence[Schedule]:
    """Schedules of a connection, all or of a stream or mode, until set again; returns them."""
    statement = select_model(Schedule).where(Schedule.connection_id == connection_id)
    if stream is not None:
        statement = statement.where(Schedule.stream == stream)
    if mode is not None:
        statement = statement.where(Schedule.mode == mode)
    rows = session.exec(statement.order_by(col(Schedule.id))).all()
    for row in rows:
        row.enabled = False
        session.add(row)
    return rows


def ensure_rules(session: Session, every: timedelta, now: datetime) -> None:
    """The rules look at the clock even when nothing is pulled."""
    one_at_a_time(session, "schedules")
    known = session.exec(select_model(Schedule).where(Schedule.stream == RULES)).first()
    if known is None:
        set_schedule(session, None, RULES, Timing(every=every), now)


def next_tick(cron: str, tz: str, after: datetime) -> datetime:
    """The next moment of a cron line, once for each time that stands on a local clock.

    A time that comes twice in autumn is due when it comes first. One that spring skips is due as
    much later as the clock jumped: 02:30 at 03:30 where the hour from 02:00 is left out.
    """
    zone = ZoneInfo(tz)
    ticks = croniter(cron, _wall_clock(after, zone))
    while True:
        # The line is read on a clock without zone: what a zone does to it is decided here.
        tick: datetime = ticks.get_next(datetime)
        moment = tick.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment > after:
            return moment.astimezone(after.tzinfo)


def _wall_clock(after: datetime, zone: ZoneInfo) -> datetime:
    """What the clock shows, without zone; just after a jump, what it would show without it, as a
    time that was skipped may still be due."""
    now, before = after.astimezone(zone), (after - LONGEST_JUMP).astimezone(zone)
    jump = (now.utcoffset() or NOTHING) - (before.utcoffset() or NOTHING)
    return now.replace(tzinfo=None) - max(jump, NOTHING)


def all_schedules(session: Session) -> Sequence[Schedule]:
    return session.exec(select_model(Schedule).order_by(col(Schedule.id))).all()


def overdue(session: Session, now: datetime) -> Sequence[Schedule]:
    """Schedules that did not run, told by the clock alone: whoever asks sees it, also when every
    scheduler is dead (G15)."""
    rows = session.exec(
        select_model(Schedule).where(_due(now - GRACE)).order_by(col(Schedule.id))
    ).all()
    return [row for row in rows if did_not_run(row, now)]


def did_not_run(row: Schedule, now: datetime) -> bool:
    """Whether it is on and overdue by more than two intervals, and more than five minutes."""
    if not row.enabled or now - row.next_run_at <= GRACE:
        return False
    return now - row.next_run_at > ALARM_INTERVALS * _interval(row)


def _interval(row: Any) -> timedelta:
    if row.every_seconds is not None:
        return timedelta(seconds=row.every_seconds)
    due: datetime = row.next_run_at
    return next_tick(row.cron, row.tz, due) - due


def due_now(session: Session, now: datetime, stream: str | None = None) -> None:
    """Bring schedules forward, all or those of a stream, for who will not wait for the next run."""
    statement = update(SCHEDULE).values(next_run_at=now, regular_at=now)
    if stream is not None:
        statement = statement.where(SCHEDULE.c.stream == stream)
    session.execute(statement)


def bring_back(session: Session, now: datetime) -> None:
    """Schedules that are due later than they can be, since the clock was set back, are due when
    they can be: otherwise nothing would run for as long as it was set back. For an interval that
    is at once, for a cron line its next tick."""
    waiting = select_model(Schedule).where(
        col(Schedule.enabled).is_(True), col(Schedule.next_run_at) > now
    )
    for row in session.exec(waiting.with_for_update(skip_locked=True)):
        regular = now if row.cron is None else next_tick(row.cron, row.tz, now + SKEW)
        if _too_late(row, regular, now):
            row.next_run_at = row.regular_at = regular
            session.add(row)


def _too_late(row: Schedule, regular: datetime, now: datetime) -> bool:
    if row.cron is not None:
        return (row.regular_at or row.next_run_at) > regular
    longest = _interval(row) + timedelta(seconds=row.jitter_seconds)
    if row.next_run_at > now + longest + SKEW:
        return True
    # An interval as long as what the clock was set back by tells nothing by its end.
    return row.last_run_at is not None and row.last_run_at > now + SKEW


def any_due(session: Session, now: datetime) -> bool:
    """A look that takes no lock, for the many ticks at which nothing is due."""
    return session.execute(select(SCHEDULE.c.id).where(_to_meet(now)).limit(1)).first() is not None


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(SCHEDULE.c.enabled.is_(True), SCHEDULE.c.next_run_at <= now)


def _to_meet(now: datetime) -> ColumnElement[bool]:
    """Due, and not given back a moment ago: what kept it then does so still."""
    met = SCHEDULE.c.last_run_at
    rests = and_(SCHEDULE.c.next_run_at < met, met.between(now - MEET_AGAIN, now))
    return and_(_due(now), or_(met.is_(None), not_(rests)))


def claim_due(
    session: Session, now: datetime, draw: Callable[[], float] = lambda: 0.0
) -> list[Due]:
    """Take every schedule whose moment has come and move each on to its next one.

    `draw` gives a number from [0, 1) for each, by which its next moment is put off within its
    jitter. Any number of schedulers may call this: on SQLite the write lock, on PostgreSQL SKIP
    LOCKED gives each schedule to one.
    """
    due = session.execute(
        select(SCHEDULE)
        .where(_to_meet(now))
        .order_by(SCHEDULE.c.id)
        .with_for_update(skip_locked=True)
    ).all()
    claimed = []
    for row in due:
        # One that was given back was met a moment ago, however long ago it was due.
        met_at = max(row.next_run_at, row.last_run_at or row.next_run_at)
        late = now - met_at > GRACE
        regular = _following(row, now)
        session.execute(
            update(SCHEDULE)
            .where(SCHEDULE.c.id == row.id)
            .values(
                next_run_at=regular + timedelta(seconds=row.jitter_seconds * draw()),
                regular_at=regular,
                last_run_at=now,
            )
        )
        claimed.append(
            Due(
                row.id,
                row.connection_id,
                row.stream,
                row.mode,
                row.next_run_at,
                run=not (late and row.missed is Missed.SKIP),
                alarmed=late and now - row.next_run_at > ALARM_INTERVALS * _interval(row),
            )
        )
    return claimed


def due_again(session: Session, due: Due) -> None:
    """Give a claimed schedule back: what is under way does not serve it."""
    session.execute(
        update(SCHEDULE).where(SCHEDULE.c.id == due.schedule_id).values(next_run_at=due.due_at)
    )


def _following(row: Any, now: datetime) -> datetime:
    """The first regular moment after now: missed ones are made up for by one run, not by many.

    Counted from the regular moments, so that jitter does not add up.
    """
    if row.every_seconds is None:
        return next_tick(row.cron, row.tz, now)
    regular: datetime = row.regular_at or row.next_run_at
    steps = int((now - regular).total_seconds() // row.every_seconds) + 1
    return regular + timedelta(seconds=row.every_seconds * steps)
