"""The database as the rules package sees it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlmodel import Session

from connectors.models import ActionStatus, Group
from rules.engine import Event, Firing
from rules.kpis import Period
from rules.plan import ActionState
from rules.proportions import Proportion
from rules.rule_file import Rule
from rules.targets import Baseline, ControlBaseline, freeze_baseline
from rules.words import Decision, Retro
from rules.workspace import Workspace, baseline_period
from sync.store import retros as store
from sync.tables import retros as rows
from workers import library
from workers.app import App
from workers.kpis import Figures


def workspace(app: App, session: Session, now: datetime) -> Workspace:
    calendar = library.calendar(app.settings)
    retros = tuple(to_retro(session, row) for row in store.all_retros(session))
    baselines, measured, unmeasured = _baselines(app, session, retros, now)
    return Workspace(
        staff=library.staff(session, calendar.day_of(now)),
        calendar=calendar,
        kpis=library.catalogue(app.settings).by_code(),
        url=app.settings.page_url,
        is_local=app.settings.public_url is None,
        language=app.settings.lang,
        retros=retros,
        actions=tuple(to_state(row, calendar.zone) for row in store.actions(session)),
        baselines=baselines,
        measured=measured,
        unmeasured=unmeasured,
    )


def to_retro(session: Session, row: rows.Retro) -> Retro:
    return Retro.model_validate(
        {
            "retro": row.id,
            "held_at": row.held_at,
            "goal": row.goal,
            "participants": row.participants,
            "observations": [each.details for each in store.observations_of(session, row.id)],
            "hypotheses": [each.details for each in store.hypotheses_of(session, row.id)],
            "decisions": [each.details for each in store.decisions(session, row.id)],
        }
    )


def to_state(row: rows.Action, zone: Any) -> ActionState:
    return ActionState(
        key=row.key,
        decision=row.decision_id,
        role=row.role,
        title=row.title,
        owner=row.owner,
        status=ActionStatus(row.status),
        due_at=row.due_at.astimezone(zone),
        done_at=row.done_at.astimezone(zone) if row.done_at else None,
    )


def _baselines(
    app: App, session: Session, retros: tuple[Retro, ...], now: datetime
) -> tuple[Mapping[str, Baseline], Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """Frozen copies where a target stands, today's figures where one is still to be set. There is
    none for a KPI that is not defined any more, or has no figures; the plan says so, for which the
    campaigns that have figures of the KPI come along, and where its own campaigns have one of its
    two figures, the other one."""
    figures = Figures(app, session, now)
    definitions = library.catalogue(app.settings).by_code()
    measured: dict[str, tuple[str, ...]] = {}
    unmeasured: dict[str, tuple[str, ...]] = {}
    frozen = {row.decision_id: to_baseline(row) for row in store.targets(session)}
    for retro in retros:
        for decision in retro.decisions:
            if decision.id in frozen or not _wants_target(decision):
                continue
            decided_on = retro.held_at.astimezone(app.settings.tz).date()
            definition = definitions.get(decision.kpi or "")
            if definition is None:
                continue
            period = baseline_period(decided_on)
            value = figures.value(definition, period)
            if value.proportion is not None:
                control = figures.value(definition, period, group=Group.CONTROL)
                frozen[decision.id] = freeze_baseline(value, control)
            else:
                measured[decision.id] = figures.campaigns(definition, period)
                if {value.numerator, value.denominator} != {None}:
                    unmeasured[decision.id] = value.missing
    return MappingProxyType(frozen), MappingProxyType(measured), MappingProxyType(unmeasured)


def _wants_target(decision: Decision) -> bool:
    return decision.kpi is not None and decision.target_relative is not None


def to_baseline(row: rows.Target) -> Baseline:
    return Baseline(
        kpi=row.kpi,
        definition_version=row.definition_version,
        period=Period(row.baseline_start, row.baseline_end),
        slice=row.slice,
        sample=Proportion(row.baseline_numerator, row.baseline_denominator),
        complete=row.baseline_complete,
        as_of=row.frozen_at,
        control=_control(row),
    )


def _control(row: rows.Target) -> ControlBaseline | None:
    if row.control_numerator is None or row.control_denominator is None:
        return None
    sample = Proportion(row.control_numerator, row.control_denominator)
    return ControlBaseline(sample, bool(row.control_complete))


def history(
    session: Session, rules: Sequence[Rule], events: Sequence[Event], now: datetime
) -> list[Firing]:
    """What fired before, as far as it can keep these rules from firing on these events."""
    longest = max((rule.cooldown_days or 0 for rule in rules), default=0)
    # A limit is for a local day, which began less than two days ago.
    since = now - timedelta(days=max(longest, 2))
    once = [rule.id for rule in rules if rule.once_per and rule.cooldown_days is None]
    found = store.firings(session, once=once, events=[each.id for each in events], since=since)
    return [Firing(each.rule, each.event, each.subject, each.once_key, each.at) for each in found]
