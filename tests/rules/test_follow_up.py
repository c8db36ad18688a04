"""After the plan: reminders, escalation, and the days over which to measure."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.models import ActionStatus
from rules.calendars import Calendar
from rules.engine import Evaluation, Firing
from rules.facts import decision_facts, task_facts, tasks_done_facts
from rules.language import Language
from rules.plan import ADMIN, ActionState, Notice, NoticeKind, Plan
from rules.plan_json import plan_json
from rules.planner import make_plan
from rules.workspace import Workspace
from tests.rules.plan_cases import (
    PARIS,
    RETRO_DAY,
    email_actions,
    happened,
    paris,
    person,
    retro,
    space,
    storys_people,
)
from tests.rules.worked_cases import EMAIL, step

FRANCE = Calendar(PARIS)


def morning(day: str) -> datetime:
    return paris(f"{day}T09:00:00+01:00")


def state(due: str, status: ActionStatus = ActionStatus.OPEN) -> ActionState:
    return ActionState("D:r", "D", "r", "faire", "p_des", status, paris(f"{due}T18:00:00+01:00"))


def day_of_tasks(
    workspace: Workspace, now: datetime, history: tuple[Firing, ...] = ()
) -> list[Evaluation]:
    return [
        evaluation
        for action in workspace.actions
        for evaluation in happened(
            "clock.daily", action.key, task_facts(action, FRANCE, now), now, history
        )
    ]


def plan_of_day(workspace: Workspace, now: datetime, history: tuple[Firing, ...] = ()) -> Plan:
    return make_plan(day_of_tasks(workspace, now, history), workspace, now=now)


def tasks(**done: str) -> Workspace:
    return space(retro(), actions=email_actions(**done))


LATE = {"designer": "2026-12-11T15:00:00+01:00", "marketer": "2026-12-14T11:00:00+01:00"}


def expected(shared: Path, name: str) -> tuple[datetime, dict[str, Any]]:
    told = step(shared, name)
    expect: dict[str, Any] = told["expect"]
    return paris(told["at"]), expect


@pytest.mark.requirement("F45")
def test_two_business_days_before_each_owner_is_reminded(shared: Path) -> None:
    now, expect = expected(shared, "S11")
    plan = plan_of_day(tasks(), now)
    assert {notice.to for notice in plan.notices} == set(expect["reminders"])
    assert {notice.kind for notice in plan.notices} == {NoticeKind.REMINDER}
    assert {because.rule for notice in plan.notices for because in notice.because} == {
        expect["rule_fired"]
    }


@pytest.mark.requirement("F45")
def test_two_business_days_late_the_lead_hears_of_it_and_the_owner_too(shared: Path) -> None:
    now, expect = expected(shared, "S13")
    workspace = tasks(**LATE)
    fired = [each for each in day_of_tasks(workspace, now) if each.fired]
    assert [each.rule for each in fired] == [expect["rule_fired"]]
    assert fired[0].facts["task.business_days_overdue"] == expect["overdue_business_days"]
    plan = make_plan(fired, workspace, now=now)
    told = {(notice.kind, notice.to) for notice in plan.notices}
    assert told == {
        (NoticeKind.REMINDER, expect["reminder_to"]),
        (NoticeKind.ESCALATION, expect["escalated_to"]),
        (NoticeKind.ALERT, "p_mkt"),
    }
    (change,) = plan.status_changes
    assert (change.decision, change.status) == ("D-email-ctr", expect["decision_status"])


def test_an_escalation_happens_once() -> None:
    workspace = tasks(**LATE)
    first = day_of_tasks(workspace, morning("2026-12-16"))
    history = tuple(each.firing() for each in first if each.fired)
    assert plan_of_day(workspace, morning("2026-12-17"), history) == Plan()
    assert len(plan_of_day(workspace, morning("2026-12-17")).notices) == 3


@pytest.mark.requirement("F48")
def test_the_measure_starts_the_day_after_the_last_task(shared: Path) -> None:
    now, expect = expected(shared, "S14")
    workspace = tasks(**LATE, copywriter="2026-12-17T16:00:00+01:00")
    (decision,) = workspace.retros[0].decisions
    facts = tasks_done_facts(decision, has_target=True)
    fired = happened("decision.tasks_done", decision.id, facts, now)
    assert [each.rule for each in fired if each.fired] == [expect["rule_fired"]]
    plan = make_plan(fired, workspace, now=now)
    (recheck,) = plan.rechecks
    first, last = (date.fromisoformat(day) for day in expect["measure_window"])
    assert recheck.window.start == first
    assert (recheck.window.end - last).days == 1
    assert recheck.recheck_on.isoformat() == expect["recheck_on"]
    assert recheck.target == f"D-email-ctr:{EMAIL}"
    (change,) = plan.status_changes
    assert change.status == expect["decision_status"]


def test_a_decision_without_a_target_is_not_rechecked() -> None:
    (decision,) = retro().decisions
    facts = tasks_done_facts(decision, has_target=False)
    assert not any(
        each.fired for each in happened("decision.tasks_done", decision.id, facts, RETRO_DAY)
    )


def reminded(due: str, days: range, month: str = "2026-12") -> list[int]:
    workspace = space(retro(), actions=[state(due)])
    return [
        day
        for day in days
        if any(
            each.fired and each.rule == "R04"
            for each in day_of_tasks(workspace, morning(f"{month}-{day:02}"))
        )
    ]


@pytest.mark.requirement("F45")
@pytest.mark.parametrize(
    ("due", "days"),
    [
        ("2026-12-14", [10, 14]),
        ("2026-12-15", [11, 15]),  # and not again on the Saturday and Sunday between
        ("2026-12-11", [9, 11]),  # and not on the Saturday after, no open day later
        ("2026-12-12", [9, 11]),  # due on a Saturday: the last open day before counts as the day
    ],
)
def test_reminders_come_on_open_days_only(due: str, days: list[int]) -> None:
    assert reminded(due, range(1, 28)) == days


def test_done_work_is_not_reminded_of() -> None:
    workspace = space(retro(), actions=[state("2026-12-14", ActionStatus.DONE)])
    assert plan_of_day(workspace, morning("2026-12-10")) == Plan()
    assert plan_of_day(workspace, morning("2026-12-18")) == Plan()


@pytest.mark.parametrize(
    ("day", "to_due", "overdue"),
    [
        ("2026-12-10", 2, 0),
        ("2026-12-12", None, 0),
        ("2026-12-14", 0, 0),
        ("2026-12-15", None, 1),
        ("2026-12-16", None, 2),
        ("2026-12-19", None, 4),
    ],
)
def test_days_to_and_past_the_due_day(day: str, to_due: int | None, overdue: int) -> None:
    facts = task_facts(state("2026-12-14"), FRANCE, morning(day))["task"]
    assert facts["business_days_to_due"] == to_due
    assert facts["business_days_overdue"] == overdue


def test_the_owners_own_holidays_count() -> None:
    late = state("2025-12-24")
    friday = morning("2025-12-26")
    facts = task_facts(late, FRANCE.of("FR-57"), friday)["task"]
    assert (facts["business_days_overdue"], facts["business_days_to_due"]) == (0, None)
    assert task_facts(late, FRANCE, friday)["task"]["business_days_overdue"] == 1


def notices(day: str, language: Language, **done: str) -> dict[str, Notice]:
    workspace = space(retro(), actions=email_actions(**done), language=language)
    return {notice.to: notice for notice in plan_of_day(workspace, morning(day)).notices}


def test_a_reminder_says_what_and_when() -> None:
    title = "[Retro R-2026-11-23] E-mails transactionnels : nouveau gabarit du bouton"
    assert notices("2026-12-10", "fr")["p_des"].text == (
        f"« {title} » est à rendre le 14/12/2026, dans 2 jours ouvrés."
    )
    assert notices("2026-12-10", "en")["p_des"].text == (
        f"“{title}” is due on 2026-12-14, in 2 business days."
    )
    assert notices("2026-12-14", "fr")["p_des"].text == (
        f"« {title} » est à rendre aujourd'hui, 14/12/2026."
    )


def test_an_escalation_says_who_and_how_late() -> None:
    told = notices("2026-12-16", "fr", **LATE)
    title = "[Retro R-2026-11-23] E-mails transactionnels : nouveau gabarit du bouton"
    late = f"« {title} » était à rendre le 14/12/2026 : 2 jours ouvrés de retard."
    assert told["p_cop"].text == late
    assert told["p_cmo"].text == f"{late} Responsable : Cop."
    assert notices("2026-12-16", "en", **LATE)["p_cmo"].text == (
        f"“{title}” was due on 2026-12-14 and is 2 business days late. Owner: Cop."
    )


def test_a_notice_has_one_key_a_day() -> None:
    assert notices("2026-12-10", "fr")["p_des"].key == "R04:D-email-ctr:designer:p_des:2026-12-10"


def test_who_has_two_parts_in_it_is_told_once() -> None:
    done = {**LATE, "copywriter": "2026-12-14T11:00:00+01:00"}
    del done["marketer"]
    told = notices("2026-12-16", "fr", **done)
    assert {to: notice.kind for to, notice in told.items()} == {
        "p_mkt": NoticeKind.REMINDER,
        "p_cmo": NoticeKind.ESCALATION,
    }


def test_the_admin_hears_what_nobody_else_can() -> None:
    people = storys_people()
    people["p_cmo"] = person("p_cmo", "Trésorier")
    people["p_cop"] = people["p_cop"].model_copy(update={"active": False})
    workspace = space(retro(), people=people, actions=email_actions(**LATE))
    told = plan_of_day(workspace, morning("2026-12-16")).notices
    assert {notice.to for notice in told} == {ADMIN, "p_mkt"}


def test_all_of_a_decision_is_told_and_what_it_leaves_out_is_null() -> None:
    (decision,) = retro().decisions
    facts = decision_facts(decision)["decision"]
    assert facts["helpers"] == ["p_des", "p_cop", "p_mkt"]
    assert facts["amount_eur"] is None
    assert facts["team"] is None


def test_what_follows_is_in_the_json_of_the_plan_too() -> None:
    plan = plan_of_day(tasks(**LATE), morning("2026-12-16"))
    document = plan_json(plan, connection="portal", api_calls={"portal": 3})
    assert document.keys() == {
        "actions",
        "targets",
        "refused",
        "api_calls",
        "notices",
        "status_changes",
    }
    because = [
        {
            "rule": "R05",
            "version": 1,
            "facts": {"task.status": "open", "task.business_days_overdue": 2},
        }
    ]
    assert document["status_changes"] == [
        {"decision": "D-email-ctr", "status": "at_risk", "because": because}
    ]
    assert json.loads(json.dumps(document)) == document


def test_a_recheck_is_in_the_json_with_half_open_days() -> None:
    workspace = tasks(**LATE, copywriter="2026-12-17T16:00:00+01:00")
    (decision,) = workspace.retros[0].decisions
    facts = tasks_done_facts(decision, has_target=True)
    now = paris("2026-12-17T16:00:00+01:00")
    fired = happened("decision.tasks_done", decision.id, facts, now)
    document = plan_json(make_plan(fired, workspace, now=now), connection="p", api_calls={})
    assert document["rechecks"] == [
        {
            "target": f"D-email-ctr:{EMAIL}",
            "measure_window": ["2026-12-18", "2027-01-15"],
            "recheck_on": "2027-01-15",
            "because": [{"rule": "R08", "version": 1, "facts": {"target.kpi": EMAIL}}],
        }
    ]
