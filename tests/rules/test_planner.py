"""Plans of decisions: tasks with one owner, a target with a frozen baseline, and the because."""

import random
from datetime import date
from pathlib import Path

import pytest

from rules.engine import Evaluation
from rules.plan import ADMIN, NoticeKind, Plan
from rules.plan_json import plan_json
from rules.planner import make_plan
from rules.workspace import baseline_period
from tests.rules.plan_cases import (
    EMAIL_RETRO,
    PROTOCOL,
    RETRO_DAY,
    changed,
    created,
    person,
    planned,
    retro,
    space,
    storys_people,
)
from tests.rules.worked_cases import EMAIL, step

PLAIN_TASK = [
    ("improve_kpi", "task"),
    (f"    kpi: {EMAIL}\n    target_relative: 0.15\n", ""),
]


def from_key(plan: Plan) -> dict[str, str]:
    return {action.key: action.owner for action in plan.actions}


@pytest.mark.requirement("F47")
def test_the_decision_of_the_story_becomes_three_tasks_of_one_parent(shared: Path) -> None:
    expected = step(shared, "S10")["expect"]
    workspace = space(retro())
    plan = planned(workspace)
    (decision,) = workspace.retros[0].decisions
    assert decision.accountable == expected["parent_owner"]
    assert {
        (action.role, action.owner, action.due_at.date().isoformat()) for action in plan.actions
    } == {(task["role"], task["owner"], task["due"]) for task in expected["child_tasks"]}
    assert {because.rule for action in plan.actions for because in action.because} == {
        expected["rule_fired"]
    }
    assert plan.refused == ()


@pytest.mark.requirement("F49")
def test_a_task_says_why_how_it_is_measured_and_where_it_comes_from(shared: Path) -> None:
    payload = step(shared, "S10")["expect"]["task_payload_example"]
    task = next(a for a in planned(space(retro())).actions if a.key == payload["external_key"])
    assert (task.title, task.owner, task.role, list(task.tags)) == (
        payload["title"],
        payload["owner"],
        payload["owner_role"],
        payload["tags"],
    )
    assert task.due_at.isoformat() == payload["due_at"]
    assert task.description == (
        "Pourquoi : taux de clic des e-mails transactionnels trop faible\n"
        "Décision : E-mails transactionnels : nouveau gabarit du bouton\n"
        "KPI et cible : Taux de clic des e-mails transactionnels, 2,50 % -> 2,87 % (+15 %)\n"
        f"Mesure : les {_days()} jours qui suivent la dernière tâche terminée, comparés aux "
        f"{_days()} jours avant la décision\n"
        "Responsable : Mkt\n"
        "Page de la décision : https://retro.example/decisions/D-email-ctr"
    )
    assert task.link == "https://retro.example/decisions/D-email-ctr"


def _days() -> int:
    period = next(iter(space(retro()).baselines.values())).period
    return (period.end - period.start).days


def test_a_task_speaks_english_too() -> None:
    task = planned(space(retro(), language="en")).actions[0]
    assert "KPI and target: Click rate of transactional e-mails, 2.50 % -> 2.87 % (+15 %)" in (
        task.description
    )
    assert task.owner_reason == "helps with the decision"


@pytest.mark.requirement("F48")
def test_the_target_freezes_its_baseline(shared: Path) -> None:
    row = step(shared, "S10")["expect"]["kpi_target_row"]
    (target,) = planned(space(retro())).targets
    sample = target.target.baseline.sample
    assert (sample.successes, sample.trials) == (
        row["baseline"]["numerator"],
        row["baseline"]["denominator"],
    )
    assert target.target.target_value == pytest.approx(row["target_value"], abs=1e-6)
    assert target.key == f"D-email-ctr:{EMAIL}"


def test_the_baseline_of_the_story_is_the_28_days_before(shared: Path) -> None:
    first, last = step(shared, "S15")["input"]["baseline_window"]
    period = baseline_period(date(2026, 11, 23))
    assert (period.start.isoformat(), period.end) == (first, date(2026, 11, 23))
    assert last == "2026-11-22"


