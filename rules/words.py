"""The words of a retro: what was seen, what is thought, what is decided."""

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from rules.kpi_catalogue import Direction
from rules.nearest import did_you_mean
from rules.yaml_file import Entry

BARE_PERCENTAGE = "a bare percentage is refused: give the two counts, numerator and denominator"
# 0.15 is 15 %. More than five times as much is a percentage that was written as one.
LARGEST_CHANGE = 5
# Nothing falls by more than all there is.
LARGEST_FALL = -1
MOST_BUSINESS_DAYS = 1000
OTHER_WORDS = {
    "owner": "accountable",
    "owners": "accountable",
    "responsible": "accountable",
    "due": "due_on",
    "due_at": "due_on",
    "deadline": "due_on",
}


class RetroStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"


class ObservationOutcome(StrEnum):
    ACTION = "action"
    PARKED = "parked"
    REJECTED = "rejected"


class DecisionType(StrEnum):
    EXPERIMENT = "experiment"
    IMPROVE_KPI = "improve_kpi"
    STANDARDISE = "standardise"
    TASK = "task"


class DecisionStatus(StrEnum):
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    AT_RISK = "at_risk"
    DONE_AWAITING_MEASURE = "done_awaiting_measure"
    MEASURED = "measured"
    CLOSED = "closed"


class Goal(Entry):
    """`scope` narrows the KPI, as in `{campaign: C-2026-09}`."""

    kpi: str
    direction: Direction
    scope: Mapping[str, str] = {}


class Participant(Entry):
    person: str
    hours: Decimal = Field(gt=0)


class Figure(Entry):
    """A rate as two counts, so that nobody has to ask: per cent of what?"""

    kpi: str
    numerator: int = Field(ge=0)
    denominator: int = Field(ge=1)
    first_day: date | None = None
    last_day: date | None = None
    source: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_two_counts(cls, given: object) -> object:
        if not isinstance(given, Mapping) or not {"numerator", "denominator"} <= given.keys():
            raise ValueError(BARE_PERCENTAGE)
        return given


class Quote(Entry):
    """What somebody said. `about` is a contact, lead or deal."""

    text: str
    source: str
    author: str | None = None
    said_on: date | None = None
    about: str | None = None


class Observation(Entry):
    """`outcome` is set by hand for what is parked or rejected; a decision makes it an action."""

    id: str
    text: str
    kpis: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    quotes: tuple[Quote, ...] = ()
    tags: tuple[str, ...] = ()
    outcome: ObservationOutcome | None = None
    reason: str | None = None

    @field_validator("kpis", mode="before")
    @classmethod
    def _names_kpis_only(cls, given: object) -> object:
        if isinstance(given, list) and any(isinstance(kpi, Mapping) for kpi in given):
            raise ValueError(BARE_PERCENTAGE)
        return given

    @model_validator(mode="after")
    def _is_linked_and_explained(self) -> Self:
        if not self.linked_kpis:
            raise ValueError(f"observation {self.id} names no KPI: add kpis or figures")
        set_aside = self.outcome in (ObservationOutcome.PARKED, ObservationOutcome.REJECTED)
        if set_aside and not self.reason:
            raise ValueError(f"observation {self.id} is {self.outcome} without a reason")
        return self

    @property
    def linked_kpis(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.kpis, *(figure.kpi for figure in self.figures))))


class Hypothesis(Entry):
    """A cause, one change, and what it should do to a KPI.

    `expected_relative` 0.22 means 22 % more. `guardrail` is the KPI that must not fall by more than
    `guardrail_margin_points` (−5 means five points). `removes_lead_data` may stay out where the
    words tell it: 8 fields in the cause, 4 in the change.
    """

    id: str
    observation: str | None = Field(default=None, alias="from")
    cause: str
    change: str
    kpi: str
    expected_relative: float
    guardrail: str | None = None
    guardrail_margin_points: float | None = Field(default=None, lt=0)
    removes_lead_data: bool | None = None

    @model_validator(mode="after")
    def _guardrail_has_a_margin(self) -> Self:
        if (self.guardrail is None) != (self.guardrail_margin_points is None):
            raise ValueError("guardrail and guardrail_margin_points go together")
        return self


class Protocol(Entry):
    """The five fields without which a test is not started."""

    hypothesis: str
    variable: str
    kpi: str
    duration_days: int = Field(ge=1)
    decision_after: str


