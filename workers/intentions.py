"""What a plan wants written into a tool, as the tool's canonical tasks, targets and comments."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.capabilities import CommentsOnTasks, WritesTargets
from connectors.models import KpiTarget, Task
from connectors.registry import tool
from rules.figure_words import round_percent
from rules.plan import Action, Because, Notice, Plan, PlannedTarget
from rules.targets import to_digits
from rules.workspace import Workspace
from sync.store import links, outbox, people
from sync.store.outbox import Intention
from sync.tables import retros as rows
from sync.tables.connections import Connection
from sync.tables.outbox import LinkKind, Operation
from workers.places import Places
from workers.target_words import planned_words


def intentions(session: Session, plan: Plan, space: Workspace, places: Places) -> list[Intention]:
    """The writes of a plan, each for its own connection: targets before the tasks that are bound
    to them. What a tool does not take is left out."""
    wanted: list[Intention] = []
    for place in places.connections.values():
        assert place.id is not None
        part = _part_of(plan, places, place)
        accounts = people.accounts_of_people(session, place.id)
        kind = tool(place.kind)
        has_targets = issubclass(kind, WritesTargets)
        bound = {each.decision: each.key for each in plan.targets}
        if has_targets:
            wanted += [_target(each, space, place.id, accounts) for each in part.targets]
        wanted += [_task(each, place.id, accounts, bound, has_targets) for each in part.actions]
        if issubclass(kind, CommentsOnTasks):
            wanted += [_comment(each, space, place.id) for each in part.notices]
    return [*wanted, *_moves(session, plan, places)]


def _part_of(plan: Plan, places: Places, place: Connection) -> Plan:
    """What of a plan goes there. A notice is a comment on a task, so it goes where one is."""
    return Plan(
        actions=tuple(a for a in plan.actions if places.of(a.about, a.decision) == place),
        targets=tuple(t for t in plan.targets if places.of(t.decision) == place),
        notices=tuple(n for n in plan.notices if places.of_action.get(n.about) == place.id),
    )


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
    segment = ", ".join(f"{k}={v}" for k, v in baseline.slice.items()) or None
    target = KpiTarget(
        key=planned.key,
        title=f"{title} {round_percent(planned.target.relative, space.language, sign=True)}",
        kpi=baseline.kpi,
        segment=segment,
        unit=definition.unit.value,
        decision=planned.decision,
        owner=accounts.get(decided[1].accountable) if decided else None,
        baseline=to_digits(baseline.sample.value),
        target=planned.target.target_value,
        starts_on=baseline.period.end,
        recheck_on=planned.recheck_on,
        words=planned_words(planned, definition, segment, space.language),
    )
    return Intention(
        target_write(planned.key),
        connection_id,
        Operation.CREATE_TARGET,
        planned.key,
        msgspec.to_builtins(target),
        because_rows(planned.because),
    )


def _moves(session: Session, plan: Plan, places: Places) -> Iterator[Intention]:
    """Targets that are to be checked on another day than the one their tool was given."""
    for recheck in plan.rechecks:
        row = session.get(rows.Target, recheck.target)
        if row is None or row.connection_id is None or not _is_written(session, row):
            continue
        has_targets = issubclass(tool(places.connections[row.connection_id].kind), WritesTargets)
        if not has_targets or row.recheck_on in (None, recheck.recheck_on):
            continue
        moved = known_target(row, recheck.recheck_on, moved_from=row.recheck_on)
        yield Intention(
            f"{target_write(row.key)}:moved:{row.recheck_on}:{recheck.recheck_on}",
            row.connection_id,
            Operation.UPDATE_TARGET,
            row.key,
            msgspec.to_builtins(moved),
            because_rows(recheck.because),
        )


def _is_written(session: Session, row: rows.Target) -> bool:
    """Or will be: one that was refused and let go is in no tool."""
    assert row.connection_id is not None
    linked = links.linked_id(session, row.connection_id, LinkKind.TARGET, row.key)
    return linked is not None or outbox.is_to_be_made(session, target_write(row.key))


def known_target(row: rows.Target, recheck_on: date, **news: Any) -> KpiTarget:
    """One that its tool has already, by its key, with what is new of it."""
    return KpiTarget(
        key=row.key,
        title=row.key,
        kpi=row.kpi,
        unit="share",
        decision=row.decision_id,
        baseline=to_digits(row.baseline_numerator / row.baseline_denominator),
        target=row.target_value,
        starts_on=row.baseline_end,
        recheck_on=recheck_on,
        **news,
    )


def target_write(key: str) -> str:
    """The key of the write that makes a target."""
    return f"target:{key}"


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
