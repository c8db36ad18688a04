"""From a retro file to tasks in the portal: rules check, people, import, plan, apply, push."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.workers.cli.kit import Retro

ROLES = {"p_mkt": "Marketer CRM", "p_des": "Designer", "p_cop": "Copywriter"}
RULES = """\
version: 1
rules:
  - id: R01
    version: 1
    name: a KPI under its floor
    trigger: kpi.updated
    when: {field: kpi.valeu, op: lt, value: 0.4}
    then:
      - {do: open_micro_retro, owner: {by: role, role: acquisition}, due_business_days: 5}
"""
RETRO = """\
retro: R-2026-11-23
held_at: 2026-11-23T10:00:00+01:00
participants: [{person: p_mkt, hours: 1.5}]
observations:
  - {id: O-1, text: trop peu de clics, kpis: [transactional_email_click_rate]}
decisions:
  - id: D-email-ctr
    from: O-1
    type: improve_kpi
    text: nouveau gabarit du bouton
    kpi: transactional_email_click_rate
    target_relative: 0.15
    accountable: p_mkt
    helpers: [p_des, p_cop, p_mkt]
    due_business_days: 15
"""
EMAILS = """\
day,campaign,group,emails_delivered,emails_opened,emails_clicked
2026-11-10,Transactionnels,treated,48210,9000,1205
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.yaml"


def people(accounts: list[dict[str, Any]]) -> str:
    """People with the addresses of accounts of the portal."""
    known = [each["email"] for each in accounts if each["email"] and each["active"]]
    rows = [
        {"id": id_, "name": role, "role": role, "email": email}
        for (id_, role), email in zip(ROLES.items(), known, strict=False)
    ]
    return json.dumps({"people": rows})


def test_a_misspelt_field_in_a_rule_is_answered_with_its_line_and_the_nearest(
    retro: Retro, file: Path
) -> None:
    file.write_text(RULES)
    answer = retro("rules", "check", str(file))
    assert answer.status == 1
    (problem,) = answer.out.splitlines()
    assert problem.startswith(f"{file}:7:")
    assert "kpi.valeu" in problem
    assert "did you mean kpi.value?" in problem
    assert retro("rules", "check", str(file), "--json").document == {"problems": [problem]}
    file.write_text(RULES.replace("valeu", "value"))
    assert retro("rules", "check", str(file)).status == 0


def test_a_decision_without_owner_and_date_names_both_and_nothing_is_kept(
    retro: Retro, file: Path
) -> None:
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file)
        lacking = RETRO.replace("    accountable: p_mkt\n", "")
        file.write_text(lacking.replace("    due_business_days: 15\n", ""))
        answer = retro("import", str(file))
        assert answer.status == 1
        assert str(file) in answer.err
        assert "accountable" in answer.err
        assert "due_on" in answer.err
        assert retro("import", str(file), "--json").document["error"]["message"] in answer.err
        assert retro("retros", "--json").document == []
        assert retro("apply", "--json").document["actions"] == []
        assert retro("outbox", "--json").document == []
        assert retro("push").out == "Nothing to send.\n"
        assert portal.records("tasks") == []


