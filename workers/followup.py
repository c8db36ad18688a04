"""Looks at everything the rules listen to, again and again, and carries out what fires.

Nothing here relies on being told: what happened is read from the database, and an event that was
looked at before fires nothing. A lost bell therefore costs time only.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlmodel import Session

from connectors.models import ActionStatus
from rules.kpis import KpiValue, Period
from rules.planner import make_plan
from rules.words import DecisionStatus
from rules.workspace import Workspace
from sync.store import measures, retros
from workers import library
from workers.app import App
from workers.errors import CannotRun
from workers.intentions import intentions
from workers.kpis import Figures
from workers.planning import Planned, apply_plan, connection_for_tasks, judge
from workers.rechecks import check_due_targets
from workers.rule_events import Happened, kpi_updated, task_days, tasks_done
from workers.workspace import workspace

# How far back a campaign's figures are still looked at; stages get edited late.
OPEN_DAYS = 45


def follow_up(app: App) -> None:
    """Raises Refused for a bad rules file."""
    rules = library.rules_in_force(app.settings)
    now = app.clock.now().astimezone(app.settings.tz)
    with app.database.writing() as session:
        settle_decisions(session)
    with app.database.writing() as session:
        space = workspace(app, session, now)
        events = [
            *_kpis(app, session, now),
            *task_days(space, now),
            *_done_decisions(session, space),
        ]
        evaluations = judge(session, rules, events, now)
        plan = make_plan(evaluations, space, now=now)
        if any(each.fired for each in evaluations):
            try:
                connection = connection_for_tasks(session, None)
            except CannotRun:
                # Nothing can be told to anybody in a tool yet; it fires again when there is one.
                return
            wanted = intentions(session, plan, space, connection)
            apply_plan(session, Planned(plan, tuple(evaluations), connection, tuple(wanted)), now)
    check_due_targets(app)


def settle_decisions(session: Session) -> None:
    """What the actions say of their decision: all done, or taken up again (T08)."""
    for decision in retros.decisions(session):
        actions = retros.actions(session, decision.id)
        if not actions:
            continue
        done = all(action.status == ActionStatus.DONE for action in actions)
        waiting = decision.status == DecisionStatus.DONE_AWAITING_MEASURE
        if done and decision.status in UNFINISHED:
            decision.status = DecisionStatus.DONE_AWAITING_MEASURE.value
        elif not done and waiting:
            decision.status = DecisionStatus.IN_PROGRESS.value
            for target in retros.targets(session, decision.id):
                target.measure_start = target.measure_end = None
                session.add(target)
        session.add(decision)


UNFINISHED = (
    DecisionStatus.ACCEPTED.value,
    DecisionStatus.IN_PROGRESS.value,
    DecisionStatus.AT_RISK.value,
)


def _kpis(app: App, session: Session, now: datetime) -> Iterator[Happened]:
    for values in recent_by_campaign(app, session, now).values():
        for value in values:
            yield kpi_updated(value, now)


def recent_by_campaign(app: App, session: Session, now: datetime) -> dict[str, list[KpiValue]]:
    """The KPIs of each campaign, from its first day with figures up to yesterday."""
    today = now.date()
    definitions = tuple(library.catalogue(app.settings).kpis)
    figures = Figures(app, session, now)
    found = {}
    first_days = measures.first_days(session, today - timedelta(days=OPEN_DAYS), today)
    for campaign, first_day in first_days.items():
        values = figures.by_campaign(definitions, Period(first_day, today))
        found[campaign] = values.get(campaign, [])
    return found


def _done_decisions(session: Session, space: Workspace) -> Iterator[Happened]:
    for retro in space.retros:
        for decision in retro.decisions:
            actions = space.of_decision(decision.id)
            finished = [action.done_at for action in actions if action.done_at]
            if actions and len(finished) == len(actions):
                has_target = bool(retros.targets(session, decision.id))
                yield tasks_done(decision, max(finished), has_target=has_target)
