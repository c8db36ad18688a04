"""retro pull, push, sync, runs, outbox, quarantine."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlmodel import Session

from connectors.models import Stream
from sync.store import connections, cursors, outbox, retros, runs
from sync.tables.runs import PUSH, Run, RunStatus
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.errors import NotThere
from workers.pulling import pull_now, push_now
from workers.reports import found_words, run_history, run_report, write_report
from workers.running import INTERRUPTED

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
    columns = ("stream", "status", "read", "created", "updated", "requests", "seconds")
    rows = ([*(run_report(run)[c] for c in columns), found_words(run)] for run in pulled)
    output.table("", (*columns, "data"), rows)
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
        before = app.clock.now()
        with app.database.reading() as session:
            known, was = _evaluated(session, before), _work(session)
        done = pull_now(app, name)
        follow_up(app)
        with app.database.reading() as session:
            fired = len(_evaluated(session, before) - known)
            refused = len(retros.problems(session))
            row = connections.connection_named(session, name)
            assert row.id is not None
            unsent = outbox.has_unsent(session, row.id)
        if unsent:
            done.append(push_now(app, row.id))
            done += pull_now(app, name, [Stream.TASKS])
        with app.database.reading() as session:
            now = _work(session)
    if as_json:
        output.document({"connection": name, "runs": [run_report(run) for run in done]})
        return _status(done)
    _show(output, done)
    waits = f", {refused} cannot be carried out (see retro doctor)" if refused else ""
    sent = sum(run.created + run.updated for run in done if run.stream == PUSH)
    output.text(f"rules: {fired} fired{waits}; writes: {sent} sent")
    moved = sorted(f"{key}: {was[key]} → {now[key]}" for key in was if now.get(key) != was[key])
    output.text(f"statuses: {', '.join(moved) or 'unchanged'}")
    return _status(done)


def _evaluated(session: Session, since: datetime) -> set[int | None]:
    return {each.id for each in retros.evaluations(session, since)}


def _work(session: Session) -> dict[str, str]:
    """Decisions and their tasks, with their status."""
    decisions = {each.id: each.status for each in retros.decisions(session)}
    return decisions | {each.key: each.status for each in retros.actions(session)}


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
    output.table("", columns, ([_state(run)[column] for column in columns] for run in shown))
    for run in shown if run_id is not None else ():
        if run["error"]:
            output.text(f"{run['error']['message']} {run['error']['next_step']}")


def _state(run: dict[str, Any]) -> dict[str, Any]:
    """A run that somebody stopped is queued, and goes on with the next one; people are told why."""
    stopped = run["status"] == RunStatus.QUEUED and (run["error"] or {}).get("kind") == INTERRUPTED
    return {**run, "status": "interrupted"} if stopped else run


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
        output.table("", columns, _told_once(shown))
    return Status.WAITS_FOR_A_PERSON if shown else Status.DONE


def _told_once(shown: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A file that feeds several streams is set aside in each, for one reason."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in shown:
        found.setdefault((row["connection"], row["record"], row["reason"]), []).append(row)
    return [
        [
            ", ".join(str(row["id"]) for row in rows),
            connection,
            ", ".join(row["stream"] for row in rows),
            *_place_and_reason(record, reason),
        ]
        for (connection, record, reason), rows in found.items()
    ]


def _place_and_reason(record: str, reason: str) -> tuple[str, str]:
    """What has no id is kept under its whole reason, which begins with its place."""
    place, colon, rest = reason.partition(": ")
    return (place, rest) if colon and record == reason else (record, reason)
