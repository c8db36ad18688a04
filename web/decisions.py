"""Decisions as the page shows them, with their tasks, targets and last checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from connectors.models import ActionStatus, TargetForm
from rules.words import DecisionStatus
from sync.store import retros
from sync.store.undated import Undated, undated
from sync.tables.connections import Connection
from sync.tables.retros import UNFINISHED, Action, Check, Decision, Target
from workers.target_forms import TargetForms

FINISHED = (
    DecisionStatus.DONE_AWAITING_MEASURE,
    DecisionStatus.MEASURED,
    DecisionStatus.CLOSED,
)


@dataclass(frozen=True)
class TaskView:
    """`undated` tells that its due date is gone in the tool, where it is."""

    title: str
    role: str
    owner: str
    due_at: datetime
    overdue: bool
    status: str
    undated: Undated | None


@dataclass(frozen=True)
class CheckView:
    """`verdicts` and `messages` are by language; `verdict` and `message` stand in for one that
    is missing."""

    checked_at: datetime
    verdict: str
    message: str
    verdicts: Mapping[str, str]
    messages: Mapping[str, str]


@dataclass(frozen=True)
class TargetView:
    """`baseline` and `value` are shares; None when the baseline counted nothing. `complete` is
    whether its data were. `form` is what it is in its tool, whose connection is `place`; None where
    that is not known."""

    kpi: str
    slice: Mapping[str, str]
    numerator: int
    denominator: int
    baseline: float | None
    complete: bool
    value: float
    relative: float
    status: str
    recheck_on: date | None
    last_check: CheckView | None
    form: TargetForm | None
    place: str | None


@dataclass(frozen=True)
class DecisionView:
    id: str
    retro: str
    text: str
    accountable: str
    due_on: date
    overdue: bool
    status: str
    tasks: Sequence[TaskView]
    targets: Sequence[TargetView]

    @property
    def done(self) -> int:
        return sum(task.status == ActionStatus.DONE for task in self.tasks)

    @property
    def late(self) -> bool:
        return self.overdue or self.status == DecisionStatus.AT_RISK


def to_decision(
    session: Session,
    row: Decision,
    persons: Mapping[str, str],
    now: datetime | None,
    today: date | None,
    forms: TargetForms,
) -> DecisionView:
    """`now` and `today` are business time, None when it is unknown: then nothing is overdue."""
    gone = undated(session, row.id)
    return DecisionView(
        id=row.id,
        retro=row.retro_id,
        text=row.text,
        accountable=persons.get(row.accountable, row.accountable),
        due_on=row.due_on,
        overdue=today is not None and row.due_on < today and row.status not in FINISHED,
        status=row.status,
        tasks=[
            _task(action, persons, now, gone.get(action.key))
            for action in retros.actions(session, row.id)
        ],
        targets=[_target(session, target, forms) for target in retros.targets(session, row.id)],
    )


def _task(
    action: Action, persons: Mapping[str, str], now: datetime | None, gone: Undated | None
) -> TaskView:
    return TaskView(
        title=action.title,
        role=action.role,
        owner=persons.get(action.owner, action.owner),
        due_at=action.due_at,
        overdue=now is not None and action.due_at < now and action.status in UNFINISHED,
        status=action.status,
        undated=gone,
    )


def _target(session: Session, row: Target, forms: TargetForms) -> TargetView:
    checks = retros.checks_of(session, row.key)
    place = session.get(Connection, row.connection_id) if row.connection_id else None
    counted = row.baseline_denominator
    return TargetView(
        kpi=row.kpi,
        slice=row.slice,
        numerator=row.baseline_numerator,
        denominator=counted,
        baseline=row.baseline_numerator / counted if counted else None,
        complete=row.baseline_complete,
        value=row.target_value,
        relative=row.relative,
        status=row.status,
        recheck_on=row.recheck_on,
        last_check=_check(checks[-1]) if checks else None,
        form=forms.of_row(session, row),
        place=place.name if place else None,
    )


def _check(row: Check) -> CheckView:
    return CheckView(
        checked_at=row.checked_at,
        verdict=row.verdict,
        message=row.message,
        verdicts=row.figures.get("verdicts", {}),
        messages=row.figures.get("messages", {}),
    )
