"""retro people, people match."""

from pathlib import Path

import click

from sync.store import connections, people
from workers.app import App
from workers.cli.context import FILE, json_option, opened
from workers.cli.output import Output, Status
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
        if action == "import":
            if file is None:
                raise click.UsageError("import takes a file")
            import_people(app, text_of(file), str(file))
        problems = _match(app) if action == "match" else {}
        with app.database.reading() as session:
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
        output.table("", columns, ([row[column] for column in columns] for row in shown))
        for problem in sorted({each for told in problems.values() for each in told}):
            output.text(problem)
    unmatched = action == "match" and any(not row["accounts"] for row in shown)
    return Status.WAITS_FOR_A_PERSON if unmatched or problems else Status.DONE


def _match(app: App) -> dict[str, list[str]]:
    """Ties people in every connection; what could not be told, by person."""
    problems: dict[str, list[str]] = {}
    with app.database.writing() as session:
        for connection in connections.all_connections(session):
            assert connection.id is not None
            for match in people.match_by_email(session, connection.id):
                if match.problem:
                    told = f"{connection.name}: {match.problem}"
                    problems.setdefault(match.person, []).append(told)
    return problems
