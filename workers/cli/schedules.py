"""retro schedule, schedules."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from croniter import CroniterBadDateError, croniter
from sqlmodel import Session

from connectors.models import Stream
from connectors.port import readable_streams
from connectors.registry import tool
from sync.store import audit, connections, schedules
from sync.store.schedules import Timing
from sync.tables.connections import Connection, Missed, Schedule
from sync.tables.runs import PUSH
from workers.cli.context import json_option, opened
from workers.cli.output import Output
from workers.hand import this_hand

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Every(click.ParamType[timedelta]):
    name = "interval"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        found = re.fullmatch(r"(\d+)([smhd])", str(value))
        if not found or int(found[1]) == 0:
            self.fail(f"{value!r} is no interval; write 30s, 15m, 2h or 1d", param, ctx)
        return timedelta(seconds=int(found[1]) * UNITS[found[2]])


class Zone(click.ParamType[str]):
    name = "zone"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            return ZoneInfo(str(value)).key
        except (ZoneInfoNotFoundError, ValueError):
            self.fail(f"{value!r} is no time zone; write one like Europe/Paris", param, ctx)


@click.command("schedule")
@click.argument("name")
@click.option(
    "--stream", type=click.Choice([*(s.value for s in Stream), PUSH]), help="All by default."
)
@click.option("--every", type=Every(), help="30s, 15m, 2h, 1d.")
@click.option("--cron", help="A cron line, such as '0 6 * * 1-5'.")
@click.option("--tz", type=Zone(), help="Zone of the cron line; RETRO_TZ by default.")
@click.option("--off", is_flag=True, help="No longer, until it is set again.")
@click.option("--missed", type=click.Choice([each.value for each in Missed]), default="once")
@json_option
def schedule_command(
    name: str,
    stream: str | None,
    every: timedelta | None,
    cron: str | None,
    tz: str | None,
    off: bool,
    missed: str,
    as_json: bool,
) -> None:
    """Set when a connection is pulled, once for each time a cron line meets on the local clock."""
    if [every is not None, cron is not None, off].count(True) != 1:
        raise click.UsageError("give --every or --cron or --off, and not both")
    if cron is not None and not _is_ever_due(cron):
        raise click.UsageError(f"{cron!r} is no cron line; write five fields, as in '0 6 * * 1-5'")
    output = Output(as_json)
    with opened() as app:
        timing = Timing(every, cron, tz or app.settings.tz.key, Missed(missed))
        with app.database.writing() as session:
            row = connections.connection_named(session, name)
            assert row.id is not None
            before = _told(session, row.id, stream)
            if off:
                rows = list(schedules.turn_off(session, row.id, stream))
            else:
                rows = _set(session, row, stream, timing, app.clock.now())
            session.flush()
            after = _told(session, row.id, stream)
            audit.note(session, this_hand(), "schedule", name, before=before, after=after)
    _show(output, rows, {row.id: row.name})


def _told(session: Session, connection_id: int, stream: str | None) -> dict[str, Any]:
    """By stream, for the audit."""
    return {
        row.stream: audit.told_of_schedule(row)
        for row in schedules.all_schedules(session)
        if row.connection_id == connection_id and stream in (None, row.stream)
    }


def _set(
    session: Session, row: Connection, stream: str | None, timing: Timing, now: datetime
) -> list[Schedule]:
    streams = [stream] if stream else [each.value for each in readable_streams(tool(row.kind))]
    return [schedules.set_schedule(session, row.id, each, timing, now) for each in streams]


def _is_ever_due(cron: str) -> bool:
    if not croniter.is_valid(cron):
        return False
    try:
        croniter(cron).get_next()
    except CroniterBadDateError:  # such as a 30th of February
        return False
    return True


@click.command("schedules")
@json_option
def schedules_command(as_json: bool) -> None:
    """What runs when."""
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        names = {row.id: row.name for row in connections.all_connections(session)}
        _show(output, list(schedules.all_schedules(session)), names)


def _show(output: Output, rows: list[Schedule], names: dict[int | None, str]) -> None:
    shown = [
        {
            "connection": names.get(row.connection_id),
            "stream": row.stream,
            "every_seconds": row.every_seconds,
            "cron": row.cron,
            "tz": row.tz,
            "missed": row.missed.value,
            "enabled": row.enabled,
            "next_run_at": row.next_run_at,
            "last_run_at": row.last_run_at,
        }
        for row in rows
    ]
    if output.json:
        output.document(shown)
        return
    columns = ("connection", "stream", "every_seconds", "cron", "tz", "last_run_at")
    rows_shown = (
        [*(row[column] for column in columns), row["next_run_at"] if row["enabled"] else "off"]
        for row in shown
    )
    output.table("", (*columns, "next_run_at"), rows_shown)
