"""What a plan is made from besides the rules: people, decisions, open work, figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import quote

from rules.calendars import Calendar, deadline
from rules.kpi_catalogue import KpiDefinition
from rules.kpis import Period
from rules.language import Language
from rules.people import Person, Staff
from rules.plan import ActionState
from rules.targets import Baseline
from rules.words import Decision, Observation, Retro

BASELINE_DAYS = 28


@dataclass(frozen=True, slots=True)
class Workspace:
    """`baselines` are frozen copies by decision. `on_duty` says, by what a rule fires on, who is
    its `deal_owner` or `sheet_owner`. `url` is where people reach this service; `is_local` says
    that only those at its machine do. `measured` names, by decision without a baseline, the
    campaigns that have figures of its KPI, and `unmeasured` what no figure is there of.
    """

    staff: Staff
    calendar: Calendar
    kpis: Mapping[str, KpiDefinition]
    url: str
    language: Language
    retros: tuple[Retro, ...] = ()
    actions: tuple[ActionState, ...] = ()
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    on_duty: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    is_local: bool = False
    measured: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unmeasured: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def decided(self, decision_id: str | None) -> tuple[Retro, Decision] | None:
        for retro in self.retros:
            for decision in retro.decisions:
                if decision.id == decision_id:
                    return retro, decision
        return None

    def action(self, key: str) -> ActionState | None:
        return next((action for action in self.actions if action.key == key), None)

    def of_decision(self, decision_id: str) -> list[ActionState]:
        return [action for action in self.actions if action.decision == decision_id]

    def calendar_of(self, person: Person) -> Calendar:
        return self.calendar.of(person.country)

    def name(self, person_id: str) -> str:
        person = self.staff.people.get(person_id)
        return person.name if person else person_id

    def link(self, decision: Decision) -> str:
        return f"{self.url.rstrip('/')}/decisions/{quote(decision.id, safe='')}"


def baseline_period(decided_on: date) -> Period:
    """The days whose figures a target set on that day starts from."""
    return Period(decided_on - timedelta(days=BASELINE_DAYS), decided_on)


def due_at(retro: Retro, decision: Decision, calendar: Calendar) -> datetime:
    """The close of the decision's due day, in the calendar of who does the work."""
    if decision.due_on is not None:
        return calendar.closing(decision.due_on)
    return deadline(retro.held_at, decision.due_business_days or 0, calendar)


def observation_of(retro: Retro, decision: Decision) -> Observation | None:
    return next((each for each in retro.observations if each.id == decision.observation), None)
