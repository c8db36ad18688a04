"""Evaluations that fired, into a plan. Same input, same plan, in whatever order it comes."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from rules.assigning import Assigner
from rules.calendars import deadline
from rules.decision_plan import CannotPlan, decision_actions, decision_target
from rules.engine import Evaluation
from rules.follow_up import owner_left, plain_notice, recheck, recipient, task_notices
from rules.merging import merged
from rules.outcomes import (
    Block,
    CreateKpiTarget,
    CreateTask,
    CreateTasks,
    Notify,
    OpenMicroRetro,
    Outcome,
    OwnerRule,
    RequireApproval,
    ScheduleRecheck,
    SetDecisionStatus,
)
from rules.owners import Choice, NoOwner
from rules.people import role_key
from rules.plan import (
    Action,
    Approval,
    Because,
    MicroRetro,
    Notice,
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

    def _stop(self, fired: Evaluation) -> Plan | None:
        """What ends the matter, where the rule says so."""
        because = (_because(fired),)
        for outcome in fired.outcomes:
            match outcome:
                case Block():
                    return Plan(refused=(Refusal(self.name, (), outcome.message, because),))
                case RequireApproval() if self.decided and not self.decided[1].approved_by:
                    by = recipient(outcome.by, None, self.decided[1], self.workspace, self.now)
                    return Plan(approvals=(Approval(self.name, by, because),))
        return None

    def _parts(self, fired: Evaluation) -> Iterator[Plan]:
        notifies = [each for each in fired.outcomes if isinstance(each, Notify)]
        if notifies:
            yield Plan(notices=tuple(self._notices(fired, notifies)))
        for outcome in fired.outcomes:
            yield self._part(fired, outcome)

    def _notices(self, fired: Evaluation, outcomes: list[Notify]) -> Iterator[Notice]:
        because = _because(fired)
        if self.action:
            yield from task_notices(self.action, outcomes, because, self.workspace, self.now)
            return
        for outcome in outcomes:
            yield plain_notice(self.name, fired.name, outcome, because, self.workspace, self.now)

    def _part(self, fired: Evaluation, outcome: Outcome) -> Plan:
        because = _because(fired)
        match outcome:
            case CreateTasks():
                return self._tasks(fired, outcome)
            case CreateTask():
                return self._task(fired, outcome)
            case OpenMicroRetro():
                return self._micro_retro(fired, outcome)
            case CreateKpiTarget():
                retro, decision = self._decision()
                target = decision_target(retro, decision, because, self.workspace)
                return Plan(targets=(target,))
            case SetDecisionStatus():
                return self._status(outcome.value, because)
            case ScheduleRecheck():
                return self._recheck(fired, outcome)
            case Notify() | Block() | RequireApproval():
                return Plan()
            case _:
                return Plan(requests=(Request(self.name, outcome, (because,)),))

    def _tasks(self, fired: Evaluation, outcome: CreateTasks) -> Plan:
        retro, decision = self._decision()
        because = _because(fired)
        made = list(
            decision_actions(
                retro, decision, outcome, because, fired.event.at, self.workspace, self.assigner
            )
        )
        left = [
            notice
            for action, choice in made
            for notice in owner_left(action.key, choice, because, self.workspace, self.now)
        ]
        return Plan(actions=tuple(action for action, _ in made), notices=tuple(left))

    def _task(self, fired: Evaluation, outcome: CreateTask) -> Plan:
        choice = self._pick(outcome.owner)
        because = _because(fired)
        key = self._key(fired)
        action = Action(
            key=key,
            decision=self.action.decision if self.action else None,
            about=self.name,
            role=role_key(choice.person.role),
            title=fired.name,
            description=f"{fired.name} ({self.name})",
            owner=choice.person.id,
            owner_reason=choice.reason,
            due_at=self._due(fired, choice, outcome.due_business_days),
            tags=(),
            link=None,
            because=(because,),
        )
        left = owner_left(key, choice, because, self.workspace, self.now)
        return Plan(actions=(action,), notices=tuple(left))

    def _micro_retro(self, fired: Evaluation, outcome: OpenMicroRetro) -> Plan:
        choice = self._pick(outcome.owner)
        because = _because(fired)
        key = self._key(fired)
        opened = MicroRetro(
            key=key,
            about=self.name,
            owner=choice.person.id,
            owner_reason=choice.reason,
            due_at=self._due(fired, choice, outcome.due_business_days),
            because=(because,),
        )
        left = owner_left(key, choice, because, self.workspace, self.now)
        return Plan(micro_retros=(opened,), notices=tuple(left))

    def _recheck(self, fired: Evaluation, outcome: ScheduleRecheck) -> Plan:
        _, decision = self._decision()
        because = _because(fired)
        if decision.kpi is None:
            raise CannotPlan("kpi", f"decision {decision.id} names no KPI to check")
        planned = recheck(decision, decision.kpi, outcome, because, fired.event.at, self.workspace)
        return merged(
            [
                Plan(rechecks=(planned,)),
                self._status(DecisionStatus.DONE_AWAITING_MEASURE, because),
            ]
        )

    def _status(self, status: DecisionStatus, because: Because) -> Plan:
        _, decision = self._decision()
        return Plan(status_changes=(StatusChange(decision.id, status, (because,)),))

    def _decision(self) -> tuple[Retro, Decision]:
        if self.decided is None:
            raise CannotPlan("decision", f"{self.name} belongs to no decision")
        return self.decided

    def _pick(self, rule: OwnerRule) -> Choice:
        on_duty = dict(self.workspace.on_duty.get(self.name, {}))
        if self.decided:
            on_duty["accountable"] = self.decided[1].accountable
        return self.assigner.pick(rule, on_duty)

    def _due(self, fired: Evaluation, choice: Choice, business_days: int) -> datetime:
        return deadline(fired.event.at, business_days, self.workspace.calendar_of(choice.person))

    def _key(self, fired: Evaluation) -> str:
        """A rule may ask again for the same thing on another day."""
        return f"{fired.rule}:{self.name}:{self.workspace.calendar.day_of(fired.event.at)}"
