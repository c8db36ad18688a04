"""Evaluations that fired, into a plan. Same input, same plan, in whatever order it comes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from rules.assigning import Assigner
from rules.calendars import deadline
from rules.decision_plan import CannotPlan, decision_actions, decision_target
from rules.engine import Evaluation
from rules.follow_up import owner_left, plain_notice, recheck, task_notices
from rules.merging import merged
from rules.outcomes import (
    Block,
    CreateKpiTarget,
    CreateTask,
    CreateTasks,
    Notify,
    OpenMicroRetro,
    Outcome,
    RequireApproval,
    ScheduleRecheck,
    SetDecisionStatus,
)
from rules.owners import NoOwner
from rules.people import role_key
from rules.plan import (
    Action,
    Approval,
    Because,
    MicroRetro,
    Plan,
    Refusal,
    Request,
    StatusChange,
)
from rules.words import Decision, DecisionStatus, Retro
from rules.workspace import Workspace


def make_plan(evaluations: Iterable[Evaluation], workspace: Workspace, *, now: datetime) -> Plan:
    """What fired on one subject is planned whole or refused whole.

    A decision that is blocked, or waits for approval, gets nothing else.
    """
    fired = sorted((each for each in evaluations if each.fired), key=_place)
    assigner = Assigner(workspace.staff, workspace.calendar.day_of(now), workspace.language)
    parts = [
        _Subject(subject, workspace, assigner, now).plan(list(group))
        for subject, group in groupby(fired, key=lambda each: each.event.subject)
    ]
    return merged(parts)


def _place(evaluation: Evaluation) -> tuple[str, str, str]:
    return evaluation.event.subject, evaluation.event.id, evaluation.rule


def _because(evaluation: Evaluation) -> Because:
    return Because(evaluation.rule, evaluation.version, evaluation.facts)


class _Subject:
    """One thing that rules fired on: a decision, an action, a lead, a KPI, a playbook sheet."""

    def __init__(self, name: str, workspace: Workspace, assigner: Assigner, now: datetime) -> None:
        self.name = name
        self.workspace = workspace
        self.assigner = assigner
        self.now = now
        self.action = workspace.action(name)
        decided = workspace.decided(self.action.decision if self.action else name)
        self.decided: tuple[Retro, Decision] | None = decided

    def plan(self, fired: list[Evaluation]) -> Plan:
        stops = [stop for each in fired if (stop := self._stop(each))]
        if stops:
            return merged(stops)
        before = self.assigner.staff
        try:
            return merged(part for each in fired for part in self._parts(each))
        except (CannotPlan, NoOwner) as error:
            self.assigner.staff = before
            missing = error.missing if isinstance(error, CannotPlan) else "owner"
            because = tuple(_because(each) for each in fired)
            return Plan(refused=(Refusal(self.name, (missing,), str(error), because),))
