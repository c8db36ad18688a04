"""retro pull, push, sync, runs, outbox."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from connectors.models import Stream
from sync.store import connections, outbox, runs
from sync.tables.runs import Run, RunStatus
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.clock import machine_now
from workers.errors import NotThere
from workers.pulling import cancel, pull_now, push_now
from workers.reports import run_history, run_report, write_report

STREAMS = click.Choice([stream.value for stream in Stream])
BAD = (RunStatus.FAILED, RunStatus.CANCELLED)


@click.command("pull")
@click.argument("name")
@click.option("--stream", "streams", multiple=True, type=STREAMS, help="Only this; repeatable.")
@click.option("--full", is_flag=True, help="Read everything, not only what changed.")
@click.option("--since", type=click.DateTime(), help="What changed since a moment (UTC).")
@json_option
def pull_command(
    name: str, streams: tuple[str, ...], full: bool, since: datetime | None, as_json: bool
) -> Status:
    """Pull now, in this process, and wait for the end."""
    output = Output(as_json)
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}, {task.completed:,} records"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with opened() as app, bar:
        task = bar.add_task(f"pulling {name}")

        def began(stream: str, expected: int | None) -> None:
            bar.reset(task, description=f"pulling {name}: {stream}", total=expected)

        def read(records: int) -> None:
            bar.update(task, completed=records)

        pulled = pull_now(
            app,
            name,
            [Stream(stream) for stream in streams],
            full=full,
            since=since.replace(tzinfo=UTC) if since else None,
            on_run=began,
            on_page=read,
        )
    if as_json:
        output.document({"connection": name, "runs": [run_report(run) for run in pulled]})
    else:
        _show(output, pulled)
    return _status(pulled)


def _show(output: Output, pulled: Sequence[Run]) -> None:
    columns = ("stream", "status", "read", "created", "updated", "set_aside", "requests", "seconds")
    output.table("", columns, ([run_report(run)[column] for column in columns] for run in pulled))
    for run in pulled:
        if run.error:
            output.text(f"{run.stream}: {run.error['message']} {run.error['next_step']}")


def _status(done: Sequence[Run]) -> Status:
    if any(run.status in BAD for run in done):
        return Status.FAILED
    if any(run.set_aside or run.status is not RunStatus.SUCCEEDED for run in done):
        return Status.WAITS_FOR_A_PERSON
    return Status.DONE


@click.command("push")
@click.argument("name", required=False)
@json_option
def push_command(name: str | None, as_json: bool) -> Status:
    """Send what the outbox holds, now, in this process."""
    output = Output(as_json)
    with opened() as app:
        with app.database.reading() as session:
            rows = (
                [connections.connection_named(session, name)]
                if name
                else connections.all_connections(session)
            )
            waiting = {
                row.id: row
                for row in rows
                if row.id is not None and outbox.has_unsent(session, row.id)
            }
        done = [push_now(app, connection_id) for connection_id in waiting]
    if as_json:
        output.document({"runs": [run_report(run) for run in done]})
    elif done:
        _show(output, done)
    else:
        output.text("Nothing to send.")
    return _status(done)


@click.command("sync")
@click.argument("name")
@json_option
def sync_command(name: str, as_json: bool) -> Status:
    """Pull, evaluate the rules, push, and pull the statuses of the tasks."""
    from workers.followup import follow_up  # the statistics are heavy

    output = Output(as_json)
    with opened() as app:
        done = pull_now(app, name)
        follow_up(app)
        with app.database.reading() as session:
            row = connections.connection_named(session, name)
            assert row.id is not None
            unsent = outbox.has_unsent(session, row.id)
        if unsent:
            done.append(push_now(app, row.id))
            done += pull_now(app, name, [Stream.TASKS])
    if as_json:
        output.document({"connection": name, "runs": [run_report(run) for run in done]})
    else:
        _show(output, done)
    return _status(done)


@click.command("runs")
@click.argument("words", nargs=-1, metavar="[ID | cancel ID]")
@json_option
def runs_command(words: tuple[str, ...], as_json: bool) -> None:
    """The history of pulls and pushes, newest first; `cancel ID` ends a pull after its page.

    What a cancelled pull has read is kept; the next one reads from where the last whole one ended.
    """
    output = Output(as_json)
    cancels = len(words) == 2 and words[0] == "cancel"
    if len(words) > (2 if cancels else 1) or not all(w.isdigit() for w in words[cancels:]):
        raise click.UsageError("give nothing, the number of a run, or: cancel and its number")
    run_id = int(words[-1]) if words else None
    with opened() as app:
        if cancels and run_id is not None:
            cancel(app, run_id)
        with app.database.reading() as session:
            names = {row.id: row.name for row in connections.all_connections(session)}
            found = (
                runs.recent_runs(session) if run_id is None else [runs.find_run(session, run_id)]
            )
            now = machine_now()
            shown = [run_history(run, names[run.connection_id], now) for run in found if run]
    if run_id is not None and not shown:
        raise NotThere(f"There is no run {run_id}.")
    if as_json:
        output.document(shown if run_id is None else shown[0])
        return
    columns = ("run", "connection", "stream", "trigger", "status", "read", "requests", "ended_at")
    cells = ([*(run[column] for column in columns), _still_to_come(run)] for run in shown)
    output.table("", (*columns, ""), cells)


def _still_to_come(run: Mapping[str, Any]) -> str:
    if run["cancelling"]:
        return "ends after its page"
    progress = run["progress"]
    if progress is None or progress["expected"] is None:
        return ""
    left = progress["seconds_left"]
    told = "" if left is None else f", {left:.0f} s left"
    return f"of about {progress['expected']:,}{told}"


@click.command("outbox")
@click.argument("action", required=False, type=click.Choice(["retry"]))
@click.argument("key", required=False)
@json_option
def outbox_command(action: str | None, key: str | None, as_json: bool) -> Status:
    """Intended writes and their state; `retry KEY` sends a refused one again."""
    output = Output(as_json)
    with opened() as app:
        if action == "retry":
            if key is None:
                raise click.UsageError("retry takes the key of a write")
            with app.database.writing() as session:
                if not outbox.retry(session, key):
                    raise NotThere(f"No refused or dead write has the key {key!r}.")
        with app.database.reading() as session:
            names = {row.id: row.name for row in connections.all_connections(session)}
            shown = [
                write_report(row, names[row.connection_id]) for row in outbox.outbox_rows(session)
            ]
    if as_json:
        output.document(shown)
    else:
        columns = ("key", "connection", "operation", "state", "remote_id", "attempts")
        output.table("", columns, ([row[column] for column in columns] for row in shown))
    waits = any(row["state"] in ("refused", "dead") for row in shown)
    return Status.WAITS_FOR_A_PERSON if waits else Status.DONE
