"""The people of a company from a YAML file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rules.people import Person
from rules.yaml_document import Problem, Refused, YamlDocument
from rules.yaml_file import Entry
from sync.store import audit, retros
from sync.store.people import Tie, all_people, loosen_ties, same_address
from sync.tables.people import Person as PersonRow
from workers.app import App
from workers.hand import this_hand

OWN = "their own: accounts are matched by it"


class PeopleFile(Entry):
    people: tuple[Person, ...]


@dataclass(frozen=True)
class PeopleImported:
    """`loosened` are the matches that rested on an address a person has no longer."""

    people: tuple[Person, ...]
    loosened: Sequence[Tie]


def import_people(app: App, text: str, source: str) -> PeopleImported:
    """Store or update each person. Raises Refused with line and field of every problem."""
    document = YamlDocument.read(text, source)
    people = document.validated(PeopleFile).people
    ids = [person.id for person in people]
    with app.database.writing() as session:
        known = {person.id: person.email for person in all_people(session)}
        # Two claim one account by their address: told here, where the lines are known.
        if found := [*_given_twice(document, people), *_of_others(document, people, known)]:
            raise Refused(source, found)
        retros.save_rows(
            session,
            (PersonRow(**person.model_dump(exclude={"manager"})) for person in people),
        )
        moved = [
            each.id
            for each in people
            if each.id in known and not same_address(known[each.id], each.email)
        ]
        loosened = loosen_ties(session, moved)
        # Their ids alone: what is known of a person is kept in one place, where it can be deleted.
        before, after = {"people": [id_ for id_ in ids if id_ in known]}, {"people": ids}
        audit.note(session, this_hand(), "people import", source, before=before, after=after)
    return PeopleImported(people, loosened)


def _given_twice(document: YamlDocument, people: Sequence[Person]) -> Iterator[Problem]:
    for index, person in enumerate(people):
        for earlier, other in enumerate(people[:index]):
            line = document.problem(("people", earlier), "").line
            if other.id == person.id:
                told = f"the id {person.id} is given twice, first in line {line}; remove one"
                yield document.problem(("people", index, "id"), told)
                break
            if person.email and same_address(other.email, person.email):
                told = (
                    f"{person.email} is the address of {other.id} in line {line}; give each {OWN}"
                )
                yield document.problem(("people", index, "email"), told)
                break


def _of_others(
    document: YamlDocument, people: Sequence[Person], known: Mapping[str, str | None]
) -> Iterator[Problem]:
    """Addresses of people whom the file leaves as they are."""
    others = {id_: email for id_, email in known.items() if id_ not in {each.id for each in people}}
    for index, person in enumerate(people):
        for id_, email in others.items():
            if person.email and same_address(email, person.email):
                told = (
                    f"{person.email} is the address of {id_}, who is known already; give each"
                    f" {OWN}, or put {id_} without one into the file"
                )
                yield document.problem(("people", index, "email"), told)