class Decision(Entry):
    """One accountable person, one due date. `target_relative` 0.15 asks for 15 % more.

    Exactly one of `due_business_days` (from the day of the retro) and `due_on` is given.
    """

    id: str
    observation: str | None = Field(default=None, alias="from")
    type: DecisionType
    text: str
    kpi: str | None = None
    target_relative: float | None = None
    accountable: str
    helpers: tuple[str, ...] = ()
    due_business_days: int | None = Field(default=None, ge=0, le=MOST_BUSINESS_DAYS)
    due_on: date | None = None
    protocol: Protocol | None = None
    experiment: str | None = None
    team: str | None = None
    amount_eur: Decimal | None = Field(default=None, ge=0)
    approved_by: str | None = None
    tags: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _has_owner_and_date(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        missing = []
        if not given.get("accountable"):
            missing.append("owner (accountable)")
        if given.get("due_business_days") is None and given.get("due_on") is None:
            missing.append("due date (due_business_days or due_on)")
        if missing:
            name = given.get("id", "without id")
            astray = cls._fields_astray(given)
            raise ValueError(f"decision {name}: missing {' and '.join(missing)}{astray}")
        return given

    @classmethod
    def _fields_astray(cls, given: Mapping[str, object]) -> str:
        """A field under another name is why it is missing."""
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return "".join(
            f"; {name} is not a known field; did you mean {OTHER_WORDS[name]}?"
            if name in OTHER_WORDS
            else f"; {name} is not a known field{did_you_mean(name, known)}"
            for name in given
            if name not in known
        )

    @field_validator("accountable", mode="before")
    @classmethod
    def _is_one_person(cls, given: object) -> object:
        if isinstance(given, list) and len(given) == 1:
            return given[0]
        if isinstance(given, list):
            names = ", ".join(str(name) for name in given)
            raise ValueError(
                f"{len(given)} accountable people ({names}): name one accountable,"
                " the others become helpers with a task each"
            )
        return given

    @model_validator(mode="after")
    def _holds_what_its_type_needs(self) -> Self:
        if self.due_business_days is not None and self.due_on is not None:
            raise ValueError(f"decision {self.id}: give due_business_days or due_on, not both")
        needed: dict[DecisionType, dict[str, object]] = {
            DecisionType.IMPROVE_KPI: {"kpi": self.kpi, "target_relative": self.target_relative},
            DecisionType.EXPERIMENT: {"protocol": self.protocol},
            DecisionType.STANDARDISE: {"experiment": self.experiment},
            DecisionType.TASK: {},
        }
        if self.target_relative is not None:
            self._check_change(self.target_relative)
        missing = [name for name, value in needed[self.type].items() if value is None]
        if missing:
            names = " and ".join(missing)
            raise ValueError(f"decision {self.id}: type {self.type} needs {names}")
        if len(set(self.helpers)) < len(self.helpers):
            raise ValueError(f"decision {self.id}: a helper is named twice")
        return self

    def _check_change(self, relative: float) -> None:
        wrong = f"decision {self.id}: target_relative {relative:g} "
        if not math.isfinite(relative):
            raise ValueError(f"{wrong}is no share; write 0.15 for 15 % more")
        if relative > LARGEST_CHANGE:
            raise ValueError(f"{wrong}asks for {relative:.0%} more; is {relative / 100:g} meant?")
        if relative < LARGEST_FALL:
            raise ValueError(f"{wrong}takes away more than there is; is {relative / 100:g} meant?")

    @property
    def measured_by(self) -> str | None:
        """The KPI that will tell whether it worked."""
        return self.kpi or (self.protocol.kpi if self.protocol else None)


class Retro(Entry):
    id: str = Field(alias="retro")
    held_at: AwareDatetime
    goal: Goal | None = None
    participants: tuple[Participant, ...] = ()
    observations: tuple[Observation, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    decisions: tuple[Decision, ...] = ()

    @property
    def status(self) -> RetroStatus:
        """A retro without a goal is a draft."""
        return RetroStatus.OPEN if self.goal else RetroStatus.DRAFT

    def outcome_of(self, observation: Observation) -> ObservationOutcome | None:
        """The outcome given by hand, or action where a decision follows from it."""
        if any(decision.observation == observation.id for decision in self.decisions):
            return ObservationOutcome.ACTION
        return observation.outcome
