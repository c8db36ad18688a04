"""A rules file: what is read, and each mistake with its line and the nearest known name."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from rules.rule_file import Rule, parse_rules
from rules.yaml_document import Problem, Refused
from tests.rules.worked_cases import CONFIG, story

SOUND = """\
rules:
  - id: R1
    name: Told when it falls
    trigger: kpi.updated
    when:
      all:
        - {field: kpi.code, op: eq, value: form_completion}
        - {field: kpi.value, op: lt, value: 0.4}
    then:
      - {do: notify, to: role:CMO}
"""


def refused(text: str) -> Refused:
    with pytest.raises(Refused) as caught:
        parse_rules(text, "rules.yaml")
    return caught.value


def complaint(before: str, after: str) -> str:
    assert before in SOUND
    (problem,) = refused(SOUND.replace(before, after)).problems
    return problem


def shipped() -> tuple[Rule, ...]:
    return parse_rules((CONFIG / "rules.yaml").read_text(encoding="utf-8"), "rules.yaml")


def test_a_sound_file_is_read_with_its_defaults() -> None:
    (rule,) = parse_rules(SOUND, "rules.yaml")
    assert (rule.id, rule.version, rule.order, rule.enabled) == ("R1", 1, 0, True)
    assert rule.once_per == ()


def test_rules_come_in_the_order_in_which_they_run() -> None:
    rule = SOUND.removeprefix("rules:\n")
    text = "rules:\n" + rule.replace("R1", "R9") + rule.replace("R1", "R5")
    text += rule.replace("R1", "R0") + "    order: 1\n"
    assert [rule.id for rule in parse_rules(text, "rules.yaml")] == ["R5", "R9", "R0"]


def test_a_misspelt_field_is_said_with_line_and_nearest_name() -> None:
    assert complaint("kpi.value", "kpi.valeu") == (
        "rules.yaml:8: rules[0].when.all[1].field: "
        "kpi.valeu is not a known field; did you mean kpi.value?"
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "trigger: kpi.updated",
            "trigger: kpi.update",
            "rules.yaml:4: rules[0].trigger: kpi.update is not a known trigger; "
            "did you mean kpi.updated?",
        ),
        (
            "op: lt,",
            "op: ltt,",
            "rules.yaml:8: rules[0].when.all[1].op: ltt is not a known op; did you mean lt?: "
            "eq, ne, lt, lte, gt, gte, in, not_in, contains, exists, missing",
        ),
        (
            "do: notify",
            "do: notfy",
            "rules.yaml:10: rules[0].then[0].do: notfy is not known; did you mean notify?",
        ),
        (
            "to: role:CMO",
            "to: CMO",
            "rules.yaml:10: rules[0].then[0].to: CMO is nobody: write task.owner, "
            "decision.accountable, role:… or person:…",
        ),
        ("name: Told", "nam: Told", "did you mean name?"),
        ("    name: Told when it falls\n", "", "rules.yaml:2: rules[0]: name is missing"),
        ("to: role:CMO", "to: role:CMO, too: x", "too is not a known field; did you mean to?"),
        ("to: role:CMO", "to: role:CMO, rules: x", "rules does not belong here"),
        ("value: 0.4", "value: low", "kpi.value is a number; 'low' is not"),
        ("trigger: kpi.updated", "trigger: clock.every_0_min", "clock.every_15_min?"),
    ],
)
def test_each_mistake_is_said_where_it_is(before: str, after: str, said: str) -> None:
    problems = refused(SOUND.replace(before, after)).problems
    assert any(said in problem for problem in problems), problems


def test_a_misspelt_name_in_a_formula_is_said_too() -> None:
    text = SOUND.replace("{field: kpi.value, op: lt, value: 0.4}", "{expr: kpi.valeu < 0.4}")
    assert refused(text).problems == [
        "rules.yaml:8: rules[0].when.all[1].expr: "
        "kpi.valeu is not a known field; did you mean kpi.value?"
    ]


def test_all_mistakes_are_told_at_once_and_as_values() -> None:
    text = SOUND.replace("kpi.value", "kpi.valeu").replace("do: notify", "do: notfy")
    assert refused(text).found == (
        Problem(
            8,
            "rules[0].when.all[1].field",
            "kpi.valeu is not a known field; did you mean kpi.value?",
        ),
        Problem(10, "rules[0].then[0].do", "notfy is not known; did you mean notify?"),
    )


def test_a_condition_under_two_negations_keeps_its_line() -> None:
    text = SOUND.replace(
        "        - {field: kpi.value, op: lt, value: 0.4}",
        "        - not:\n            not:\n              field: kpi.valeu\n"
        "              op: exists",
    )
    assert refused(text).found[0].line == 10


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("{do: create_tasks, due_business_days: 5}", "needs roles or roles_from"),
        (
            "{do: create_tasks, roles: [designer], roles_from: decision.helpers,"
            " due_business_days: 5}",
            "needs roles or roles_from",
        ),
        ("{do: create_tasks, roles: [designer]}", "needs due_business_days or due_from"),
        ("{do: create_task, owner: {by: luck}, due_business_days: 1}", "luck is not known"),
        ("{do: create_task, owner: {by: role}, due_business_days: 1}", "role is missing"),
        ("{do: set_decision_status, value: at_rick}", "did you mean at_risk?"),
        ("{do: schedule_recheck, window_days: 0}", "must be at least 1"),
    ],
)
def test_an_outcome_that_cannot_be_done_is_refused(outcome: str, said: str) -> None:
    assert said in complaint("{do: notify, to: role:CMO}", outcome)


def test_an_id_given_twice_is_refused_at_the_second() -> None:
    rule = SOUND.removeprefix("rules:\n")
    assert refused("rules:\n" + rule + rule).problems == [
        "rules.yaml:11: rules[1].id: the rule R1 is given twice"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rules: [", 1),
        ("- a\n- b", 1),
        ("rules: []\nrules: []", 2),
        ("rules:\n  - \x00", 2),
        ("", 1),
    ],
)
def test_text_that_is_no_rules_file_is_refused(text: str, line: int) -> None:
    assert refused(text).found[0].line == line


def test_a_rule_that_ends_before_it_starts_is_refused() -> None:
    late = SOUND + "    valid_from: 2026-12-01\n    valid_to: 2026-11-30\n"
    assert "R1 ends before it starts" in refused(late).problems[0]
    (rule,) = parse_rules(late.replace("11-30", "12-01"), "rules.yaml")
    assert rule.valid_to == date(2026, 12, 1)


def test_a_rule_survives_being_stored() -> None:
    for rule in shipped():
        assert Rule.model_validate(rule.model_dump(mode="json", by_alias=True)) == rule


def test_the_shipped_rules_are_those_of_the_story_and_one_for_plain_tasks(shared: Path) -> None:
    told = parse_rules(yaml.safe_dump({"rules": story(shared)["rules"]}), "story")
    rules = {rule.id: rule for rule in shipped()}
    assert len(told) == 12
    assert rules.keys() - {rule.id for rule in told} == {"R13"}
    for rule in told:
        assert rules[rule.id] == rule


def test_every_shipped_rule_says_its_version() -> None:
    content = yaml.safe_load((CONFIG / "rules.yaml").read_text(encoding="utf-8"))
    assert all(rule["version"] == 1 for rule in content["rules"])
