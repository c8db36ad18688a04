"""Who works here, in which role, and who is away."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from pydantic import field_validator, model_validator

from rules.calendars import check_country
from rules.yaml_file import Entry

# A title may hold more than the role (« Responsable acquisition »). The first of these found in it
# is its role; a title without any is a role of its own.
ROLES = (
    "designer",
    "copywriter",
    "marketer",
    "acquisition",
    "sdr",
    "sales",
    "support",
    "product",
    "cmo",
    "ceo",
)


class Person(Entry):
    """`role` is the title; `country` an ISO 3166 code, of a country or of a part of it (`FR-57`).

    Who is not `active` has left.
    """

    id: str
    name: str
    role: str
    email: str | None = None
    team: str | None = None
    country: str = "FR"
    manager: str | None = None
    active: bool = True

    @field_validator("country")
    @classmethod
    def _has_known_holidays(cls, country: str) -> str:
        check_country(country)
        return country


class Absence(Entry):
    """Both days included."""

    person: str
    first_day: date
    last_day: date

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError(f"the absence of {self.person} ends before it starts")
        return self


@dataclass(frozen=True, slots=True)
class Staff:
    """`open_actions` is the load of each person; `last_on_rota` who came last, by role key."""

    people: Mapping[str, Person]
    absences: tuple[Absence, ...] = ()
    open_actions: Mapping[str, int] = field(default_factory=dict)
    last_on_rota: Mapping[str, str] = field(default_factory=dict)

    def holders(self, role: str) -> list[Person]:
        """Those who hold the role and have not left, by id."""
        holding = [p for p in self.people.values() if p.active and holds(p, role)]
        return sorted(holding, key=lambda person: person.id)

    def is_away(self, person: Person, day: date) -> bool:
        return any(
            a.person == person.id and a.first_day <= day <= a.last_day for a in self.absences
        )

    def load(self, person: Person) -> int:
        return self.open_actions.get(person.id, 0)


def role_key(title: str) -> str:
    """`Marketer CRM` is `marketer`; a title without a known role is that title in lower case."""
    words = re.findall(r"\w+", title.casefold())
    return next((role for role in ROLES if role in words), "-".join(words))


def holds(person: Person, role: str) -> bool:
    return role_key(person.role) == role_key(role)
