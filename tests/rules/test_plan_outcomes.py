"""Plans of what is no improvement of a KPI: experiments, standards, approvals, signals, leads."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from rules.plan import Plan
from rules.planner import make_plan
from tests.rules.plan_cases import (
    PROTOCOL,
    RETRO_DAY,
    changed,
    created,
    happened,
    paris,
    planned,
    retro,
    space,
    storys_people,
)
from tests.rules.worked_cases import EMAIL, step


@pytest.mark.requirement("F12")
def test_an_experiment_becomes_a_protocol_and_a_task_per_role(shared: Path) -> None:
    pairs = (("improve_kpi", PROTOCOL), (f"    kpi: {EMAIL}\n    target_relative: 0.15\n", ""))
    plan = planned(changed(*pairs))
    expected = step(shared, "S04")["expect"]["tasks_created"]
    assert {(a.role, a.owner) for a in plan.actions} == {(t["role"], t["owner"]) for t in expected}
    assert {action.due_at.date() for action in plan.actions} == {date(2026, 11, 30)}
    assert [request.outcome.do for request in plan.requests] == ["create_experiment"]


STANDARD = (
    ("improve_kpi", "standardise\n    experiment: X-1"),
    (f"    kpi: {EMAIL}\n    target_relative: 0.15\n", ""),
)


def standard(verdict: str, guardrail: str) -> Plan:
    workspace = changed(*STANDARD)
    facts = {"experiment": {"verdict": verdict, "guardrail_verdict": guardrail}}
    evaluations = created(workspace.retros[0].decisions[0], facts)
    return make_plan(evaluations, workspace, now=RETRO_DAY)


def test_a_standard_without_proof_is_blocked_with_the_message() -> None:
    plan = standard("not_enough_data", "unclear")
    assert [refusal.reason for refusal in plan.refused] == ["la preuve manque"]
    assert plan.requests == ()


def test_a_proven_standard_asks_for_the_sheet_and_the_rollout() -> None:
    plan = standard("b_wins", "non_inferior")
    assert [request.outcome.do for request in plan.requests] == [
        "activate_playbook_sheet",
        "create_rollout_tasks",
    ]
    assert plan.refused == ()


def test_a_costly_decision_waits_for_approval_and_then_goes_on() -> None:
    costly = ("    tags: [email]\n", "    tags: [email]\n    amount_eur: 5000\n")
    waiting = planned(changed(costly))
    assert [(each.decision, each.by) for each in waiting.approvals] == [("D-email-ctr", "p_cmo")]
    assert (waiting.actions, waiting.targets) == ((), ())
    approved = planned(changed((costly[0], costly[1] + "    approved_by: p_cmo\n")))
    assert len(approved.actions) == 3
    assert approved.approvals == ()


def test_what_two_rules_ask_for_is_planned_once_with_both_becauses() -> None:
    workspace = space(retro())
    evaluations = created(workspace.retros[0].decisions[0])
    fired = next(each for each in evaluations if each.fired)
    plan = make_plan([replace(fired, rule="R99"), fired], workspace, now=RETRO_DAY)
    assert len(plan.actions) == 3
    assert [because.rule for because in plan.actions[0].because] == ["R03", "R99"]


def test_a_low_kpi_opens_one_micro_retro_with_an_owner() -> None:
    at = paris("2026-09-21T06:00:00+02:00")
    facts = {
        "kpi": {"code": "form_completion", "value": 200 / 556, "denominator": 556},
        "campaign": {"id": "C-2026-09-acquisition"},
    }
    evaluations = happened("kpi.updated", "form_completion", facts, at)
    (micro,) = make_plan(evaluations, space(), now=at).micro_retros
    assert (micro.owner, micro.due_at.date()) == ("p_acq", date(2026, 9, 28))
    assert micro.because[0].rule == "R01"


def test_waiting_leads_go_round_the_sales_reps_due_today() -> None:
    at = paris("2026-11-23T12:00:00+01:00")
    people = storys_people()
    people["p_sdr2"] = people["p_sdr"].model_copy(update={"id": "p_sdr2"})
    facts = {"first_contact_at": None, "open_age_business_minutes": 300}
    evaluations = [
        each
        for lead in ("l1", "l2", "l3")
        for each in happened("clock.every_15_min", lead, {"lead": {"id": lead, **facts}}, at)
    ]
    plan = make_plan(evaluations, space(people=people), now=at)
    assert [(action.about, action.owner) for action in plan.actions] == [
        ("l1", "p_sdr"),
        ("l2", "p_sdr2"),
        ("l3", "p_sdr"),
    ]
    assert {action.due_at for action in plan.actions} == {paris("2026-11-23T18:00:00+01:00")}


def test_a_stale_sheet_goes_to_its_owner_again_each_time() -> None:
    facts = {"playbook": {"days_to_revalidation": 0, "status": "active"}}
    keys = []
    for day in ("2027-02-08", "2027-05-10"):
        at = paris(f"{day}T09:00:00+01:00")
        workspace = space(on_duty={"S-1": {"sheet_owner": "p_acq"}})
        plan = make_plan(happened("clock.daily", "S-1", facts, at), workspace, now=at)
        assert [request.outcome.do for request in plan.requests] == ["set_playbook_status"]
        keys += [action.key for action in plan.actions if action.owner == "p_acq"]
    assert keys == ["R12:S-1:2027-02-08", "R12:S-1:2027-05-10"]


def test_what_belongs_to_no_decision_is_refused_not_lost() -> None:
    decision = retro().decisions[0]
    plan = make_plan(created(decision), space(), now=RETRO_DAY)
    assert [(refusal.about, refusal.missing) for refusal in plan.refused] == [
        ("D-email-ctr", ("decision",))
    ]
