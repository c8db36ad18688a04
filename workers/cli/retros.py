"""retro import, retros, decisions."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from connectors.models import ActionStatus
from rules.language import day
from rules.words import RetroStatus
from sync.store import retros, undone
from sync.store.undated import Undated, undated
from sync.tables.retros import Action, Decision, Target
from workers.cli import words
from workers.cli.context import FILE, json_option, opened
from workers.cli.output import Output
from workers.errors import NotThere
from workers.retros import Imported, import_retro
from workers.text_file import text_of


@click.command("import")
@click.argument("file", type=FILE)
@json_option
def import_command(file: Path, as_json: bool) -> None:
    """Take a retro from a YAML file; refused whole when something is missing."""
    output = Output(as_json)
    with opened() as app:
        done = import_retro(app, text_of(file), str(file))
    if as_json:
        output.document(
            {
                "retro": done.retro.id,
                "status": done.retro.status,
                "decisions": [each.id for each in done.retro.decisions],
                "meeting_cost": done.cost.total,
                "missing_rates": done.cost.missing,
                "warnings": done.warnings,
                "carried_over": done.carried_over,
                "planned_before": done.planned_before,
                "overdue": done.overdue,
            }
        )
        return
    for each in done.carried_over:
        output.text(f"still open since {each.retro}: {each.title} ({each.owner})")
    output.text(f"{done.retro.id} ({done.retro.status}): {len(done.retro.decisions)} decisions.")
    for note in _notes(done):
        output.text(note)
    for warning in done.warnings:
        output.text(f"warning: {warning}")


def _notes(done: Imported) -> Iterator[str]:
    """What is fine, but may not be what was meant."""
    retro = done.retro
    named = {each.id for each in retro.decisions}
    for each in done.planned_before:
        if each in named:
            yield (
                f"{each} was planned before: its tasks and its target stay as they are, and no "
                "helper is added. retro action changes a task."
            )
        else:
            yield f"{each} is not in the file any more; it stays, with its tasks and its target."
    for each in done.overdue:
        yield (
            f"The due date of {each} has passed, so its tasks will be overdue from the start; to "
            "plan them for later, correct the date in the file and import it again."
        )
    if retro.status is RetroStatus.DRAFT:
        yield "A draft, as it has no goal: {kpi, direction}. Its decisions count all the same."
    open_ones = [each.id for each in retro.observations if retro.outcome_of(each) is None]
    if open_ones:
        yield (
            f"Without an outcome: {', '.join(open_ones)}. Settle each by a decision from it, or by "
            "outcome: parked (or rejected) with a reason."
        )
    if not retro.decisions:
        yield "No decisions, so retro plan has nothing to plan."


@click.command("retros")
@click.argument("retro_id", required=False)
@json_option
def retros_command(retro_id: str | None, as_json: bool) -> None:
    """Retros with their observations and decisions."""
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        shown: list[dict[str, Any]] = [
            {
                "id": row.id,
                "held_at": row.held_at,
                "status": row.status,
                "goal": row.goal,
                "observations": [
                    {"id": o.id, "text": o.text, "outcome": o.outcome, "reason": o.reason}
                    for o in retros.observations_of(session, row.id)
                ],
                "decisions": [d.id for d in retros.decisions(session, row.id)],
            }
            for row in retros.all_retros(session)
            if retro_id in (None, row.id)
        ]
    if retro_id is not None and not shown:
        raise NotThere(f"There is no retro {retro_id!r}.")
    if as_json:
        output.document(shown)
        return
    if not shown:
        output.text("No retros yet; retro import FILE takes one in.")
    for each in shown:
        output.text(f"{each['id']}  {each['held_at']:%Y-%m-%d}  {each['status']}")
        for observation in each["observations"]:
            reason = f": {observation['reason']}" if observation["reason"] else ""
            output.text(f"  {observation['text']} → {observation['outcome'] or 'open'}{reason}")


@click.command("decisions")
@click.argument("decision_id", required=False)
@json_option
def decisions_command(decision_id: str | None, as_json: bool) -> None:
    """Decisions with their owner, date, progress and target."""
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        language, zone = app.settings.lang, app.settings.tz
        gone = undated(session, decision_id)
        shown = [
            _decision(
                row,
                list(retros.actions(session, row.id)),
                list(retros.targets(session, row.id)),
                gone,
            )
            for row in retros.decisions(session)
            if decision_id in (None, row.id)
        ]
        lost = {
            each["key"]: undone.create_taken_back(session, each["connection_id"], each["key"])
            for row in shown
            for each in row["actions"]
            if each["status"] == ActionStatus.LOST
        }
    if decision_id is not None and not shown:
        raise NotThere(f"There is no decision {decision_id!r}.")
    if as_json:
        output.document(shown)
        return
    columns = words.DECISION_COLUMNS["en"]
    rows = (
        {
            **row,
            "status": words.decision_status(row["status"], language),
            "due_on": day(row["due_on"], language),
        }
        for row in shown
    )
    cells = ([row[column] for column in columns] for row in rows)
    output.table("", words.DECISION_COLUMNS[language], cells)
    dues = {
        each["key"]: datetime.fromisoformat(each["due_at"])
        for row in shown
        for each in row["actions"]
    }
    for key, create in lost.items():
        text = words.TASK_GONE if create is None else words.TASK_TAKEN_BACK
        output.text(text[language].format(key=key, create=create))
    for key, found in gone.items():
        told = words.UNDATED[language].format(
            key=key,
            place=found.place,
            day=day(found.since.astimezone(zone).date(), language),
            due=day(dues[key].astimezone(zone).date(), language),
        )
        output.text(told)


def _decision(
    row: Decision, actions: list[Action], targets: list[Target], gone: Mapping[str, Undated]
) -> dict[str, Any]:
    return {
        "id": row.id,
        "retro": row.retro_id,
        "type": row.type,
        "text": row.text,
        "kpi": row.kpi,
        "accountable": row.accountable,
        "due_on": row.due_on,
        "status": row.status,
        "done": sum(each.status == "done" for each in actions),
        "total": len(actions),
        "actions": [_action(each, gone.get(each.key)) for each in actions],
        "targets": [msgspec.to_builtins(each.model_dump()) for each in targets],
    }


def _action(row: Action, gone: Undated | None) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(row.model_dump()),
        "undated_since": gone.since if gone else None,
    }
