"""The people of a company from a YAML file."""

from rules.people import Person
from rules.yaml_document import YamlDocument
from rules.yaml_file import Entry
from sync.store import retros
from sync.tables.people import Person as PersonRow
from workers.app import App


class PeopleFile(Entry):
    people: tuple[Person, ...]


def import_people(app: App, text: str, source: str) -> tuple[Person, ...]:
    """Store or update each person. Raises Refused with line and field of every problem."""
    people = YamlDocument.read(text, source).validated(PeopleFile).people
    with app.database.writing() as session:
        retros.save_rows(
            session,
            (PersonRow(**person.model_dump(exclude={"manager"})) for person in people),
        )
    return people
