"""Checks targets whose day has come, on live data, and tells the tool what came out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import msgspec
from sqlmodel import Session

from connectors.capabilities import WritesTargets
from connectors.models import Group, TargetWords
from connectors.registry import tool
from rules.kpi_catalogue import KpiDefinition
from rules.kpis import KpiValue, Period
from rules.language import Language
from rules.recheck import Control, Doubt, Recheck, recheck
from rules.recheck_words import message, to_json, verdict
from rules.targets import Baseline, Target, relative_target
from rules.words import DecisionStatus
from sync.store import connections, outbox, retros
from sync.store.outbox import Intention
from sync.tables import retros as rows
from sync.tables.outbox import Operation
from workers import library
from workers.app import App
from workers.intentions import known_target, target_write
from workers.kpis import Figures
from workers.target_words import result_words
from workers.workspace import to_baseline

LANGUAGES: tuple[Language, ...] = ("en", "fr")
PATIENCE = timedelta(days=3)
CONTROL_NAME = {"en": "control group", "fr": "groupe témoin"}


@dataclass(frozen=True)
class Checks:
    """How many targets were checked, and those that cannot be."""

    made: int
    problems: tuple[rows.Problem, ...]


class CannotCheck(Exception):
    """The text says what keeps a target that is due from being checked, and what to do."""


def check_due_targets(app: App) -> Checks:
    """A target is checked once for each window it is given. All are judged before the database is
    locked for writing."""
    now = app.clock.now().astimezone(app.settings.tz)
    definitions = library.catalogue(app.settings).by_code()
    judged: list[tuple[rows.Target, Recheck]] = []
    problems: list[rows.Problem] = []
    with app.database.reading() as session:
        for target in retros.targets_to_check(session, now.date()):
            try:
                judged.append((target, check_target(app, session, target, definitions, now)))
            except CannotCheck as error:
                problems.append(rows.Problem(about=target.key, message=str(error), since=now))
    ready = [each for each in judged if not _wait_for_data(*each, now.date())]
    if ready:
        with app.database.writing() as session:
            retros.plan_in_turn(session)
            for target, found in ready:
                _keep(app, session, target, found, now)
    return Checks(len(ready), tuple(problems))


def _wait_for_data(target: rows.Target, judged: Recheck, today: date) -> bool:
    """Figures may come in a little late; after that the check says that they are missing."""
    assert target.recheck_on is not None
    # A control group that counted nothing has its figures, though they cannot be compared.
    no_control = Doubt.UNUSABLE_CONTROL in judged.doubts and judged.control is None
    missing = judged.after is None or Doubt.INCOMPLETE in judged.doubts or no_control
    return missing and today < target.recheck_on + PATIENCE


def check_target(
    app: App,
    session: Session,
    row: rows.Target,
    definitions: Mapping[str, KpiDefinition],
    now: datetime,
) -> Recheck:
    """The frozen baseline against the measure window, with the control group where one counted
    before.

    Raises CannotCheck.
    """
    assert row.measure_start is not None
    assert row.measure_end is not None
    figures = Figures(app, session, now)
    definition = _definition(row, definitions)
    target = _target(row, definition, to_baseline(row))
    window = Period(row.measure_start, row.measure_end)
    after = figures.value(definition, window)
    before_control = _control_before(figures, definition, target.baseline)
    if before_control.proportion is None:
        return recheck(target, after, None)
    after_control = figures.value(definition, window, group=Group.CONTROL)
    name = CONTROL_NAME[app.settings.lang]
    return recheck(target, after, Control(name, before_control, after_control))


def _control_before(figures: Figures, definition: KpiDefinition, baseline: Baseline) -> KpiValue:
    """As it was frozen with the target; today's figures where it was not."""
    frozen = baseline.control
    if frozen is None:
        return figures.value(definition, baseline.period, group=Group.CONTROL)
    return figures.of_counts(
        definition, baseline.period, frozen.sample, complete=frozen.complete, group=Group.CONTROL
    )


def _definition(row: rows.Target, definitions: Mapping[str, KpiDefinition]) -> KpiDefinition:
    if row.kpi not in definitions:
        raise CannotCheck(
            f"{row.key} is due to be checked, but its KPI {row.kpi} is not defined any more; put "
            "it back into kpis.yaml."
        )
    return definitions[row.kpi]


def _target(row: rows.Target, definition: KpiDefinition, baseline: Baseline) -> Target:
    """As it was set, unless the better direction of its KPI was changed since."""
    try:
        return relative_target(definition, baseline, row.relative)
    except ValueError as error:
        raise CannotCheck(
            f"{row.key} is due to be checked, but {error}; its KPI in kpis.yaml must be as it was "
            "when the target was set."
        ) from error


def _keep(app: App, session: Session, seen: rows.Target, judged: Recheck, now: datetime) -> None:
    """Nothing, when the target was checked or given another window meanwhile."""
    target = session.get_one(rows.Target, seen.key)
    if target.measure_end != seen.measure_end or retros.was_checked(session, target):
        return
    language = app.settings.lang
    session.add(
        rows.Check(
            target_key=target.key,
            checked_at=now,
            window_end=target.measure_end,
            verdict=verdict(judged, language),
            message=message(judged, language),
            figures={
                **to_json(judged, "en"),
                "verdicts": {each: verdict(judged, each) for each in LANGUAGES},
                "messages": {each: message(judged, each) for each in LANGUAGES},
            },
        )
    )
    target.status = judged.outcome.value
    session.add(target)
    decision = session.get_one(rows.Decision, target.decision_id)
    decision.status = DecisionStatus.MEASURED.value
    session.add(decision)
    if target.connection_id is not None:
        connection = connections.connection_with(session, target.connection_id)
        if issubclass(tool(connection.kind), WritesTargets):
            outbox.intend(session, [_update(target, judged, language, target.connection_id)], now)


def _update(
    target: rows.Target, judged: Recheck, language: Language, connection_id: int
) -> Intention:
    assert target.recheck_on is not None
    written = known_target(
        target,
        target.recheck_on,
        actual=judged.after.value if judged.after else None,
        outcome=judged.outcome.value,
        words=TargetWords(title=target.key, results=list(result_words(judged, language))),
    )
    return Intention(
        f"{target_write(target.key)}:{target.recheck_on}",
        connection_id,
        Operation.UPDATE_TARGET,
        target.key,
        msgspec.to_builtins(written),
        target.because,
    )
