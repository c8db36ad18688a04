"""retro action, conflicts, map."""

from datetime import date, datetime
from typing import Any

import click

from connectors.models import ActionStatus, Stream
from sync.merge import Contract, TaskField
from sync.store import agreements, connections
from sync.tables.agreements import Outcome
from workers.actions import Edit, edit_action, settle_conflict
from workers.agreements import conflict_reports, set_contracts
from workers.cli.context import NUMBER, json_option, opened
from workers.cli.output import Output, Status
from workers.connecting import map_fields
from workers.doorbell import ring_for_pushes
from workers.reports import action_report

CONTRACTS = ", ".join(Contract)
FIELDS = ", ".join(TaskField)


@click.command("action")
@click.argument("key")
@click.option("--title", help="What the task is called.")
@click.option("--description", help="Its text.")
@click.option("--owner", help="The person who does it, by id.")
@click.option("--due", help="A day, such as 2026-12-18: its close of business; or an ISO moment.")
@click.option("--done", is_flag=True, help="It is done.")
@click.option("--reopen", is_flag=True, help="It is not done.")
@json_option
def action_command(
    key: str,
    title: str | None,
    description: str | None,
    owner: str | None,
    due: str | None,
    done: bool,
    reopen: bool,
    as_json: bool,
) -> Status:
    """Change an action here; its task takes it over at the next push."""
    output = Output(as_json)
    if done and reopen:
        raise click.UsageError("give --done or --reopen, not both")
    if title is not None and not title.strip():
        raise click.UsageError("a task needs a title")
    status = ActionStatus.DONE if done else ActionStatus.OPEN if reopen else None
    with opened() as app:
        edit = Edit(title, description, owner, _due(due), status)
        if edit == Edit():
            raise click.UsageError("name what is to change: --title, --owner, --due, --done …")
        action = edit_action(app, key, edit)
        ring_for_pushes(app)
    is_lost = action.status == ActionStatus.LOST
    if as_json:
        output.document(action_report(action))
    else:
        output.text(
            f"{key}: {action.title}, {action.owner}, {action.due_at:%Y-%m-%d}, {action.status}."
        )
        if is_lost:
            output.text("Its task was deleted in the tool; settle that first: retro conflicts")
    return Status.WAITS_FOR_A_PERSON if is_lost else Status.DONE


def _due(text: str | None) -> date | datetime | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text) if len(text) == len("2026-12-18") else _moment(text)
    except ValueError as error:
        raise click.UsageError(f"--due {text!r} is no day and no moment with its zone") from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


@click.command("conflicts")
@click.argument("action", required=False, type=click.Choice(["settle"]))
@click.argument("conflict_id", required=False, type=NUMBER)
@click.argument("outcome", required=False, type=click.Choice(["ours", "theirs"]))
@click.option("--all", "with_settled", is_flag=True, help="Settled ones too.")
@json_option
def conflicts_command(
    action: str | None,
    conflict_id: int | None,
    outcome: str | None,
    with_settled: bool,
    as_json: bool,
) -> Status:
    """What both sides changed, side by side; `settle ID ours|theirs` says which stands."""
    output = Output(as_json)
    with opened() as app:
        if action == "settle":
            if conflict_id is None or outcome is None:
                raise click.UsageError("settle takes the id of a conflict, and ours or theirs")
            settle_conflict(app, conflict_id, Outcome(outcome))
            ring_for_pushes(app)
        with app.database.reading() as session:
            shown = conflict_reports(session, only_open=not with_settled)
    if as_json:
        output.document(shown)
    else:
        columns = ("id", "action", "field", "reason", "base", "ours", "theirs", "asked")
        output.table("", columns, ([row[column] for column in columns] for row in shown))
        for row in shown:
            if row["state"] == "open":
                output.text(f"{row['id']}: {row['question']}")
    waits = any(row["state"] == "open" for row in shown)
    return Status.WAITS_FOR_A_PERSON if waits else Status.DONE


@click.command("map")
@click.argument("name")
@click.argument("stream", type=click.Choice([stream.value for stream in Stream]))
@click.argument("mapped", nargs=-1, metavar="[FIELD=REMOTE]...")
@click.option(
    "--contract",
    "pairs",
    multiple=True,
    metavar="FIELD=CONTRACT",
    help=f"Whose change of a field stands when both sides changed it: {CONTRACTS}; repeatable.",
)
@json_option
def map_command(
    name: str, stream: str, mapped: tuple[str, ...], pairs: tuple[str, ...], as_json: bool
) -> None:
    """Read custom fields of the tool under names of ours, and set the contracts of the fields of
    tasks that both sides may change."""
    output = Output(as_json)
    is_tasks = stream == Stream.TASKS.value
    if pairs and not is_tasks:
        raise click.UsageError("only tasks are changed on both sides, so only they have contracts")
    if mapped and is_tasks:
        raise click.UsageError("the fields of tasks are mapped already; give --contract")
    with opened() as app:
        if pairs:
            set_contracts(app, name, dict(_contract(pair) for pair in pairs))
        if mapped:
            map_fields(app, name, Stream(stream), dict(_pair(each) for each in mapped))
        with app.database.reading() as session:
            row = connections.connection_named(session, name)
            assert row.id is not None
            contracts = agreements.contracts(session, row.id) if is_tasks else {}
            remote = {} if is_tasks else row.settings.get("fields", {})
    shown: list[dict[str, Any]] = [
        *({"field": each.value, "contract": word.value} for each, word in contracts.items()),
        *({"field": each, "remote": word} for each, word in remote.items()),
    ]
    if as_json:
        output.document({"connection": name, "stream": stream, "fields": shown})
    else:
        columns = ("field", "contract" if is_tasks else "remote")
        output.table("", columns, ([*row.values()] for row in shown))


def _pair(text: str) -> tuple[str, str]:
    field, _, remote = text.partition("=")
    if not field or not remote:
        raise click.UsageError(f"{text!r} is no FIELD=REMOTE")
    return field, remote


def _contract(pair: str) -> tuple[TaskField, Contract]:
    field, _, contract = pair.partition("=")
    if field not in list(TaskField):
        raise click.UsageError(f"tasks have no field {field!r} that both sides change: {FIELDS}")
    if contract not in list(Contract):
        raise click.UsageError(f"{contract!r} is no contract: {CONTRACTS}")
    return TaskField(field), Contract(contract)