def test_a_decision_becomes_three_tasks_and_applying_it_twice_adds_none(
    retro: Retro, file: Path
) -> None:
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file)
        file.write_text(RETRO)
        assert retro("import", str(file)).status == 0
        plan = retro("plan", "--json").document
        assert set(plan) == {"actions", "targets", "refused", "api_calls"}
        assert {each["owner"] for each in plan["actions"]} == set(ROLES)
        assert {each["because"][0]["rule"] for each in plan["actions"]} == {"R03"}
        (target,) = plan["targets"]
        assert target["baseline"] == {"numerator": 1205, "denominator": 48210}
        assert retro("outbox", "--json").document == []
        assert retro("apply", "--json").document["actions"] == plan["actions"]
        pushed = retro("push", "--json")
        assert (pushed.status, pushed.document["runs"][0]["status"]) == (0, "succeeded")
        assert {row["state"] for row in retro("outbox", "--json").document} == {"done"}
        assert len(portal.records("tasks")) == 3
        assert retro("apply", "--json").document["actions"] == []
        assert retro("push").out == "Nothing to send.\n"
        assert len(portal.records("tasks")) == 3
        assert "D-email-ctr was planned before: its tasks" in retro("import", str(file)).out
        file.write_text(RETRO[: RETRO.index("decisions:")])
        again = retro("import", str(file))
        assert "D-email-ctr is not in the file any more; it stays" in again.out
        last, middle, *earlier = retro("audit", "--json").document
        known = {"decisions": ["D-email-ctr"]}
        assert (last["action"], last["before"], last["after"]["decisions"]) == ("import", known, [])
        assert (middle["action"], middle["before"]) == ("import", known)
        assert next(row["before"] for row in earlier if row["action"] == "import") is None
        matched = next(row for row in earlier if row["action"] == "people match")
        assert (matched["subject"], set(matched["before"].values())) == ("portal", {None})
        assert set(matched["before"]) == set(matched["after"]) == set(ROLES)


def test_a_plan_is_told_in_words(retro: Retro, file: Path) -> None:
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file)
        file.write_text(RETRO)
        told = retro("import", str(file)).out
        assert "A draft, as it has no goal" in told
        plan = retro("plan").out
        rule = "rule R03 (Improve-a-KPI decision makes a target and child tasks) because "
        assert f"{rule}the type of the decision is improve_kpi and the relative target" in plan
        assert "the relative target is +15 %" in plan
        assert "2.50 % → 2.87 %, checked on" in plan
        assert "        in portal: item of the smart process 'Retro ROI KPI targets'\n" in plan
        people = retro("people").out
        assert "portal: " in people
        assert "{" not in plan + people


def test_a_refusal_for_want_of_figures_names_the_pattern_and_what_there_is(
    retro: Retro, file: Path
) -> None:
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file, EMAILS.replace("Transactionnels", "Newsletter"))
        file.write_text(RETRO)
        retro("import", str(file))
        plan = retro("plan")
        assert plan.status == 3
        assert (
            "refused D-email-ctr: transactional_email_click_rate has no figure to start from, "
            "2026-10-26 to 2026-11-22: it counts campaigns named Transac* (campaigns in kpis.yaml);"
            " campaigns with figures then: Newsletter\n"
        ) in plan.out


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_refusal_for_want_of_one_figure_names_it_and_the_pull_what_it_passed_over(
    retro: Retro, file: Path, lang: str
) -> None:
    retro.monkeypatch.setenv("RETRO_LANG", lang)
    clicked = "Ouvertures cliquées"
    emails = f"Date;Campagne;E-mails délivrés;{clicked}\n2026-11-10;Transactionnels;48210;1205\n"
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file, emails)
        file.write_text(RETRO)
        retro("import", str(file))
        told = f"Passed over in emails.csv: {clicked}."
        assert told in retro("pull", "mails").out.splitlines()
        assert told in retro("fields", "mails", "email_stats").out.splitlines()
        (refused,) = [line for line in retro("plan").out.splitlines() if "D-email-ctr" in line]
        assert MISSING[lang] in refused
        assert "retro fields" in refused
        assert "Transactionnels" not in refused


MISSING = {
    "en": "emails_clicked was not measured, though emails_delivered was.",
    "fr": "emails_clicked n'a pas été mesuré, alors que emails_delivered l'a été.",
}


def test_a_retro_that_plans_nothing_is_taken_and_says_so(retro: Retro, file: Path) -> None:
    assert retro("retros").out == "No retros yet; retro import FILE takes one in.\n"
    file.write_text(RETRO.split("decisions:")[0].replace("{person: p_mkt, hours: 1.5}", ""))
    told = retro("import", str(file)).out
    assert "Without an outcome: O-1. Settle each by a decision from it" in told
    assert "No decisions, so retro plan has nothing to plan." in told


