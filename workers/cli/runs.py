"""retro pull, sync, runs."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from sqlmodel import Session

from connectors.models import Stream
from sync.store import agreements, connections, outbox, past_runs, retros
from sync.tables.runs import PUSH, Run, RunStatus
from workers.app import App
from workers.cli.context import NUMBER, json_option, opened
from workers.cli.output import Output, Status
from workers.cli.waits import LIMITED, Waits, moment
from workers.clock import machine_now
from workers.connecting import passed_over
from workers.errors import NotThere
from workers.pulling import cancel, pull_now, push_now
from workers.reports import found_words, run_history, run_report
from workers.running import INTERRUPTED

STREAMS = click.Choice([stream.value for stream in Stream])
BAD = (RunStatus.FAILED, RunStatus.CANCELLED)

NUMBER_OF_RUN = re.compile(r"[0-9]{1,18}")


# No tool holds older records, and no moment is so old that it cannot be counted back from.
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
# A tool may be ahead of this machine, and who asks may think of another zone.
CLOCKS_APART = timedelta(days=1)


def _past(_: click.Context, __: click.Parameter, given: datetime | None) -> datetime | None:
    if given is None:
        return None
    since = given.replace(tzinfo=UTC)
    if since > machine_now() + CLOCKS_APART:
        raise click.BadParameter("that is still to come; nothing can have changed since")
    if since < FIRST:
        raise click.BadParameter("nothing is that old; --full reads everything")
    return since


@click.command("pull")
@click.argument("name")
@click.option("--stream", "streams", multiple=True, type=STREAMS, help="Only this; repeatable.")
@click.option("--full", is_flag=True, help="Read everything, not only what changed.")
@click.option(
    "--since",
    type=click.DateTime(),
    callback=_past,
    help="What changed since a moment (UTC).",
)
@json_option
def pull_command(
    name: str, streams: tuple[str, ...], full: bool, since: datetime | None, as_json: bool
) -> Status:
    """Pull now, in this process, and wait for the end."""
    if full and since is not None:
        raise click.UsageError("--full reads everything: give it or --since, not both")
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

        waits = waits_of(app)
        pulled = pull_now(
            replace(app, sleep=waits.sleep),
            name,
            [Stream(stream) for stream in streams],
            full=full,
            since=since,
            on_run=began,
            on_page=read,
            on_wait=waits.run,
        )
        conflicts = _conflicts(app, name)
        unread = () if as_json else passed_over(app, name)
    if as_json:
        output.document({"connection": name, "runs": [run_report(run) for run in pulled]})
    else:
        show_runs(output, pulled, conflicts)
    for line in unread:
        output.text(line)
    return status_of(pulled, conflicts)


def waits_of(app: App) -> Waits:
    with app.database.reading() as session:
        return Waits({row.id: row.name for row in connections.all_connections(session)})


def _conflicts(app: App, name: str) -> int:
    """How many of the connection wait for a person."""
    with app.database.reading() as session:
        row = connections.connection_named(session, name)
        return len(agreements.all_conflicts(session, row.id))


def show_runs(output: Output, pulled: Sequence[Run], conflicts: int = 0) -> None:
    columns = ("stream", "status", "read", "created", "updated", "deleted", "requests", "seconds")
    rows = ([*(run_report(run)[c] for c in columns), found_words(run)] for run in pulled)
    output.table("", (*columns, "data"), rows)
    # What is wrong with the tool is told once, not once a stream.
    told: dict[str, list[str]] = {}
    for run in pulled:
        if run.error:
            told.setdefault(_in_words(run, run.error), []).append(run.stream)
    for words, streams in told.items():
        output.text(f"{', '.join(streams)}: {words}")
    if conflicts:
        output.text(f"{conflicts} open: retro conflicts shows both sides.")


def _in_words(run: Run, error: Mapping[str, Any]) -> str:
    if run.status is RunStatus.WAITING and run.waiting_until is not None:
        return (
            f"{error['message']} The writes stay in the outbox and are tried again: by the service "
            f"from {moment(run.waiting_until)} on, or by the next retro push."
        )
    return f"{error['message']} {error['next_step']}"


def status_of(done: Sequence[Run], conflicts: int = 0) -> Status:
    # A push that still waits found the tool away, and sent nothing.
    if any(run.status in (*BAD, RunStatus.WAITING) for run in done):
        return Status.FAILED
    if conflicts:
        return Status.WAITS_FOR_A_PERSON
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
        before = app.clock.now()
        with app.database.reading() as session:
            known, was = _evaluated(session, before), _work(session)
        waits = waits_of(app)
        told = replace(app, sleep=waits.sleep)
        done = pull_now(told, name, on_wait=waits.run)
        follow_up(app)
        with app.database.reading() as session:
            fired = len(_evaluated(session, before) - known)
            refused = len(retros.problems(session))
            row = connections.connection_named(session, name)
            assert row.id is not None
            unsent = outbox.has_unsent(session, row.id)
        if unsent:
            done.append(push_now(told, row.id, waits.run))
            done += pull_now(told, name, [Stream.TASKS], on_wait=waits.run)
        conflicts = _conflicts(app, name)
        with app.database.reading() as session:
            now = _work(session)
    if as_json:
        output.document({"connection": name, "runs": [run_report(run) for run in done]})
        return status_of(done, conflicts)
    show_runs(output, done, conflicts)
    stuck = f", {refused} cannot be carried out (see retro doctor)" if refused else ""
    sent = sum(run.created + run.updated for run in done if run.stream == PUSH)
    output.text(f"rules: {fired} fired{stuck}; writes: {sent} sent")
    moved = sorted(f"{key}: {was[key]} → {now[key]}" for key in was if now.get(key) != was[key])
    output.text(f"statuses: {', '.join(moved) or 'unchanged'}")
    return status_of(done, conflicts)


def _evaluated(session: Session, since: datetime) -> set[int | None]:
    return {each.id for each in retros.evaluations(session, since)}


def _work(session: Session) -> dict[str, str]:
    """Decisions and their tasks, with their status."""
    decisions = {each.id: each.status for each in retros.decisions(session)}
    return decisions | {each.key: each.status for each in retros.actions(session)}


@click.command("runs")
@click.argument("words", nargs=-1, metavar="[ID | cancel ID]")
@click.option("--limit", type=NUMBER, default=50, show_default=True, help="How many, newest first.")
@json_option
def runs_command(words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """The history of pulls and pushes, newest first; `cancel ID` ends a pull after its page.

    What a cancelled pull has read is kept; the next one reads from where the last whole one ended.
    """
    output = Output(as_json)
    cancels = len(words) == 2 and words[0] == "cancel"
    if len(words) > (2 if cancels else 1) or not all(
        NUMBER_OF_RUN.fullmatch(w) for w in words[cancels:]
    ):
        raise click.UsageError("give nothing, the number of a run, or: cancel and its number")
    run_id = int(words[-1]) if words else None
    with opened() as app:
        if cancels and run_id is not None:
            cancel(app, run_id)
        with app.database.reading() as session:
            names = {row.id: row.name for row in connections.all_connections(session)}
            found = (
                past_runs.recent_runs(session, limit)
                if run_id is None
                else [past_runs.find_run(session, run_id)]
            )
            earlier = past_runs.count_runs(session) - len(found) if run_id is None else 0
            now = app.database.now()
            shown = [run_history(run, names[run.connection_id], now) for run in found if run]
    if run_id is not None and not shown:
        raise NotThere(f"There is no run {run_id}.")
    left_out = (
        f"{earlier} more, earlier ones; to see them: retro runs --limit {len(shown) + earlier}"
    )
    if as_json:
        output.document(shown if run_id is None else shown[0])
        if earlier:
            sys.stderr.write(f"retro: {left_out}\n")
        return
    columns = ("run", "connection", "stream", "trigger", "status", "read", "requests", "ended_at")
    cells = ([*(_state(run)[column] for column in columns), _still_to_come(run)] for run in shown)
    output.table("", (*columns, ""), cells)
    for run in shown:
        if run["status"] == RunStatus.WAITING and run["waiting_until"]:
            output.text(_waits(run))
        elif run["error"] and run_id is not None:
            output.text(f"{run['error']['message']} {run['error']['next_step']}")
    if earlier:
        output.text(left_out)


def _state(run: dict[str, Any]) -> dict[str, Any]:
    """A run that somebody stopped is queued, and goes on with the next one; people are told why."""
    stopped = run["status"] == RunStatus.QUEUED and (run["error"] or {}).get("kind") == INTERRUPTED
    return {**run, "status": "interrupted"} if stopped else run


def _still_to_come(run: Mapping[str, Any]) -> str:
    if run["cancelling"]:
        return "ends after its page"
    progress = run["progress"]
    if progress is None or progress["expected"] is None:
        return ""
    left = progress["seconds_left"]
    told = "" if left is None else f", {left:.0f} s left"
    return f"of about {progress['expected']:,}{told}"


def _waits(run: Mapping[str, Any]) -> str:
    """Below the table: a sentence would be folded to a word a line in it."""
    why = (run["error"] or {}).get("message", LIMITED)
    return f"{run['run']} waits until {moment(run['waiting_until'])}. {why}"
