"""What follows when work is due, late or done: notices, and the days over which to measure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rules.calendars import Calendar
from rules.kpis import Period
from rules.notice_text import OF_OWNER, OWNER_LEFT, task_text
from rules.outcomes import ByRole, Notify, ScheduleRecheck
from rules.owners import Choice, NoOwner, choose_owner
from rules.plan import (
    ADMIN,
    ActionState,
    Because,
    Notice,
    NoticeKind,
    PlannedRecheck,
    target_key,
)
from rules.words import Decision
from rules.workspace import Workspace

OWNER = "task.owner"
ACCOUNTABLE = "decision.accountable"


def task_notices(
    action: ActionState,
    outcomes: list[Notify],
    because: Because,
    workspace: Workspace,
    now: datetime,
) -> Iterator[Notice]:
    """The owner is told first, and also where the rule tells only others: nobody should learn from
    their lead what their own list did not say. Whoever has two parts in it has two notices with one
    key, of which the plan keeps the first.
    """
    calendar = _calendar(action, workspace)
    text = task_text(action, calendar, now, workspace.language)
    to_others = OF_OWNER[workspace.language].format(text=text, owner=workspace.name(action.owner))
    decided = workspace.decided(action.decision)
    for wanted in dict.fromkeys([OWNER, *(outcome.to for outcome in outcomes)]):
        to = recipient(wanted, action, decided[1] if decided else None, workspace, now)
        yield Notice(
            key=_notice_key(because.rule, action.key, to, workspace, now),
            kind=_kind(wanted),
            to=to,
            about=action.key,
            text=text if wanted == OWNER else to_others,
            because=(because,),
        )


def plain_notice(
    about: str, name: str, outcome: Notify, because: Because, workspace: Workspace, now: datetime
) -> Notice:
    """About something that is no task: the name of the rule says what it is."""
    decided = workspace.decided(about)
    to = recipient(outcome.to, None, decided[1] if decided else None, workspace, now)
    return Notice(
        key=_notice_key(because.rule, about, to, workspace, now),
        kind=_kind(outcome.to),
        to=to,
        about=about,
        text=f"{name} ({about})",
        because=(because,),
    )


def owner_left(
    about: str, choice: Choice, because: Because, workspace: Workspace, now: datetime
) -> Iterator[Notice]:
    if choice.left is None:
        return
    text = OWNER_LEFT[workspace.language].format(
        gone=choice.left.name, about=about, owner=choice.person.name, reason=choice.reason
    )
    yield Notice(
        key=_notice_key(because.rule, about, ADMIN, workspace, now),
        kind=NoticeKind.OWNER_LEFT,
        to=ADMIN,
        about=about,
        text=text,
        because=(because,),
    )


def recheck(
    decision: Decision,
    kpi: str,
    outcome: ScheduleRecheck,
    because: Because,
    done_at: datetime,
    workspace: Workspace,
) -> PlannedRecheck:
    """Measured from the day after the last task was done; `done_at` is the rule's event."""
    done = [action.done_at for action in workspace.of_decision(decision.id) if action.done_at]
    start = workspace.calendar.day_of(max(done, default=done_at)) + timedelta(days=1)
    return PlannedRecheck(
        target=target_key(decision.id, kpi),
        decision=decision.id,
        window=Period(start, start + timedelta(days=outcome.window_days)),
        because=(because,),
    )


def _kind(wanted: str) -> NoticeKind:
    if wanted == OWNER:
        return NoticeKind.REMINDER
    return NoticeKind.ESCALATION if wanted.startswith("role:") else NoticeKind.ALERT


def recipient(
    wanted: str,
    action: ActionState | None,
    decision: Decision | None,
    workspace: Workspace,
    now: datetime,
) -> str:
    """A person who has not left, else the admin."""
    kind, _, name = wanted.partition(":")
    if kind == "role":
        return _holder(name, workspace, now)
    if wanted == OWNER:
        name = action.owner if action else ""
    elif wanted == ACCOUNTABLE:
        name = decision.accountable if decision else ""
    person = workspace.staff.people.get(name)
    return person.id if person and person.active else ADMIN


def _holder(role: str, workspace: Workspace, now: datetime) -> str:
    rule = ByRole(by="role", role=role)
    day = workspace.calendar.day_of(now)
    try:
        choice = choose_owner(
            rule, workspace.staff, on=day, on_duty={}, language=workspace.language
        )
    except NoOwner:
        return ADMIN
    return choice.person.id


def _calendar(action: ActionState, workspace: Workspace) -> Calendar:
    owner = workspace.staff.people.get(action.owner)
    return workspace.calendar_of(owner) if owner else workspace.calendar


def _notice_key(rule: str, about: str, to: str, workspace: Workspace, now: datetime) -> str:
    return f"{rule}:{about}:{to}:{workspace.calendar.day_of(now)}"