def test_the_target_is_first_expected_as_if_all_is_done_when_due() -> None:
    (target,) = planned(space(retro())).targets
    assert (target.recheck_on - date(2026, 12, 15)).days == _days()


def test_the_plan_as_json_has_the_promised_shape() -> None:
    document = plan_json(planned(space(retro())), connection="portal", api_calls={"portal": 8})
    assert document.keys() == {"actions", "targets", "refused", "api_calls"}
    actions, targets = document["actions"], document["targets"]
    assert isinstance(actions, list)
    assert isinstance(targets, list)
    because = [
        {
            "rule": "R03",
            "version": 1,
            "facts": {"decision.type": "improve_kpi", "decision.target_relative": 0.15},
        }
    ]
    assert actions[1] == {
        "key": "D-email-ctr:designer",
        "decision": "D-email-ctr",
        "title": "[Retro R-2026-11-23] E-mails transactionnels : nouveau gabarit du bouton",
        "owner": "p_des",
        "due": "2026-12-14",
        "connection": "portal",
        "because": because,
    }
    assert targets[0]["kpi"] == EMAIL
    assert targets[0]["baseline"] == {"numerator": 1205, "denominator": 48210}
    assert targets[0]["target_value"] == 0.028744
    assert document["api_calls"] == {"portal": 8}


def test_the_same_input_in_any_order_makes_the_same_plan() -> None:
    task = EMAIL_RETRO.replace("R-2026-11-23", "R-2").replace("D-email-ctr", "D-2")
    for before, after in PLAIN_TASK:
        task = task.replace(before, after)
    retros = [retro(), retro(task)]
    people = list(storys_people().items())
    evaluations: list[Evaluation] = [
        each for held in retros for decision in held.decisions for each in created(decision)
    ]
    expected = make_plan(evaluations, space(*retros), now=RETRO_DAY)
    assert len(expected.actions) == 6
    for seed in range(20):
        chance = random.Random(seed)
        for shuffled in (evaluations, retros, people):
            chance.shuffle(shuffled)
        workspace = space(*retros, people=dict(people))
        assert make_plan(evaluations, workspace, now=RETRO_DAY) == expected


def test_helpers_named_in_another_order_make_the_same_plan() -> None:
    people = storys_people()
    for name in ("p_des", "p_cop"):
        gone = {"role": "Designer", "active": False}
        people[name] = people[name].model_copy(update=gone)
    for name in ("p_new1", "p_new2"):
        people[name] = person(name, "Designer")
    other = retro(EMAIL_RETRO.replace("[p_des, p_cop, p_mkt]", "[p_mkt, p_des, p_cop]"))
    owners = from_key(planned(space(retro(), people=people)))
    assert owners["D-email-ctr:designer-p_cop"] == "p_new1"
    assert owners["D-email-ctr:designer-p_des"] == "p_new2"
    assert from_key(planned(space(other, people=people))) == owners


def test_without_helpers_the_accountable_person_does_it() -> None:
    plan = planned(changed(("    helpers: [p_des, p_cop, p_mkt]\n", "")))
    assert from_key(plan) == {"D-email-ctr:marketer": "p_mkt"}
    assert plan.actions[0].owner_reason == "responsable de la décision"


def test_two_helpers_of_one_role_have_a_task_each() -> None:
    people = storys_people()
    people["p_cop"] = people["p_cop"].model_copy(update={"role": "Designer"})
    plan = planned(space(retro(), people=people))
    assert from_key(plan) == {
        "D-email-ctr:designer-p_cop": "p_cop",
        "D-email-ctr:designer-p_des": "p_des",
        "D-email-ctr:marketer": "p_mkt",
    }


def test_each_task_is_due_by_its_owners_holidays() -> None:
    people = storys_people()
    people["p_des"] = people["p_des"].model_copy(update={"country": "FR-57"})
    held = EMAIL_RETRO.replace("2026-11-23T", "2025-12-24T").replace("days: 15", "days: 1")
    due = {a.owner: a.due_at.date() for a in planned(space(retro(held), people=people)).actions}
    assert due == {
        "p_cop": date(2025, 12, 26),
        "p_mkt": date(2025, 12, 26),
        "p_des": date(2025, 12, 29),
    }


