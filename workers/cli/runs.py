"""retro pull, push, sync, runs, outbox, quarantine."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connectors.models import Stream
from sync.store import audit, connections, cursors, outbox, runs
from sync.tables.runs import Run, RunStatus
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.errors import NotThere
from workers.hand import this_hand
from workers.pulling import pull_now, push_now
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
        if waiting:
            with app.database.writing() as session:
                for row in waiting.values():
                    audit.note(session, this_hand(), "push", row.name)
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
                before = outbox.state_of(session, key)
                if not outbox.retry(session, key):
                    raise NotThere(f"No refused or dead write has the key {key!r}.")
                after = {"state": outbox.state_of(session, key)}
                told = {"state": before}
                audit.note(session, this_hand(), "outbox retry", key, before=told, after=after)
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
