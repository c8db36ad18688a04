"""Facts for rules, from the values they are about."""

from datetime import datetime

from rules.calendars import Calendar, business_days_between
from rules.fields import Facts
from rules.plan import ActionState
from rules.words import Decision


def decision_facts(decision: Decision) -> Facts:
    """All of a decision is known: what it leaves out is told as null."""
    return {
        "decision": {
            "id": decision.id,
            "type": decision.type.value,
            "kpi": decision.measured_by,
            "target_relative": decision.target_relative,
            "accountable": decision.accountable,
            "helpers": list(decision.helpers),
            "experiment": decision.experiment,
            "team": decision.team,
            # Facts are JSON, which has no decimals; it is compared by its digits.
            "amount_eur": None if decision.amount_eur is None else float(decision.amount_eur),
            "tags": list(decision.tags),
        }
    }


def task_facts(action: ActionState, calendar: Calendar, now: datetime) -> Facts:
    """`calendar` is the owner's.

    `business_days_to_due` is null once the due day is past, and on days the owner does not work:
    a Saturday is as near to Tuesday as the Friday before, and would be reminded of it again.
    """
    today, due = calendar.day_of(now), calendar.day_of(action.due_at)
    late = today > due
    counts = calendar.is_open(today) and not late
    return {
        "task": {
            "id": action.key,
            "status": action.status.value,
            "owner": action.owner,
            "role": action.role,
            "business_days_to_due": business_days_between(today, due, calendar) if counts else None,
            "business_days_overdue": business_days_between(due, today, calendar) if late else 0,
        }
    }


def tasks_done_facts(decision: Decision, *, has_target: bool) -> Facts:
    """For the moment when the last task of a decision is done."""
    return {**decision_facts(decision), "target": {"kpi": decision.kpi if has_target else None}}
