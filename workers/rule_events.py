"""What happened, as events with facts for the rules. An event's id is the same each time it is
looked at, so that looking again fires nothing again."""

from collections.abc import Iterator
from datetime import datetime

from rules.engine import Event
from rules.facts import decision_facts, task_facts, tasks_done_facts
from rules.fields import Facts
from rules.kpis import KpiValue
from rules.words import Decision
from rules.workspace import Workspace

Happened = tuple[Event, Facts]


def kpi_updated(value: KpiValue, at: datetime) -> Happened:
    campaign = value.slice.get("campaign", "")
    subject = f"{value.code}:{campaign}"
    counts = f"{value.numerator}/{value.denominator}"
    event = Event(f"kpi:{subject}:{value.period.start}:{counts}", "kpi.updated", subject, at)
    facts: dict[str, dict[str, object]] = {
        "kpi": {
            "code": value.code,
            "value": None if value.value is None else float(value.value),
            "numerator": None if value.numerator is None else float(value.numerator),
            "denominator": value.denominator,
            "complete": value.complete,
        }
    }
    if campaign:
        facts["campaign"] = {"id": campaign}
    return event, facts


def decision_created(decision: Decision, at: datetime) -> Happened:
    event = Event(f"created:{decision.id}", "decision.created", decision.id, at)
    return event, decision_facts(decision)


def task_days(workspace: Workspace, now: datetime) -> Iterator[Happened]:
    """One event a day for each action that stands."""
    today = workspace.calendar.day_of(now)
    for action in workspace.actions:
        owner = workspace.staff.people.get(action.owner)
        calendar = workspace.calendar_of(owner) if owner else workspace.calendar
        event = Event(f"day:{today}:{action.key}", "clock.daily", action.key, now)
        yield event, task_facts(action, calendar, now)


def tasks_done(decision: Decision, done_at: datetime, *, has_target: bool) -> Happened:
    """The last task of a decision was done then; done again after a reopening is another event."""
    event = Event(f"done:{decision.id}:{done_at}", "decision.tasks_done", decision.id, done_at)
    return event, tasks_done_facts(decision, has_target=has_target)
