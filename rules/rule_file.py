"""A rules file: YAML text into rules, refused with file, line and the nearest known name."""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rules.conditions import Condition
from rules.fields import FieldName
from rules.nearest import did_you_mean
from rules.outcomes import Outcome
from rules.yaml_document import Refused, YamlDocument
from rules.yaml_file import Entry

TRIGGERS = (
    "clock.daily",
    "decision.changed",
    "decision.created",
    "decision.tasks_done",
    "experiment.verdict",
    "kpi.updated",
    "lead.waiting",
    "task.changed",
)
EVERY_N_MINUTES = re.compile(r"clock\.every_[1-9]\d*_min")


def _known_trigger(name: str) -> str:
    if name not in TRIGGERS and not EVERY_N_MINUTES.fullmatch(name):
        near = did_you_mean(name, (*TRIGGERS, "clock.every_15_min"))
        raise ValueError(f"{name} is not a known trigger{near}")
    return name


Trigger = Annotated[str, AfterValidator(_known_trigger)]


class Rule(Entry):
    """When `trigger` happens and `when` holds, do `then`.

    A rule fires once per event. With `once_per` it fires once for those facts, again only after
    `cooldown_days` where given. A cooldown without `once_per` is per subject of the event. Rules
    are run by `order`, then by id. `valid_from` and `valid_to` are days, both included.
    """

    id: str
    version: int = Field(default=1, ge=1)
    name: str
    trigger: Trigger
    when: Condition
    then: tuple[Outcome, ...] = Field(min_length=1)
    once_per: tuple[FieldName, ...] = ()
    cooldown_days: int | None = Field(default=None, ge=1)
    limit_per_day: int | None = Field(default=None, ge=1)
    order: int = 0
    enabled: bool = True
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(f"rule {self.id} ends before it starts")
        return self


class RuleFile(Entry):
    version: Literal[1] = 1
    rules: tuple[Rule, ...]


def parse_rules(text: str, source: str) -> tuple[Rule, ...]:
    """The rules in the order in which they run. Raises Refused with every problem found."""
    document = YamlDocument.read(text, source)
    rules = document.validated(RuleFile).rules
    ids = [rule.id for rule in rules]
    twice = [
        document.problem(("rules", index, "id"), f"the rule {name} is given twice")
        for index, name in enumerate(ids)
        if name in ids[:index]
    ]
    if twice:
        raise Refused(source, twice)
    return in_order(rules)


def in_order(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(sorted(rules, key=lambda rule: (rule.order, rule.id)))
