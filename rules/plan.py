"""What the rules want to be created or changed, each piece with its because.

A decision with helpers has one accountable person and one action per helper. The decision is the
parent in our own records, not one more task in the tool: nobody would work on it there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from connectors.models import ActionStatus
from rules.kpis import Period
from rules.outcomes import Outcome
from rules.targets import Target
from rules.words import DecisionStatus

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Because:
    """The rule that asked for it, and the facts it saw."""

    rule: str
    version: int
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Action:
    """One person's piece of work.

    `key` is stable, decision and role, so that a second plan creates nothing. `about` is what the
    rule fired on, for work that follows from no decision. `due_at` is aware, on the clock of the
    workspace.
    """

    key: str
    decision: str | None
    about: str
    role: str
    title: str
    description: str
    owner: str
    owner_reason: str
    due_at: datetime
    tags: tuple[str, ...]
    link: str | None
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class ActionState:
    """An action as it stands now."""

    key: str
    decision: str | None
    role: str
    title: str
    owner: str
    status: ActionStatus
    due_at: datetime
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """`recheck_on` supposes that all is done when due; the last task done sets the final day."""

    key: str
    decision: str
    target: Target
    recheck_on: date
    because: tuple[Because, ...]


class NoticeKind(StrEnum):
    REMINDER = "reminder"
    """To the one who has the work."""
    ALERT = "alert"
    """To the one who answers for it."""
    ESCALATION = "escalation"
    """To a role above."""
    OWNER_LEFT = "owner_left"
    """To an admin: work of somebody who has left went to somebody else."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Told to one person (an id, or ADMIN) about one thing, once per key."""

    key: str
    kind: NoticeKind
    to: str
    about: str
    text: str
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class StatusChange:
    decision: str
    status: DecisionStatus
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class PlannedRecheck:
    """The days over which a target is measured. The check is due on the first day after them."""

    target: str
    decision: str
    window: Period
    because: tuple[Because, ...]

    @property
    def recheck_on(self) -> date:
        return self.window.end


@dataclass(frozen=True, slots=True)
class MicroRetro:
    key: str
    about: str
    owner: str
    owner_reason: str
    due_at: datetime
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class Approval:
    """The decision waits for `by`; until then nothing of it is planned."""

    decision: str
    by: str
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """An outcome that concerns experiments or the playbook, carried out where those live."""

    about: str
    outcome: Outcome
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is planned for `about`, a decision or what else a rule fired on."""

    about: str
    missing: tuple[str, ...]
    reason: str
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Every part is in a fixed order, whatever the order of what it was made from."""

    actions: tuple[Action, ...] = ()
    targets: tuple[PlannedTarget, ...] = ()
    notices: tuple[Notice, ...] = ()
    status_changes: tuple[StatusChange, ...] = ()
    rechecks: tuple[PlannedRecheck, ...] = ()
    micro_retros: tuple[MicroRetro, ...] = ()
    approvals: tuple[Approval, ...] = ()
    requests: tuple[Request, ...] = ()
    refused: tuple[Refusal, ...] = ()


def target_key(decision: str, kpi: str) -> str:
    return f"{decision}:{kpi}"
