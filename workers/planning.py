"""From decisions to a plan, and from a plan to rows and intended writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlmodel import Session

from connectors.capabilities import WritesTasks
from connectors.registry import tool
from rules.engine import Evaluation, evaluate
from rules.plan import Action, Plan, PlannedTarget, Refusal
from rules.planner import make_plan
from rules.rule_file import Rule
from rules.words import DecisionStatus
from sync.store import connections, outbox, people, retros
from sync.store.outbox import Intention
from sync.tables import retros as rows
from sync.tables.connections import Connection
from sync.tables.outbox import Operation
from workers import library
from workers.app import App
from workers.errors import CannotRun
from workers.intentions import because_rows, intentions
from workers.rule_events import Happened, decision_created
from workers.workspace import history, workspace

# What one write of each kind costs in calls, as far as it is known before it is sent.
CALLS = {Operation.CREATE_TASK: 2, Operation.CREATE_TARGET: 1, Operation.COMMENT: 1}


@dataclass(frozen=True)
class Planned:
    """A plan, the evaluations it follows from, and the connection its tasks go to."""

    plan: Plan
    evaluations: tuple[Evaluation, ...]
    connection: Connection
    intentions: tuple[Intention, ...]

    @property
    def api_calls(self) -> dict[str, int]:
        calls = sum(CALLS[each.operation] for each in self.intentions)
        return {self.connection.name: calls} if calls else {}


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
        plan = make_plan(evaluations, space, now=now)
        connection = connection_for_tasks(session, connection_name)
        plan = _without_unreachable(session, plan, connection)
        return Planned(
            plan,
            tuple(evaluations),
            connection,
            tuple(intentions(session, plan, space, connection)),
        )


def judge(
    session: Session, rules: Sequence[Rule], events: Iterable[Happened], now: datetime
) -> list[Evaluation]:
    """Every rule on every event, in order; what fires on one is history for the next."""
    fired, found = history(session), []
    for event, facts in events:
        for evaluation in evaluate(rules, event, facts, now=now, history=fired):
            found.append(evaluation)
            if evaluation.fired:
                fired.append(evaluation.firing())
    return found


def connection_for_tasks(session: Session, name: str | None) -> Connection:
    if name is not None:
        return connections.connection_named(session, name)
    able = [
        row
        for row in connections.all_connections(session)
        if issubclass(tool(row.kind), WritesTasks)
    ]
    if len(able) == 1:
        return able[0]
    if not able:
        raise CannotRun("No connection takes tasks; connect one first: retro connect …")
    names = ", ".join(row.name for row in able)
    raise CannotRun(f"Several connections take tasks ({names}); name one with --connection.")


def apply_plan(session: Session, planned: Planned, now: datetime) -> int:
    """Rows for what is planned, intentions for what is to be written, evaluations for what fired.

    Applying the same plan again changes nothing. Returns how many writes are new.
    """
    plan, connection = planned.plan, planned.connection
    assert connection.id is not None
    refused = {refusal.about for refusal in plan.refused}
    retros.save_rows(
        session,
        (
            _evaluation_row(each)
            for each in planned.evaluations
            if each.fired and each.event.subject not in refused
        ),
    )
    for planned_target in plan.targets:
        if session.get(rows.Target, planned_target.key) is None:
            session.add(_target_row(planned_target, connection.id, now))
    for action in plan.actions:
        if action.decision and session.get(rows.Action, action.key) is None:
            session.add(_action_row(action, connection.id))
            _set_status(session, action.decision, DecisionStatus.IN_PROGRESS)
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


def _without_unreachable(session: Session, plan: Plan, connection: Connection) -> Plan:
    """Decisions whose owner has no account in the tool are refused whole, with the name."""
    assert connection.id is not None
    accounts = people.accounts_of_people(session, connection.id)
    unreachable = {
        action.decision: action.owner for action in plan.actions if action.owner not in accounts
    }
    refusals = tuple(
        Refusal(
            decision or "",
            ("account",),
            f"{owner} has no account in {connection.name}; match people to accounts first: "
            "retro people match",
            (),
        )
        for decision, owner in sorted(unreachable.items(), key=str)
    )
    return Plan(
        actions=tuple(each for each in plan.actions if each.decision not in unreachable),
        targets=tuple(each for each in plan.targets if each.decision not in unreachable),
        notices=plan.notices,
        status_changes=plan.status_changes,
        rechecks=plan.rechecks,
        micro_retros=plan.micro_retros,
        approvals=plan.approvals,
        requests=plan.requests,
        refused=(*plan.refused, *refusals),
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


def _target_row(planned: PlannedTarget, connection_id: int, now: datetime) -> rows.Target:
    baseline = planned.target.baseline
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
