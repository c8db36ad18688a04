"""retro pull, sync, runs, quarantine."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connectors.models import Stream
from sync.store import connections, cursors, outbox, runs
from sync.tables.runs import Run, RunStatus
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.errors import NotThere
from workers.pulling import pull_now, push_now
from workers.reports import run_history, run_report

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
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with opened() as app, bar:
        task = bar.add_task(f"pulling {name}")
        pulled = pull_now(
            app,
            name,
            [Stream(stream) for stream in streams],
            full=full,
            since=since.replace(tzinfo=UTC) if since else None,
            on_page=lambda read: bar.update(task, description=f"pulling {name}: {read:,} records"),
        )
    if as_json:
        output.document({"connection": name, "runs": [run_report(run) for run in pulled]})
    else:
        show_runs(output, pulled)
    return status_of(pulled)


def show_runs(output: Output, pulled: Sequence[Run]) -> None:
    columns = ("stream", "status", "read", "created", "updated", "set_aside", "requests", "seconds")
    output.table("", columns, ([run_report(run)[column] for column in columns] for run in pulled))
    for run in pulled:
        if run.error:
            output.text(f"{run.stream}: {run.error['message']} {run.error['next_step']}")


def status_of(done: Sequence[Run]) -> Status:
    if any(run.status in BAD for run in done):
        return Status.FAILED
    if any(run.set_aside or run.status is not RunStatus.SUCCEEDED for run in done):
        return Status.WAITS_FOR_A_PERSON
    return Status.DONE


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
        show_runs(output, done)
    return status_of(done)


@click.command("runs")
@click.argument("run_id", required=False, type=int)
@json_option
def runs_command(run_id: int | None, as_json: bool) -> None:
    """The history of pulls and pushes, newest first."""
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        names = {row.id: row.name for row in connections.all_connections(session)}
        found = runs.recent_runs(session) if run_id is None else [runs.find_run(session, run_id)]
        shown = [run_history(run, names[run.connection_id]) for run in found if run]
    if run_id is not None and not shown:
        raise NotThere(f"There is no run {run_id}.")
    if as_json:
        output.document(shown if run_id is None else shown[0])
        return
    columns = ("run", "connection", "stream", "trigger", "status", "read", "requests", "ended_at")
    output.table("", columns, ([run[column] for column in columns] for run in shown))


@click.command("quarantine")
@json_option
def quarantine_command(as_json: bool) -> Status:
    """Records that were set aside, with the reason."""
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        names = {row.id: row.name for row in connections.all_connections(session)}
        shown = [
            {
                "id": row.id,
                "connection": names[row.connection_id],
                "stream": row.stream,
                "record": row.record_id,
                "reason": row.reason,
                "raw": row.raw,
                "seen_at": row.seen_at,
            }
            for row in cursors.all_set_aside(session)
        ]
    if as_json:
        output.document(shown)
    else:
        columns = ("id", "connection", "stream", "record", "reason")
        output.table("", columns, ([row[column] for column in columns] for row in shown))
    return Status.WAITS_FOR_A_PERSON if shown else Status.DONE
