"""What the rules package is given to work with: KPI definitions, pay table, rules, people.

The installation's own file in RETRO_HOME wins over the one that is shipped.
"""

from datetime import date
from functools import lru_cache

from sqlmodel import Session

from config.settings import Settings
from config.shipped import shipped_text
from rules.calendars import Calendar
from rules.costs import PayTable, parse_pay_table
from rules.kpi_catalogue import Catalogue, parse_catalogue
from rules.people import Absence, Person, Staff
from rules.rule_file import Rule, parse_rules
from sync.store import people as store
from sync.tables.people import Person as PersonRow
from workers.text_file import text_of


def catalogue(settings: Settings) -> Catalogue:
    """Raises FileProblem."""
    return _catalogue(*_text(settings, "kpis.yaml"))


def pay_table(settings: Settings) -> PayTable:
    """Raises FileProblem."""
    return _pay_table(*_text(settings, "pay.yaml"))


def rules_in_force(settings: Settings) -> tuple[Rule, ...]:
    """Raises Refused."""
    return _rules(*_text(settings, "rules.yaml"))


# Parsed once per text, and by a worker before its horses are born: YAML takes longer than rules do.
_catalogue = lru_cache(maxsize=2)(parse_catalogue)
_pay_table = lru_cache(maxsize=2)(parse_pay_table)
_rules = lru_cache(maxsize=2)(parse_rules)


def _text(settings: Settings, name: str) -> tuple[str, str]:
    own = settings.home / name
    if own.exists():
        return text_of(own), str(own)
    return shipped_text(name), name


def calendar(settings: Settings) -> Calendar:
    return Calendar(settings.tz)


def staff(session: Session, day: date) -> Staff:
    """Everyone we know, who is away on `day`, and who has how much to do."""
    return Staff(
        people={row.id: to_person(row) for row in store.all_people(session)},
        absences=tuple(
            Absence(person=row.person_id, first_day=row.first_day, last_day=row.last_day)
            for row in store.absences_on(session, day)
        ),
        open_actions=store.open_actions_by_owner(session),
        last_on_rota=store.last_turns(session),
    )


def to_person(row: PersonRow) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        role=row.role,
        email=row.email,
        team=row.team,
        country=row.country,
        active=row.active,
    )
