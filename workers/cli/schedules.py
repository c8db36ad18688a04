"""retro schedule, schedules."""

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from croniter import CroniterBadDateError, croniter
from sqlmodel import Session

from connectors.models import Stream
from sync.store import audit, connections, schedules
from sync.store.schedules import Timing
from sync.tables.connections import Connection, Missed, Schedule
from sync.tables.runs import PUSH, Mode
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.hand import this_hand
from workers.pulling import offered_streams

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
OFF = "off"
NIGHTLY = "0 3 * * *"
NO_JITTER = timedelta(0)
# The streams of a reconcile begin one after another.
SPREAD = timedelta(minutes=10)


LONGEST_INTERVAL = timedelta(days=366)


class Every(click.ParamType[timedelta]):
    name = "interval"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        found = re.fullmatch(r"(\d+)([smhd])", str(value))
        if not found or int(found[1]) == 0:
            self.fail(f"{value!r} is no interval; write 30s, 15m, 2h or 1d", param, ctx)
        seconds = int(found[1]) * UNITS[found[2]]
        if seconds > LONGEST_INTERVAL.total_seconds():
            self.fail(f"{value!r} is longer than a year", param, ctx)
        return timedelta(seconds=seconds)


class Zone(click.ParamType[str]):
    name = "zone"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            return ZoneInfo(str(value)).key
        except (ZoneInfoNotFoundError, ValueError, OSError):  # `Europe` is a folder
            self.fail(f"{value!r} is no time zone; write one like Europe/Paris", param, ctx)


@click.command("schedule")
@click.argument("name")
@click.option(
    "--stream", type=click.Choice([*(s.value for s in Stream), PUSH]), help="All by default."
)
@click.option("--every", type=Every(), help="30s, 15m, 2h, 1d.")
@click.option("--cron", help="A cron line, such as '0 6 * * 1-5'.")
@click.option(
    "--reconcile",
    help="When everything is read again, with a certificate: a cron line, or off. A connection "
    f"that is scheduled as a whole for the first time gets '{NIGHTLY}'.",
)
@click.option(
    "--tz",
    type=Zone(),
    help="Zone of the cron lines, and of the reconcile that is set; RETRO_TZ by default.",
)
@click.option("--jitter", type=Every(), help="Puts each run off by a random part of this.")
@click.option("--off", is_flag=True, help="No longer, until it is set again.")
@click.option(
    "--missed",
    type=click.Choice([each.value for each in Missed]),
    default="once",
    show_default=True,
    help="What becomes of times at which the service was down: one run for all, or none.",
)
@json_option
def schedule_command(
    name: str,
    stream: str | None,
    every: timedelta | None,
    cron: str | None,
    reconcile: str | None,
    tz: str | None,
    jitter: timedelta | None,
    off: bool,
    missed: str,
    as_json: bool,
) -> None:
    """Set when a connection is pulled, once for each time a cron line meets on the local clock."""
    given = [every is not None, cron is not None, off].count(True)
    if given > 1 or (off and reconcile is not None):
        raise click.UsageError("give --every or --cron or --off, and not both")
    if given == 0 and reconcile is None:
        raise click.UsageError("give --every or --cron or --off, or --reconcile alone")
    if stream == PUSH and reconcile is not None:
        raise click.UsageError("a push has nothing to reconcile")
    if jitter is not None and every is not None and jitter >= every:
        raise click.UsageError("--jitter must be shorter than --every")
    for line in (cron, None if reconcile == OFF else reconcile):
        if line is not None:
            _refuse_unless_ever_due(line)
    output = Output(as_json)
    with opened() as app:
        zone = tz or app.settings.tz.key
        often = Timing(every, cron, zone, Missed(missed), jitter or NO_JITTER)
        now = app.clock.now()
        with app.database.writing() as session:
            row = connections.connection_named(session, name)
            assert row.id is not None
            before = _told(session, row.id, stream)
            rows: list[Schedule] = []
            if off:
                rows += schedules.turn_off(session, row.id, stream)
            elif given:
                rows += _set(session, row, stream, often, now)
            if reconcile == OFF:
                rows += schedules.turn_off(session, row.id, stream, Mode.FULL)
            elif not off:
                line = reconcile or _first_reconcile(session, row, stream)
                full = Timing(None, line, zone, Missed(missed), jitter or SPREAD)
                if line:
                    rows += _set(session, row, stream, full, now, Mode.FULL)
                elif tz is not None:
                    rows += _moved(session, row.id, stream, tz, now)
            session.flush()
            unread = given and not off and stream is None and _is_never_whole(session, row)
            after = _told(session, row.id, stream)
            audit.note(session, this_hand(), "schedule", name, before=before, after=after)
    _show(output, rows, {row.id: row.name})
    if unread and not as_json:
        output.text(
            f"Nothing is read as a whole, so deletes in the tool may go unnoticed; to have that "
            f"every night: retro schedule {name} --reconcile '{NIGHTLY}'"
        )


