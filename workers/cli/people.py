"""retro people, people match."""

from pathlib import Path

import click

from sync.store import connections, people
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.people_file import import_people

YAML = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("people")
@click.argument("action", required=False, type=click.Choice(["match", "import"]))
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@json_option
def people_command(action: str | None, file: Path | None, as_json: bool) -> Status:
    """People with their roles; `match` ties them to the tools' accounts by e-mail; `import FILE`
    takes them from YAML."""
    output = Output(as_json)
    with opened() as app:
        if action == "import":
            if file is None:
                raise click.UsageError("import takes a file")
            import_people(app, file.read_text(encoding="utf-8"), str(file))
        if action == "match":
            with app.database.writing() as session:
                for connection in connections.all_connections(session):
                    if connection.id is not None:
                        people.match_by_email(session, connection.id)
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
                }
                for person in people.all_people(session)
            ]
    if as_json:
        output.document(shown)
    else:
        columns = ("id", "name", "role", "email", "accounts")
        output.table("", columns, ([row[column] for column in columns] for row in shown))
    unmatched = action == "match" and any(not row["accounts"] for row in shown)
    return Status.WAITS_FOR_A_PERSON if unmatched else Status.DONE
