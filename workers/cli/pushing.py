"""retro push, undo, outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import click
from sqlmodel import Session

from connectors.models import TargetForm
from rules.language import Language
from sync.rehearsal import Promise
from sync.store import audit, by_hand, connections, held, outbox
from sync.store.agreements import all_conflicts
from sync.store.database import again_after_conflict
from sync.store.undone import made_by_another, states_of
from sync.tables.connections import Connection
from sync.tables.outbox import Outbox, OutboxState
from sync.tables.runs import RunStatus
from workers import rehearsing
from workers.app import App
from workers.cli import words
from workers.cli.context import NUMBER, json_option, opened
from workers.cli.output import Output, Status
from workers.cli.runs import show_runs, status_of, waits_of
from workers.errors import CannotRun, NotThere
from workers.hand import this_hand
from workers.pulling import push_now
from workers.reports import run_report, write_report
from workers.target_forms import in_words
from workers.undoing import undo_now


@click.command("push")
@click.argument("name", required=False)
@click.option("--dry-run", is_flag=True, help="Show what it would do; write nothing.")
@json_option
def push_command(name: str | None, dry_run: bool, as_json: bool) -> Status:
    """Send what the outbox holds, now, in this process."""
    output = Output(as_json)
    with opened() as app:
        with app.database.reading() as session:
            rows = (
                [connections.connection_named(session, name)]
                if name
                else connections.all_connections(session)
            )
            waiting = [
                (row.id, row)
                for row in rows
                if row.id is not None and outbox.has_unsent(session, row.id)
            ]
        if dry_run:
            return _show_dry_runs(app, output, [row for _, row in waiting])
        if waiting:
            with app.database.writing() as session:
                for _, row in waiting:
                    audit.note(session, this_hand(), "push", row.name)
        with app.database.reading() as session:
            known = {row.id for row in all_conflicts(session)}
        waits = waits_of(app)
        told = replace(app, sleep=waits.sleep)
        done = [push_now(told, connection_id, waits.run) for connection_id, _ in waiting]
        with app.database.reading() as session:
            met = [row for row in all_conflicts(session) if row.id not in known]
            left = {row.name: len(held.undelivered(session, row.id)) for row in rows if row.id}
    left = {place: n for place, n in left.items() if n}
    if as_json:
        output.document({"runs": [run_report(run) for run in done], "undelivered": left})
    elif done:
        show_runs(output, done)
    else:
        output.text(words.NOTHING_TO_SEND[app.settings.lang])
    for place, n in left.items() if not as_json else ():
        output.text(words.undelivered(n, place, app.settings.lang))
    for conflict in met if not as_json else ():
        output.text(
            f"{conflict.action_key}: its {conflict.field} was changed in the tool as well; "
            f"retro conflicts shows both sides."
        )
    ended = status_of(done)
    return Status.WAITS_FOR_A_PERSON if (met or left) and ended is Status.DONE else ended


def _show_dry_runs(app: App, output: Output, rows: Sequence[Connection]) -> Status:
    told = [(row.name, rehearsing.dry_run(app, row)) for row in rows]
    if output.json:
        output.document({"dry_runs": [rehearsing.document(name, each) for name, each in told]})
    for name, each in told if not output.json else ():
        for promise in each.promises:
            output.text(f"{promise.operation:<14} {promise.subject}  {_outlook(promise)}")
            if promise.becomes:
                output.text(f"    {_becomes(name, promise.becomes, app.settings.lang)}")
            for change in promise.changes:
                output.text(f"    {change.field}: {_text(change.before)} → {_text(change.after)}")
        output.text(words.api_calls(len(each.calls), name, app.settings.lang))
    if not (told or output.json):
        output.text(words.NOTHING_TO_SEND[app.settings.lang])
    return _status_of([each.status for _, each in told])


def _status_of(ends: Sequence[RunStatus]) -> Status:
    """As the push itself would end."""
    if any(each is RunStatus.FAILED for each in ends):
        return Status.FAILED
    good = all(each is RunStatus.SUCCEEDED for each in ends)
    return Status.DONE if good else Status.WAITS_FOR_A_PERSON


def _outlook(promise: Promise) -> str:
    if promise.superseded_by:
        return f"goes out with {promise.superseded_by}"
    return str(promise.error["message"]) if promise.error else ""


def _becomes(name: str, form: TargetForm, language: Language) -> str:
    return words.IN[language].format(place=name, form=in_words(form, language))


def _text(value: object) -> str:
    return "–" if value in (None, "", []) else str(value)


@click.command("undo")
@click.argument("run_id", metavar="RUN", type=NUMBER)
@json_option
def undo_command(run_id: int, as_json: bool) -> Status:
    """Take back what a push wrote, where nobody has changed the record since. Asked again, it tries
    anew what was left."""
    output = Output(as_json)
    with opened() as app:
        with app.database.reading() as session:
            before = states_of(session, run_id)
        waits = waits_of(app)
        undone = undo_now(replace(app, sleep=waits.sleep), run_id, waits.run)
        with app.database.writing() as session:
            after = states_of(session, run_id)
            audit.note(session, this_hand(), "undo", str(run_id), before=before, after=after)
    if as_json:
        output.document(undone.document)
    else:
        for key in undone.keys:
            output.text(f"taken back  {key}")
        for each in undone.left:
            output.text(f"left        {each.key}: {each.reason}")
        if undone.creates:
            output.text(
                "An action whose task was taken back is lost, and takes no edits until the task is "
                f"made again: retro outbox retry {undone.creates[0]}"
            )
        if undone.refused:
            output.text(f"When that is settled in the tool, try again: retro undo {run_id}")
        if not (undone.keys or undone.left):
            output.text(f"Run {run_id} wrote nothing.")
    return Status.WAITS_FOR_A_PERSON if undone.left else Status.DONE


@click.command("outbox")
@click.argument("action", required=False, type=click.Choice(["retry", "drop"]))
@click.argument("key", required=False)
@click.option("--all", "every", is_flag=True, help="With retry: every refused or dead write.")
@json_option
def outbox_command(action: str | None, key: str | None, every: bool, as_json: bool) -> Status:
    """Intended writes, their state and why; `retry KEY` sends a refused one again, `drop KEY` lets
    it go."""
    output = Output(as_json)
    if (key is not None) + every != (action is not None) or (every and action == "drop"):
        raise click.UsageError("retry takes the key of a write, or --all; drop takes a key")
    with opened() as app:
        if action == "retry":
            again_after_conflict(partial(_retry, app, key))
        if action == "drop" and key is not None:
            again_after_conflict(partial(_drop, app, key))
        with app.database.reading() as session:
            names = {row.id: row.name for row in connections.all_connections(session)}
            rows = outbox.outbox_rows(session)
            shown = [write_report(row, names[row.connection_id]) for row in rows]
            behind = held.waiting_behind(rows)
    if as_json:
        output.document(shown)
    else:
        columns = ("key", "connection", "operation", "state", "remote_id", "attempts")
        output.table("", columns, ([row[column] for column in columns] for row in shown))
        for row in shown:
            if why := _why(row, behind):
                output.text(f"{row['key']}: {why}")
    waits = any(row["state"] in ("refused", "dead") for row in shown)
    return Status.WAITS_FOR_A_PERSON if waits else Status.DONE


def _retry(app: App, key: str | None) -> None:
    """One write, or all of them."""
    with app.database.writing() as session:
        if key is None:
            before = dict(by_hand.retry_all(session))
        else:
            state = outbox.state_of(session, key)
            if state is None or not by_hand.retry(session, key):
                raise _not_retried(session, key)
            before = {key: state}
        after = {each: outbox.state_of(session, each) for each in before}
        hand = this_hand()
        audit.note(session, hand, "outbox retry", key or "all", before=before, after=after)


def _not_retried(session: Session, key: str) -> CannotRun:
    row = session.get(Outbox, key)
    by = None if row is None else made_by_another(session, row)
    if by is None:
        return _not_there(key)
    return CannotRun(f"{key} is not sent again: {by} took its place; see retro outbox.")


def _drop(app: App, key: str) -> None:
    with app.database.writing() as session:
        before = by_hand.drop(session, key)
        if before is None:
            raise _not_there(key)
        after = {key: OutboxState.DROPPED}
        audit.note(session, this_hand(), "outbox drop", key, before={key: before}, after=after)


def _not_there(key: str) -> NotThere:
    return NotThere(f"No refused or dead write has the key {key!r}.")


def _why(row: dict[str, object], behind: Mapping[str, str]) -> str:
    """The reason a write waits, and what to do; or what it went out with."""
    if keeper := behind.get(str(row["key"])):
        return f"waits behind {keeper}, which was not delivered; settle that."
    if row["state"] == OutboxState.SUPERSEDED:
        by = row["superseded_by"]
        return f"went out with {by}" if by else "not wanted any more: it was changed here since"
    error = row["error"]
    return f"{error['message']} {error['next_step']}" if isinstance(error, dict) else ""