def _first_reconcile(session: Session, row: Connection, stream: str | None) -> str | None:
    """Deletes that no webhook told are found by a full read only, so there is one unless it was
    turned off; who schedules single streams says himself when."""
    known = any(
        each.connection_id == row.id and each.mode is Mode.FULL
        for each in schedules.all_schedules(session)
    )
    return None if known or stream is not None else NIGHTLY


def _moved(
    session: Session, connection_id: int, stream: str | None, zone: str, now: datetime
) -> list[Schedule]:
    """The reconciles, at their times of another zone: a night is meant where the people are."""
    return [
        schedules.set_schedule(
            session,
            connection_id,
            each.stream,
            Timing(None, each.cron, zone, each.missed, timedelta(seconds=each.jitter_seconds)),
            now,
            Mode.FULL,
        )
        for each in schedules.all_schedules(session)
        if each.connection_id == connection_id
        and each.mode is Mode.FULL
        and each.enabled
        and each.cron is not None
        and each.tz != zone
        and stream in (None, each.stream)
    ]


def _is_never_whole(session: Session, row: Connection) -> bool:
    """`--off` turned that off as well, and does not say whether it was meant to stay off."""
    return not any(
        each.connection_id == row.id and each.mode is Mode.FULL and each.enabled
        for each in schedules.all_schedules(session)
    )


def _told(session: Session, connection_id: int, stream: str | None) -> dict[str, Any]:
    """By stream, for the audit."""
    return {
        f"{row.stream} {row.mode.value}": audit.told_of_schedule(row)
        for row in schedules.all_schedules(session)
        if row.connection_id == connection_id and stream in (None, row.stream)
    }


def _set(
    session: Session,
    row: Connection,
    stream: str | None,
    timing: Timing,
    now: datetime,
    mode: Mode = Mode.INCREMENTAL,
) -> list[Schedule]:
    wanted = [Stream(stream)] if stream and stream != PUSH else []
    offered = offered_streams(row.kind, wanted)
    streams = [stream] if stream else [each.value for each in offered]
    return [schedules.set_schedule(session, row.id, each, timing, now, mode) for each in streams]


def _refuse_unless_ever_due(cron: str) -> None:
    if not croniter.is_valid(cron):
        raise click.UsageError(f"{cron!r} is no cron line; write five fields, as in '0 6 * * 1-5'")
    try:
        croniter(cron).get_next()
    except CroniterBadDateError:
        raise click.UsageError(
            f"{cron!r} names a day that no month has, so it is never due"
        ) from None


@click.command("schedules")
@json_option
def schedules_command(as_json: bool) -> Status:
    """What runs when; one that is due and that nobody claims did not run."""
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        names = {row.id: row.name for row in connections.all_connections(session)}
        rows = list(schedules.all_schedules(session))
        late = {row.id for row in schedules.overdue(session, app.clock.now())}
    _show(output, rows, names, late)
    if late and not as_json:
        output.text(f"Did not run: {len(late)}. Start what makes them due: retro run")
    return Status.WAITS_FOR_A_PERSON if late else Status.DONE


def _show(
    output: Output,
    rows: list[Schedule],
    names: dict[int | None, str],
    late: Collection[int | None] = (),
) -> None:
    shown = [
        {
            "connection": names.get(row.connection_id),
            "stream": row.stream,
            "mode": row.mode.value,
            "every_seconds": row.every_seconds,
            "cron": row.cron,
            "tz": row.tz,
            "jitter_seconds": row.jitter_seconds,
            "missed": row.missed.value,
            "enabled": row.enabled,
            "did_not_run": row.id in late,
            "next_run_at": row.next_run_at,
            "last_run_at": row.last_run_at,
        }
        for row in rows
    ]
    if output.json:
        output.document(shown)
        return
    columns = ("connection", "stream", "mode", "every_seconds", "cron", "tz", "last_run_at")
    rows_shown = (
        [
            *(row[column] for column in columns),
            row["next_run_at"] if row["enabled"] else "off",
            "did not run" if row["did_not_run"] else "",
        ]
        for row in shown
    )
    output.table("", (*columns, "next_run_at", ""), rows_shown)
