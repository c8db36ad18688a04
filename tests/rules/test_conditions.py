"""Conditions: three-valued, a reason for each unknown, refused where they make no sense."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rules.condition_text import sentence
from rules.conditions import Comparison, Condition
from rules.fields import FIELDS
from rules.rule_file import parse_rules
from rules.truth import Truth, judge
from tests.rules.worked_cases import story

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
FIRES = {True: Truth.TRUE, False: Truth.FALSE, "unknown": Truth.UNKNOWN}
CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)


def condition(tree: dict[str, Any]) -> Condition:
    return CONDITION.validate_python(tree)


def leaf(field: str, op: str, value: object = None) -> dict[str, Any]:
    return {"field": field, "op": op} | ({} if value is None else {"value": value})


def truth(tree: dict[str, Any], facts: dict[str, dict[str, object]]) -> Truth:
    return judge(condition(tree), facts, NOW).truth


def refusal(tree: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        condition(tree)
    return str(caught.value)


def test_the_rule_cases_of_the_story_come_out(shared: Path) -> None:
    told = story(shared)
    rules = {r.id: r for r in parse_rules(yaml.safe_dump({"rules": told["rules"]}), "story")}
    assert len(rules) == 12
    assert len(told["rule_cases"]) == 25
    for case in told["rule_cases"]:
        judgement = judge(rules[case["rule"]].when, case["facts"], NOW)
        assert judgement.truth is FIRES[case["fires"]], case


FALLEN = leaf("kpi.value", "lt", 0.4)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"kpi": {"value": 0.39}}, Truth.TRUE),
        ({"kpi": {"value": 0.4}}, Truth.FALSE),
        ({"kpi": {"value": Decimal("0.4")}}, Truth.FALSE),
        ({"kpi": {"value": Decimal("0.3999999999999999999")}}, Truth.TRUE),
        ({"kpi": {"value": None}}, Truth.FALSE),
        ({"kpi": {}}, Truth.UNKNOWN),
        ({}, Truth.UNKNOWN),
    ],
)
def test_a_number_is_compared_by_its_digits(
    facts: dict[str, dict[str, object]], expected: Truth
) -> None:
    assert truth(FALLEN, facts) is expected


def test_an_unknown_says_which_fact_is_missing() -> None:
    (seen,) = judge(condition(FALLEN), {"kpi": {"code": "form_completion"}}, NOW).trace
    assert seen.why == "kpi.value missing"


def test_a_fact_of_the_wrong_type_is_unknown_and_said() -> None:
    (seen,) = judge(condition(FALLEN), {"kpi": {"value": "0.2"}}, NOW).trace
    assert (seen.truth, seen.why) == (Truth.UNKNOWN, "kpi.value is not a number: '0.2'")
    assert truth(leaf("kpi.value", "lt", 1), {"kpi": {"value": True}}) is Truth.UNKNOWN


def test_a_null_satisfies_missing_and_nothing_else() -> None:
    facts: dict[str, dict[str, object]] = {"decision": {"team": None, "target_relative": None}}
    assert truth(leaf("decision.team", "missing"), facts) is Truth.TRUE
    assert truth(leaf("decision.team", "exists"), facts) is Truth.FALSE
    for op, value in (("eq", "sales"), ("ne", "sales"), ("not_in", ["sales"])):
        assert truth(leaf("decision.team", op, value), facts) is Truth.FALSE
    assert truth(leaf("decision.target_relative", "ne", 0), facts) is Truth.FALSE


def test_missing_is_unknown_when_nobody_told() -> None:
    assert truth(leaf("lead.first_contact_at", "missing"), {"lead": {}}) is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("eq", "marketing", Truth.TRUE),
        ("ne", "marketing", Truth.FALSE),
        ("in", ["sales", "marketing"], Truth.TRUE),
        ("not_in", ["sales", "marketing"], Truth.FALSE),
        ("not_in", ["sales"], Truth.TRUE),
    ],
)
def test_texts_are_compared(op: str, value: object, expected: Truth) -> None:
    facts: dict[str, dict[str, object]] = {"decision": {"team": "marketing"}}
    assert truth(leaf("decision.team", op, value), facts) is expected


@pytest.mark.parametrize(
    ("op", "expected"),
    [("lt", Truth.FALSE), ("lte", Truth.TRUE), ("gt", Truth.FALSE), ("gte", Truth.TRUE)],
)
def test_moments_are_compared_across_zones(op: str, expected: Truth) -> None:
    tree = leaf("lead.first_contact_at", op, "2026-11-23T10:00:00+01:00")
    assert truth(tree, {"lead": {"first_contact_at": "2026-11-23T09:00:00+00:00"}}) is expected
    assert truth(tree, {"lead": {"first_contact_at": "2026-11-23T09:00:00"}}) is Truth.UNKNOWN


def test_a_list_contains_and_a_boolean_is() -> None:
    facts: dict[str, dict[str, object]] = {
        "decision": {"tags": ["email"]},
        "kpi": {"complete": True},
    }
    assert truth(leaf("decision.tags", "contains", "email"), facts) is Truth.TRUE
    assert truth(leaf("decision.tags", "contains", "seo"), facts) is Truth.FALSE
    assert truth(leaf("kpi.complete", "eq", True), facts) is Truth.TRUE


TRUE, FALSE = leaf("kpi.value", "eq", 1), leaf("kpi.value", "eq", 2)
UNKNOWN = leaf("kpi.numerator", "eq", 1)
LEAVES = {Truth.TRUE: TRUE, Truth.FALSE: FALSE, Truth.UNKNOWN: UNKNOWN}
RANK = [Truth.FALSE, Truth.UNKNOWN, Truth.TRUE]


@given(st.lists(st.sampled_from(RANK), min_size=1, max_size=4))
def test_all_is_the_least_true_part_and_any_the_most_true(parts: list[Truth]) -> None:
    facts: dict[str, dict[str, object]] = {"kpi": {"value": 1}}
    leaves = [LEAVES[part] for part in parts]
    assert truth({"all": leaves}, facts) is min(parts, key=RANK.index)
    assert truth({"any": leaves}, facts) is max(parts, key=RANK.index)
    negated = truth({"not": {"all": leaves}}, facts)
    assert RANK.index(negated) == 2 - RANK.index(min(parts, key=RANK.index))


def test_the_trace_holds_every_leaf_even_after_the_answer_is_clear() -> None:
    judgement = judge(
        condition({"all": [FALSE, TRUE, {"not": UNKNOWN}]}), {"kpi": {"value": 1}}, NOW
    )
    assert [leaf.truth for leaf in judgement.trace] == [Truth.FALSE, Truth.TRUE, Truth.UNKNOWN]


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (leaf("kpi.valeu", "lt", 1), "kpi.valeu is not a known field; did you mean kpi.value?"),
        (leaf("kpi.value", "lower", 1), "lower is not a known op"),
        (leaf("kpi.value", "ltt", 1), "did you mean lt?"),
        (leaf("kpi.value", "contains", 1), "kpi.value is a number, which contains cannot judge"),
        (leaf("kpi.code", "lt", "a"), "kpi.code is a text, which lt cannot judge"),
        (leaf("kpi.value", "lt", "a"), "kpi.value is a number; 'a' is not"),
        (leaf("kpi.value", "lt", True), "kpi.value is a number; True is not"),
        (leaf("kpi.complete", "eq", 1), "kpi.complete is a boolean; 1 is not"),
        (leaf("kpi.value", "lt"), "lt needs a value"),
        (leaf("kpi.value", "exists", 1), "exists takes no value"),
        (leaf("kpi.value", "in", 1), "in needs a list"),
        (leaf("kpi.value", "lt", [1]), "lt takes no list"),
        (leaf("decision.type", "eq", "improve_kpy"), "did you mean improve_kpi?"),
        (leaf("task.status", "in", ["opne"]), "did you mean open?"),
        (leaf("lead.first_contact_at", "lt", "2026-11-23"), "with date, time and offset"),
        ({"all": []}, "at least 1 item"),
        ({"any": [TRUE], "all": [TRUE]}, "Extra inputs"),
        ({}, "Field required"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(tree: dict[str, Any], said: str) -> None:
    assert said in refusal(tree)


def test_a_condition_survives_being_stored() -> None:
    tree = {"any": [{"not": {"not": FALLEN}}, {"all": [TRUE]}, {"expr": "kpi.value < 0.4"}]}
    stored = CONDITION.dump_python(condition(tree), mode="json", by_alias=True, exclude_none=True)
    assert stored == tree
    assert condition(stored) == condition(tree)


def test_a_condition_reads_as_a_sentence() -> None:
    tree = condition(
        {
            "all": [
                leaf("kpi.code", "eq", "form_completion"),
                FALLEN,
                {
                    "not": {
                        "any": [leaf("kpi.complete", "eq", False), leaf("campaign.id", "missing")]
                    }
                },
            ]
        }
    )
    assert sentence(tree, "en") == (
        "the KPI is form_completion and the value of the KPI is under 0.4 and it is not true that "
        "(the completeness of the data is no or the campaign is missing)"
    )
    assert sentence(tree, "fr") == (
        "le KPI vaut form_completion et la valeur du KPI reste sous 0,4 et il n'est pas vrai que "
        "(la complétude des données vaut non ou la campagne manque)"
    )
    formula = condition({"expr": "kpi.value < 0.4"})
    assert sentence(formula, "fr") == "la formule « kpi.value < 0.4 » est vraie"


def test_every_field_has_its_own_words_in_both_languages() -> None:
    for language in ("en", "fr"):
        words = [getattr(field, language) for field in FIELDS.values()]
        assert len(set(words)) == len(words)
    assert all(Comparison(field=name, op="exists") for name in FIELDS)
