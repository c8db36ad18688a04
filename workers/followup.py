"""Looks at everything the rules listen to, again and again, and carries out what fires.

Nothing here relies on being told: what happened is read from the database, and an event that was
looked at before fires nothing. A lost bell therefore costs time only, and little of it: what they
are wanted for stays in the database until they have looked.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from rules.kpis import KpiValue, Period
from rules.workspace import Workspace
from sync.store import measures, retros, rules_due
from sync.tables.retros import Problem
from workers import library
from workers.app import App
from workers.deciding import settle_decisions
from workers.kpis import Figures
from workers.leavers import hand_over
from workers.places import places_for_rules
from workers.planning import apply_plan, judge, planned
from workers.rechecks import check_due_targets
from workers.rule_events import Happened, kpi_updated, task_days, tasks_done
from workers.running import PASSING
from workers.workspace import workspace

# How far back a campaign's figures are still looked at; stages get edited late.
OPEN_DAYS = 45


def follow_up(app: App) -> None:
    """Raises Refused for a bad rules file; targets are checked all the same."""
    with app.database.reading() as session:
        asked = rules_due.asked_for(session)
    try:
        _look(app)
    except PASSING:
        raise
    except Exception:  # raised again; a bad file or a defect would be met at every ring
        _note_looked_at(app, asked)
        raise
    _note_looked_at(app, asked)


def _note_looked_at(app: App, asked: Mapping[str, str]) -> None:
    if asked:
        with app.database.writing() as session:
            rules_due.note_looked_at(session, asked)


def _look(app: App) -> None:
    now = app.clock.now().astimezone(app.settings.tz)
    problems: list[Problem] = []
    try:
        problems += hand_over(app, now)
        problems += act_on_rules(app, now)
    finally:
        problems += check_due_targets(app).problems
    with app.database.reading() as session:
        changed = _as_told(retros.problems(session)) != _as_told(problems)
    if changed:
        with app.database.writing() as session:
            retros.plan_in_turn(session)
            retros.keep_problems(session, problems)


def act_on_rules(app: App, now: datetime) -> list[Problem]:
    """What fires is carried out; returns what was refused. Everything is judged before the
    database is locked for writing: pulls commit their pages meanwhile."""
    rules = library.rules_in_force(app.settings)
    settle_decisions(app)
    with app.database.reading() as session:
        space = workspace(app, session, now)
        events = [
            *_kpis(app, session, now),
            *task_days(space, now),
            *_done_decisions(session, space),
        ]
        evaluations = judge(session, rules, events, now)
        if not any(each.fired for each in evaluations):
            return []
        wanted = planned(session, evaluations, rules, space, places_for_rules(session), now)
    with app.database.writing() as session:
        apply_plan(session, wanted, now)
    return [
        Problem(
            about=each.about,
            rule=each.because[0].rule if each.because else None,
            message=each.reason,
            since=now,
        )
        for each in wanted.plan.refused
    ]


def _as_told(problems: Sequence[Problem]) -> set[tuple[str, str]]:
    return {(each.about, each.message) for each in problems}


def _kpis(app: App, session: Session, now: datetime) -> Iterator[Happened]:
    for values in recent_by_campaign(app, session, now).values():
        for value in values:
            yield kpi_updated(value, now)


def recent_by_campaign(app: App, session: Session, now: datetime) -> dict[str, list[KpiValue]]:
    """The KPIs of each campaign, from its first day with figures up to yesterday."""
    today = now.date()
    definitions = tuple(library.catalogue(app.settings).kpis)
    figures = Figures(app, session, now)
    first_days = measures.first_days(session, today - timedelta(days=OPEN_DAYS), today)
    return {
        campaign: figures.of_campaign(definitions, campaign, Period(first_day, today))
        for campaign, first_day in first_days.items()
    }


def _done_decisions(session: Session, space: Workspace) -> Iterator[Happened]:
    for retro in space.retros:
        for decision in retro.decisions:
            actions = space.of_decision(decision.id)
            finished = [action.done_at for action in actions if action.done_at]
            if actions and len(finished) == len(actions):
                has_target = bool(retros.targets(session, decision.id))
                yield tasks_done(decision, max(finished), has_target=has_target)
