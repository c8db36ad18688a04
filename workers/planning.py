"""From decisions to a plan, and from a plan to rows and intended writes."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
from sqlmodel import Session

from connectors.capabilities import MOST_STAMPS
from rules.engine import Evaluation, evaluate
from rules.people import role_key
from rules.plan import Action, Plan, PlannedTarget, Refusal
from rules.planner import make_plan
from rules.rule_file import Rule
from rules.words import DecisionStatus
from rules.workspace import Workspace
from sync.store import outbox, people, retros
from sync.store.outbox import Intention
from sync.tables import retros as rows
from sync.tables.connections import Connection
from sync.tables.outbox import Operation
from workers import library
from workers.app import App
from workers.errors import CannotRun
from workers.intentions import because_rows, intentions
from workers.places import Places, connection_for_tasks, places
from workers.rule_events import Happened, decision_created
from workers.workspace import history, workspace


@dataclass(frozen=True)
class Planned:
    """A plan, what it follows from, and where it goes."""

    plan: Plan
    evaluations: tuple[Evaluation, ...]
    rules: tuple[Rule, ...]
    places: Places
    intentions: tuple[Intention, ...]

    @property
    def connection(self) -> Connection:
        """Where new work goes. Raises CannotRun when there is no one such connection."""
        if self.places.default is None:
            raise CannotRun(self.places.why)
        return self.places.default

    @property
    def api_calls(self) -> dict[str, int]:
        """By the name of a connection, without asking it: one for each write, and one for the
        stamps of as many tasks as a request takes. A dry run knows better."""
        names = [self.places.connections[each.connection_id].name for each in self.intentions]
        tasks = Counter(
            name
            for name, each in zip(names, self.intentions, strict=True)
            if each.operation is Operation.CREATE_TASK
        )
        stamps = {name: math.ceil(count / MOST_STAMPS) for name, count in tasks.items()}
        return dict(Counter(names) + Counter(stamps))


def plan_decisions(app: App, connection_name: str | None = None) -> Planned:
    """What the rules want of the decisions that nothing was planned for yet. Writes nothing.

    Raises CannotRun when there is no one connection to send tasks to, Refused for a bad rules file.
    """
    rules = library.rules_in_force(app.settings)
    with app.database.reading() as session:
        now = app.clock.now().astimezone(app.settings.tz)
        space = workspace(app, session, now)
        events = [
            decision_created(decision, retro.held_at)
            for retro in space.retros
            for decision in retro.decisions
        ]
        evaluations = judge(session, rules, events, now)
        there = places(session, connection_for_tasks(session, connection_name))
        return planned(session, evaluations, rules, space, there, now)


def planned(
    session: Session,
    evaluations: Sequence[Evaluation],
    rules: Sequence[Rule],
    space: Workspace,
    there: Places,
    now: datetime,
) -> Planned:
    plan = reachable_plan(session, evaluations, space, there, now)
    fired = {each.rule for each in evaluations if each.fired}
    return Planned(
        plan,
        tuple(evaluations),
        tuple(rule for rule in rules if rule.id in fired),
        there,
        tuple(intentions(session, plan, space, there)),
    )


def judge(
    session: Session, rules: Sequence[Rule], events: Iterable[Happened], now: datetime
) -> list[Evaluation]:
    """Every rule on every event, in order; what fires on one is history for the next."""
    happened = list(events)
    fired = history(session, rules, [event for event, _ in happened], now)
    found = []
    for event, facts in happened:
        for evaluation in evaluate(rules, event, facts, now=now, history=fired):
            found.append(evaluation)
            if evaluation.fired:
                fired.append(evaluation.firing())
    return found


def apply_plan(session: Session, planned: Planned, now: datetime) -> int:
    """Rows for what is planned, intentions for what is to be written, evaluations for what fired.

    Applying the same plan again changes nothing. Returns how many writes are new.
    """
    plan, there = planned.plan, planned.places
    refused = {refusal.about for refusal in plan.refused}
    retros.plan_in_turn(session)
    retros.keep_rule_versions(session, (_version_row(rule, now) for rule in planned.rules))
    retros.keep_evaluations(
        session,
        (
            _evaluation_row(each)
            for each in planned.evaluations
            if each.fired and each.event.subject not in refused
        ),
    )
    for wanted in plan.targets:
        if session.get(rows.Target, wanted.key) is None:
            session.add(_target_row(wanted, _id_of(there.of(wanted.decision)), now))
    for action in plan.actions:
        if action.decision and session.get(rows.Action, action.key) is None:
            place = there.of(action.about, action.decision)
            session.add(_action_row(action, _id_of(place)))
            _set_status(session, action.decision, DecisionStatus.IN_PROGRESS)
    _note_turns(session, plan)
    for change in plan.status_changes:
        _set_status(session, change.decision, change.status)
    for recheck in plan.rechecks:
        target = session.get_one(rows.Target, recheck.target)
        target.measure_start, target.measure_end = recheck.window.start, recheck.window.end
        target.recheck_on = recheck.recheck_on
        session.add(target)
    for micro in plan.micro_retros:
        if session.get(rows.Retro, micro.key) is None:
            session.add(
                rows.Retro(
                    id=micro.key,
                    held_at=micro.due_at,
                    status="proposed",
                    goal=None,
                    participants=[{"person": micro.owner, "hours": "0.25"}],
                    imported_at=now,
                )
            )
    return outbox.intend(session, planned.intentions, now)


def reachable_plan(
    session: Session,
    evaluations: Sequence[Evaluation],
    space: Workspace,
    places: Places,
    now: datetime,
) -> Plan:
    """The plan, without what a rule fired on where a task of it would have no tool, or an owner
    who has no account there. Such a subject is refused whole, and fires again until it can be
    written."""
    refused: dict[str, Refusal] = {}
    while True:
        possible = [each for each in evaluations if each.event.subject not in refused]
        plan = make_plan(possible, space, now=now)
        found = {each.about: each for each in _unreachable(session, plan, places)}
        if not found:
            impossible = tuple(refused[about] for about in sorted(refused))
            return replace(plan, refused=(*plan.refused, *impossible))
        refused |= found


def _unreachable(session: Session, plan: Plan, places: Places) -> Iterator[Refusal]:
    for target in plan.targets:
        if places.of(target.decision) is None:
            yield Refusal(target.decision, ("connection",), places.why, target.because)
    for action in plan.actions:
        place = places.of(action.about, action.decision)
        if place is None or place.id is None:
            yield Refusal(action.about, ("connection",), places.why, action.because)
        elif action.owner not in people.accounts_of_people(session, place.id):
            yield Refusal(
                action.about,
                ("account",),
                f"{action.owner} has no account in {place.name}; match people to accounts first: "
                "retro people match",
                action.because,
            )


def _evaluation_row(evaluation: Evaluation) -> rows.Evaluation:
    return rows.Evaluation(
        rule_id=evaluation.rule,
        version=evaluation.version,
        event=evaluation.event.id,
        subject=evaluation.event.subject,
        once_key=evaluation.once_key,
        depth=evaluation.event.depth,
        facts=dict(evaluation.facts),
        trace=[msgspec.to_builtins(leaf) for leaf in evaluation.trace],
        outcomes=[outcome.model_dump(mode="json") for outcome in evaluation.outcomes],
        at=evaluation.at,
    )


def _version_row(rule: Rule, now: datetime) -> rows.RuleVersion:
    return rows.RuleVersion(
        rule_id=rule.id,
        version=rule.version,
        body=rule.model_dump(mode="json", by_alias=True, exclude_none=True),
        loaded_at=now,
    )


def _note_turns(session: Session, plan: Plan) -> None:
    """Whoever gets new work has had a turn for the role they hold."""
    roles = {person.id: role_key(person.role) for person in people.all_people(session)}
    owners = [*(each.owner for each in plan.actions), *(each.owner for each in plan.micro_retros)]
    people.note_turns(session, {roles[owner]: owner for owner in owners})


def _id_of(connection: Connection | None) -> int:
    assert connection is not None
    assert connection.id is not None
    return connection.id


def _target_row(planned: PlannedTarget, connection_id: int, now: datetime) -> rows.Target:
    baseline = planned.target.baseline
    control = baseline.control
    return rows.Target(
        key=planned.key,
        decision_id=planned.decision,
        connection_id=connection_id,
        kpi=baseline.kpi,
        slice=dict(baseline.slice),
        baseline_start=baseline.period.start,
        baseline_end=baseline.period.end,
        baseline_numerator=baseline.sample.successes,
        baseline_denominator=baseline.sample.trials,
        baseline_complete=baseline.complete,
        control_numerator=control.sample.successes if control else None,
        control_denominator=control.sample.trials if control else None,
        control_complete=control.complete if control else None,
        definition_version=baseline.definition_version,
        relative=planned.target.relative,
        target_value=planned.target.target_value,
        status="open",
        recheck_on=planned.recheck_on,
        frozen_at=now,
        because=because_rows(planned.because),
    )


def _action_row(action: Action, connection_id: int) -> rows.Action:
    assert action.decision is not None
    return rows.Action(
        key=action.key,
        decision_id=action.decision,
        connection_id=connection_id,
        role=action.role,
        title=action.title,
        description=action.description,
        owner=action.owner,
        owner_reason=action.owner_reason,
        due_at=action.due_at,
        status="open",
        because=because_rows(action.because),
    )


def _set_status(session: Session, decision_id: str, status: DecisionStatus) -> None:
    decision = session.get_one(rows.Decision, decision_id)
    decision.status = status.value
    session.add(decision)