def test_a_date_given_by_hand_is_kept() -> None:
    plan = planned(changed(("due_business_days: 15", "due_on: 2026-12-19")))
    assert {action.due_at.isoformat() for action in plan.actions} == {"2026-12-19T18:00:00+01:00"}


@pytest.mark.requirement("F44")
def test_the_task_of_a_leaver_goes_to_the_role_and_an_admin_is_told() -> None:
    people = storys_people()
    people["p_des"] = people["p_des"].model_copy(update={"active": False})
    people["p_des2"] = people["p_cop"].model_copy(update={"id": "p_des2", "role": "Designer"})
    plan = planned(space(retro(), people=people))
    assert from_key(plan)["D-email-ctr:designer"] == "p_des2"
    (notice,) = plan.notices
    assert (notice.to, notice.kind) == (ADMIN, NoticeKind.OWNER_LEFT)
    assert notice.text.startswith("Des a quitté l'entreprise : D-email-ctr:designer passe à Cop")


def test_without_another_designer_the_accountable_person_stands_in() -> None:
    people = storys_people()
    people["p_des"] = people["p_des"].model_copy(update={"active": False})
    assert from_key(planned(space(retro(), people=people)))["D-email-ctr:designer"] == "p_mkt"


def test_a_decision_nobody_can_do_is_refused_whole() -> None:
    people = storys_people()
    for name in ("p_des", "p_mkt"):
        people[name] = people[name].model_copy(update={"active": False})
    plan = planned(space(retro(), people=people))
    assert (plan.actions, plan.targets) == ((), ())
    assert [(refusal.about, refusal.missing) for refusal in plan.refused] == [
        ("D-email-ctr", ("owner",))
    ]


def test_without_a_baseline_nothing_of_the_decision_is_planned() -> None:
    plan = planned(space(retro(), measured=False))
    assert (plan.actions, plan.targets) == ((), ())
    document = plan_json(plan, connection="portal", api_calls={})
    assert document["refused"] == [
        {
            "decision": "D-email-ctr",
            "missing": ["baseline"],
            "reason": f"{EMAIL} n'a pas de valeur de départ, du 26/10/2026 au 22/11/2026 : il"
            " compte les campagnes nommées Transac* (campaigns dans kpis.yaml) ; aucune campagne"
            " n'en a alors. Lisez une source qui en a pour ces jours, puis planifiez de nouveau",
        }
    ]


def test_a_target_against_the_kpis_direction_is_refused() -> None:
    plan = planned(changed(("target_relative: 0.15", "target_relative: -0.15")))
    assert [refusal.missing for refusal in plan.refused] == [("target",)]


def test_a_refused_decision_does_not_load_anybody() -> None:
    people = storys_people()
    for name in ("p_des", "p_mkt"):
        people[name] = people[name].model_copy(update={"active": False})
    trial = EMAIL_RETRO.replace("D-email-ctr", "D-trial").replace("improve_kpi", PROTOCOL)
    trial = trial.replace("accountable: p_mkt", "accountable: p_acq")
    for line in (
        f"    kpi: {EMAIL}\n    target_relative: 0.15\n",
        "    helpers: [p_des, p_cop, p_mkt]\n",
    ):
        trial = trial.replace(line, "")
    plan = planned(space(retro(), retro(trial), people=people))
    assert [refusal.about for refusal in plan.refused] == ["D-email-ctr"]
    reasons = {action.owner: action.owner_reason for action in plan.actions}
    assert reasons["p_cop"] == "moins chargé du rôle copywriter (0 en cours)"


@pytest.mark.requirement("F05")
def test_a_plain_task_decision_becomes_tasks_without_a_target() -> None:
    plan = planned(changed(*PLAIN_TASK))
    assert len(plan.actions) == 3
    assert plan.targets == ()
    assert {because.rule for action in plan.actions for because in action.because} == {"R13"}