def test_a_due_date_that_passed_since_the_retro_is_taken_and_told(retro: Retro, file: Path) -> None:
    file.write_text("people:\n  - {id: p_mkt, name: M, role: Marketer}\n")
    retro("people", "import", str(file))
    retro.monkeypatch.setenv("RETRO_CLOCK", "2026-12-15T10:00:00+01:00")
    file.write_text(RETRO.replace("helpers: [p_des, p_cop, p_mkt]", "helpers: [p_mkt]"))
    assert retro("import", str(file), "--json").document["overdue"] == ["D-email-ctr"]
    told = retro("import", str(file)).out
    assert "The due date of D-email-ctr has passed" in told
    assert "correct the date in the file and import it again" in told
    retro.monkeypatch.setenv("RETRO_CLOCK", "2026-12-14T10:00:00+01:00")
    assert retro("import", str(file), "--json").document["overdue"] == []


def test_people_whom_no_account_fits_are_named_with_the_next_step(retro: Retro, file: Path) -> None:
    assert "no people yet; retro people import FILE" in retro("people", "match").out
    file.write_text(
        "people:\n  - {id: p_a, name: A, role: SDR, email: a@nowhere.example}\n"
        "  - {id: p_b, name: B, role: SDR}\n"
    )
    retro("people", "import", str(file))
    assert "No connection has accounts to match with" in retro("people", "match").out
    with sandbox(seed=7, records=20) as portal:
        retro.connect(portal)
        answer = retro("people", "match")
    assert answer.status == 3
    for words in (
        "Without an e-mail address to match by: p_b.",
        "No active account has the address of: p_a (a@nowhere.example).",
        "then: retro pull portal --stream people, and match again.",
    ):
        assert words in answer.out


def test_a_match_by_an_address_that_somebody_has_no_longer_is_taken_out_and_told(
    retro: Retro, file: Path
) -> None:
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file)
    known = json.loads(file.read_text())["people"]
    account = retro("people", "--json").document[-1]["accounts"]["portal"]
    assert retro("people", "import", str(file)).status == 0
    moved = next(each for each in known if each["id"] == "p_mkt")
    file.write_text(json.dumps({"people": [{**moved, "email": "new@example.com"}]}))
    answer = retro("people", "import", str(file))
    assert answer.status == 3
    assert (
        f"portal: the account {account} does not have the new address of p_mkt, so they are "
        "matched no longer; match again: retro people match"
    ) in answer.out
    accounts = {each["id"]: each["accounts"] for each in retro("people", "--json").document}
    assert accounts["p_mkt"] == {}
    assert accounts["p_des"] != {}


def test_a_sync_tells_of_rules_writes_and_statuses(retro: Retro, file: Path) -> None:
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file)
        file.write_text(RETRO)
        retro("import", str(file))
        retro("apply")
        told = retro("sync", "portal").out
        assert "writes: 4 sent" in told or "writes: 3 sent" in told
        assert "rules: 0 fired" in told
        assert "statuses: unchanged" in told
        (task, *_) = portal.records("tasks")
        portal.edit("tasks", task["id"], {"set": {"STATUS": 5}})
        assert " → done" in retro("sync", "portal").out


def prepared(retro: Retro, portal: Sandbox, file: Path, emails: str = EMAILS) -> None:
    """Connected, with people matched and a file of mails."""
    retro.connect(portal)
    retro("pull", "portal", "--stream", "people")
    accounts = [json.loads(line) for line in retro("records", "people").out.splitlines()]
    file.write_text(people(accounts))
    assert retro("people", "import", str(file)).status == 0
    assert retro("people", "match").status == 0
    folder = file.with_name("mails")
    folder.mkdir()
    (folder / "emails.csv").write_text(emails)
    assert retro("connect", "files", "mails", "--set", f"folder={folder}").status == 0
    assert retro("pull", "mails").status == 0
