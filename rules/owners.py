"""Who gets a piece of work: exactly one person, and the reason for the choice.

A person somebody named keeps the work even when away. Whoever was to be picked by role is passed
over when away. Who has left gets nothing: the work goes to another holder of the role, or to the
fallback, and `left` tells it to an admin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from rules.language import Language, Words
from rules.outcomes import ByDuty, ByRole, Named, OwnerRule
from rules.people import Person, Staff, role_key

NAMED: Words = {"en": "named by hand", "fr": "désigné nommément"}
HOLDS: Words = {"en": "holds the role {role}", "fr": "tient le rôle {role}"}
ON_ROTA: Words = {
    "en": "next in turn for the role {role}",
    "fr": "à son tour pour le rôle {role}",
}
LEAST_LOADED: Words = {
    "en": "least loaded in the role {role} ({load} open)",
    "fr": "moins chargé du rôle {role} ({load} en cours)",
}
FALLBACK: Words = {
    "en": "stands in: nobody is available for the role {role}",
    "fr": "remplaçant : personne n'est disponible pour le rôle {role}",
}
INSTEAD: Words = {"en": "{why}; {gone} has left", "fr": "{why} ; {gone} a quitté l'entreprise"}
DUTIES: Mapping[str, Words] = {
    "accountable": {"en": "accountable for the decision", "fr": "responsable de la décision"},
    "deal_owner": {"en": "owns the deal", "fr": "responsable de l'affaire"},
    "sheet_owner": {"en": "owns the playbook sheet", "fr": "responsable de la fiche"},
}


class NoOwner(LookupError):
    """Nobody can take the work; the text says for what."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`left` is who would have had the work, but is no longer there."""

    person: Person
    reason: str
    left: Person | None = None


def choose_owner(
    rule: OwnerRule,
    staff: Staff,
    *,
    on: date,
    on_duty: Mapping[str, str],
    language: Language,
) -> Choice:
    """`on_duty` names who is accountable, owns the deal or owns the sheet, where known.

    Raises NoOwner.
    """
    match rule:
        case Named():
            return keep(rule.person, NAMED[language], staff, on=on, language=language)
        case ByDuty():
            person = on_duty.get(rule.by) or rule.fallback
            if person is None:
                raise NoOwner(rule.by)
            why = DUTIES[rule.by][language]
            return keep(person, why, staff, on=on, language=language, fallback=rule.fallback)
        case ByRole():
            return _by_role(rule, staff, on, language)


def keep(
    person_id: str,
    reason: str,
    staff: Staff,
    *,
    on: date,
    language: Language,
    fallback: str | None = None,
) -> Choice:
    """The person themself, or who stands in for one who has left. Raises NoOwner."""
    person = staff.people.get(person_id)
    if person is None:
        raise NoOwner(person_id)
    if person.active:
        return Choice(person, reason)
    stand_in = ByRole(by="least_loaded", role=person.role, fallback=fallback or person.manager)
    choice = _by_role(stand_in, staff, on, language)
    why = INSTEAD[language].format(why=choice.reason, gone=person.name)
    return Choice(choice.person, why, left=person)


def with_work(staff: Staff, person: Person) -> Staff:
    """The staff after `person` got one more action."""
    return replace(
        staff,
        open_actions={**staff.open_actions, person.id: staff.load(person) + 1},
        last_on_rota={**staff.last_on_rota, role_key(person.role): person.id},
    )


def _by_role(rule: ByRole, staff: Staff, on: date, language: Language) -> Choice:
    role = role_key(rule.role)
    available = [
        person
        for person in staff.holders(rule.role)
        if not (rule.skip_absent and staff.is_away(person, on))
    ]
    if not available:
        return _fallback(rule, staff, language)
    match rule.by:
        case "role":
            return Choice(available[0], HOLDS[language].format(role=role))
        case "round_robin":
            last = staff.last_on_rota.get(role, "")
            after = [person for person in available if person.id > last]
            return Choice((after or available)[0], ON_ROTA[language].format(role=role))
        case "least_loaded":
            person = min(available, key=lambda person: (staff.load(person), person.id))
            why = LEAST_LOADED[language].format(role=role, load=staff.load(person))
            return Choice(person, why)


def _fallback(rule: ByRole, staff: Staff, language: Language) -> Choice:
    role = role_key(rule.role)
    person = staff.people.get(rule.fallback or "")
    if person is None or not person.active:
        raise NoOwner(rule.role)
    return Choice(person, FALLBACK[language].format(role=role))
