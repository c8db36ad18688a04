"""Owners for one plan: each choice adds to the load the next one sees."""

from collections.abc import Mapping
from datetime import date

from rules.language import Language
from rules.outcomes import OwnerRule
from rules.owners import Choice, choose_owner, keep, with_work
from rules.people import Staff


class Assigner:
    """`staff` is as it will be once the plan is applied. Both methods raise NoOwner."""

    def __init__(self, staff: Staff, on: date, language: Language) -> None:
        self.staff = staff
        self._on = on
        self.language = language

    def pick(self, rule: OwnerRule, on_duty: Mapping[str, str]) -> Choice:
        return self._noted(
            choose_owner(rule, self.staff, on=self._on, on_duty=on_duty, language=self.language)
        )

    def keep(self, person: str, reason: str, fallback: str | None = None) -> Choice:
        return self._noted(
            keep(
                person,
                reason,
                self.staff,
                on=self._on,
                language=self.language,
                fallback=fallback,
            )
        )

    def _noted(self, choice: Choice) -> Choice:
        self.staff = with_work(self.staff, choice.person)
        return choice
