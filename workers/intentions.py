"""What a plan wants written into a tool, as the tool's canonical tasks, targets and comments."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.capabilities import CommentsOnTasks, WritesTargets
from connectors.models import KpiTarget, Task
from connectors.registry import tool
from rules.plan import Action, Because, Notice, Plan, PlannedTarget
from rules.workspace import Workspace
from sync.store import people
from sync.store.outbox import Intention
from sync.tables.connections import Connection
from sync.tables.outbox import Operation


def intentions(
    session: Session, plan: Plan, space: Workspace, connection: Connection
) -> list[Intention]:
    """The writes of a plan, targets before the tasks that are bound to them."""
    assert connection.id is not None
    accounts = people.accounts_of_people(session, connection.id)
    kind = tool(connection.kind)
    wanted: list[Intention] = []
    if issubclass(kind, WritesTargets):
        wanted += [_target(each, space, connection.id, accounts) for each in plan.targets]
    bound = {each.decision: each.key for each in plan.targets}
    wanted += [
        _task(each, connection.id, accounts, bound, issubclass(kind, WritesTargets))
        for each in plan.actions
    ]
    if issubclass(kind, CommentsOnTasks):
        wanted += [
            _comment(each, space, connection.id)
            for each in plan.notices
            if space.action(each.about)
        ]
    return wanted


def _task(
    action: Action,
    connection_id: int,
    accounts: Mapping[str, str],
    targets: dict[str, str],
    tool_has_targets: bool,
) -> Intention:
    target = targets.get(action.decision or "")
    task = Task(
        key=action.key,
        title=action.title,
        description=action.description,
        owner=accounts[action.owner],
        due_at=action.due_at,
        tags=list(action.tags),
        bind_targets=[target] if target and tool_has_targets else [],
    )
    return Intention(
        f"task:{action.key}",
        connection_id,
        Operation.CREATE_TASK,
        action.key,
        msgspec.to_builtins(task),
        because_rows(action.because),
    )


def _target(
    planned: PlannedTarget, space: Workspace, connection_id: int, accounts: Mapping[str, str]
) -> Intention:
    baseline = planned.target.baseline
    decided = space.decided(planned.decision)
    definition = space.kpis[baseline.kpi]
    title = getattr(definition.title, space.language)
    target = KpiTarget(
        key=planned.key,
        title=f"{title} {planned.target.relative:+.0%}",
        kpi=baseline.kpi,
        segment=", ".join(f"{k}={v}" for k, v in baseline.slice.items()) or None,
        unit=definition.unit.value,
        decision=planned.decision,
        owner=accounts.get(decided[1].accountable) if decided else None,
        baseline=baseline.sample.value,
        target=planned.target.target_value,
        starts_on=baseline.period.end,
        recheck_on=planned.recheck_on,
    )
    return Intention(
        f"target:{planned.key}",
        connection_id,
        Operation.CREATE_TARGET,
        planned.key,
        msgspec.to_builtins(target),
        because_rows(planned.because),
    )


def _comment(notice: Notice, space: Workspace, connection_id: int) -> Intention:
    return Intention(
        f"notice:{notice.key}",
        connection_id,
        Operation.COMMENT,
        notice.about,
        {"text": f"{space.name(notice.to)} : {notice.text}", "to": notice.to, "kind": notice.kind},
        because_rows(notice.because),
    )


def because_rows(because: Sequence[Because]) -> list[dict[str, Any]]:
    return [
        {"rule": each.rule, "version": each.version, "facts": dict(each.facts)} for each in because
    ]
