"""The people of a company from a YAML file."""

from rules.people import Person
from rules.yaml_document import YamlDocument
from rules.yaml_file import Entry
from sync.store import audit, retros
from sync.store.people import all_people
from sync.tables.people import Person as PersonRow
from workers.app import App
from workers.hand import this_hand


class PeopleFile(Entry):
    people: tuple[Person, ...]


def import_people(app: App, text: str, source: str) -> tuple[Person, ...]:
    """Store or update each person. Raises Refused with line and field of every problem."""
    people = YamlDocument.read(text, source).validated(PeopleFile).people
    ids = [person.id for person in people]
    with app.database.writing() as session:
        known = {person.id for person in all_people(session)}
        retros.save_rows(
            session,
            (PersonRow(**person.model_dump(exclude={"manager"})) for person in people),
        )
        # Their ids alone: what is known of a person is kept in one place, where it can be deleted.
        before, after = {"people": [id_ for id_ in ids if id_ in known]}, {"people": ids}
        audit.note(session, this_hand(), "people import", source, before=before, after=after)
    return people
