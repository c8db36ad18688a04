"""retro people, people match."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from sqlmodel import Session

from connectors.models import Stream
from connectors.port import readable_streams
from connectors.registry import tool
from sync.store import audit, connections, people
from sync.store.people import Tie
from workers.app import App
from workers.cli.context import FILE, json_option, opened
from workers.cli.output import Output, Status
from workers.hand import this_hand
from workers.people_file import import_people
from workers.text_file import text_of


@click.command("people")
@click.argument("action", required=False, type=click.Choice(["match", "import"]))
@click.argument("file", required=False, type=FILE)
@json_option
def people_command(action: str | None, file: Path | None, as_json: bool) -> Status:
    """People with their roles; `match` ties them to the tools' accounts by e-mail; `import FILE`
    takes them from YAML."""
    output = Output(as_json)
    with opened() as app:
        problems: dict[str, list[str]] = {}
        if action == "import":
            if file is None:
                raise click.UsageError("import takes a file")
            problems = _loosened(app, import_people(app, text_of(file), str(file)).loosened)
        if action == "match":
            problems = _match(app)
        with app.database.reading() as session:
            kinds = {each.name: each.kind for each in connections.all_connections(session)}
            accounts = {
                connection.name: people.accounts_of_people(session, connection.id)
                for connection in connections.all_connections(session)
                if connection.id is not None
            }
            shown = [
                {
                    "id": person.id,
                    "name": person.name,
                    "role": person.role,
                    "email": person.email,
                    "active": person.active,
                    "accounts": {
                        name: ids[person.id] for name, ids in accounts.items() if person.id in ids
                    },
                    "problems": problems.get(person.id, []),
                }
                for person in people.all_people(session)
            ]
    if as_json:
        output.document(shown)
    else:
        columns = ("id", "name", "role", "email", "accounts")
        output.table("", columns, ([_worded(row)[column] for column in columns] for row in shown))
        for problem in sorted({each for told in problems.values() for each in told}):
            output.text(problem)
        if action == "match":
            for note in _unmatched(shown, kinds):
                output.text(note)
    unmatched = action == "match" and any(not row["accounts"] for row in shown)
    return Status.WAITS_FOR_A_PERSON if unmatched or problems else Status.DONE


def _worded(row: dict[str, Any]) -> dict[str, Any]:
    accounts = ", ".join(f"{name}: {account}" for name, account in row["accounts"].items())
    return {**row, "accounts": accounts}


def _unmatched(shown: list[dict[str, Any]], kinds: dict[str, str]) -> Iterator[str]:
    """Who was not found, and what to do about it."""
    if not shown:
        yield "There are no people yet; retro people import FILE takes them in."
        return
    readable = [
        name for name, kind in kinds.items() if Stream.PEOPLE in readable_streams(tool(kind))
    ]
    if not readable:
        yield "No connection has accounts to match with; connect one first: retro connect …"
        return
    lost = [row for row in shown if not row["accounts"] and not row["problems"]]
    without = [row["id"] for row in lost if not row["email"]]
    others = [f"{row['id']} ({row['email']})" for row in lost if row["email"]]
    if without:
        yield f"Without an e-mail address to match by: {', '.join(without)}."
    if others:
        yield f"No active account has the address of: {', '.join(others)}."
    if lost:
        pulls = " and ".join(f"retro pull {name} --stream people" for name in readable)
        yield f"Correct the addresses here or in the tool, then: {pulls}, and match again."


def _loosened(app: App, ties: Sequence[Tie]) -> dict[str, list[str]]:
    """Whose account is theirs no longer, by person."""
    with app.database.reading() as session:
        names = {each.id: each.name for each in connections.all_connections(session)}
    problems: dict[str, list[str]] = {}
    for tie in ties:
        told = (
            f"{names[tie.connection_id]}: the account {tie.account} does not have the new address "
            f"of {tie.person}, so they are matched no longer; match again: retro people match"
        )
        problems.setdefault(tie.person, []).append(told)
    return problems


def _match(app: App) -> dict[str, list[str]]:
    """Ties people in every connection; what could not be told, by person."""
    problems: dict[str, list[str]] = {}
    with app.database.writing() as session:
        for connection in connections.all_connections(session):
            assert connection.id is not None
            before = people.accounts_of_people(session, connection.id)
            for match in people.match_by_email(session, connection.id):
                if match.problem:
                    told = f"{connection.name}: {match.problem}"
                    problems.setdefault(match.person, []).append(told)
            after = people.accounts_of_people(session, connection.id)
            _note(session, connection.name, before, after)
    return problems


def _note(
    session: Session, connection: str, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Whose account is another one now."""
    changed = [each for each in sorted({*before, *after}) if before.get(each) != after.get(each)]
    if changed:
        audit.note(
            session,
            this_hand(),
            "people match",
            connection,
            before={each: before.get(each) for each in changed},
            after={each: after.get(each) for each in changed},
        )
