"""The formula leaf: what it can say, and the attacks it refuses before they cost anything."""

from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter

import pytest

from rules.conditions import Expression
from rules.expressions import Unsafe, compiled
from rules.truth import Truth, judge

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def truth(text: str, **facts: dict[str, object]) -> Truth:
    return judge(Expression(expr=text), facts, NOW).truth


def why(text: str, **facts: dict[str, object]) -> str | None:
    return judge(Expression(expr=text), facts, NOW).trace[0].why


@pytest.mark.parametrize(
    "text",
    [
        "kpi.value < 0.4",
        "kpi.value * 2 < kpi.denominator / 10 and not (kpi.code == 'x')",
        "kpi.code in ['form_completion', 'click_rate']",
        "'email' in decision.tags",
        "(decision.amount_eur ?? 0) < 1",
        "decision.team == null",
        "kpi.value < 1 ? true : false",
        "lead.first_contact_at < now",
        "now - lead.first_contact_at > t'P1D'",
        "lead.first_contact_at < d'2026-11-21T12:00:00+01:00'",
        "kpi.code != 'a << b ** c & $now # \"for\"'",
    ],
)
def test_a_formula_holds(text: str) -> None:
    facts: dict[str, dict[str, object]] = {
        "kpi": {"value": Decimal("0.36"), "denominator": 556, "code": "form_completion"},
        "decision": {"tags": ["email"], "amount_eur": None, "team": None},
        "lead": {"first_contact_at": "2026-11-21T10:00:00+01:00"},
    }
    assert truth(text, **facts) is Truth.TRUE


def test_a_fact_nobody_told_makes_it_unknown() -> None:
    assert truth("kpi.value < 0.4", kpi={"code": "x"}) is Truth.UNKNOWN
    assert why("kpi.value < 0.4", kpi={"code": "x"}) == "kpi.value missing"
    assert why("kpi.value < 0.4") == "kpi.value missing"


def test_a_null_that_is_computed_with_makes_it_unknown() -> None:
    assert truth("kpi.value < 0.4", kpi={"value": None}) is Truth.UNKNOWN


def test_it_says_which_facts_it_read() -> None:
    (seen,) = judge(
        Expression(expr="kpi.value < 0.4 and kpi.code != 'lead.owner'"),
        {"kpi": {"value": 0.3, "code": "x"}},
        NOW,
    ).trace
    assert seen.facts == (("kpi.code", "x"), ("kpi.value", 0.3))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2 ** 99999999 > 1", "** is not allowed"),
        ("9 ** 9 ** 9 ** 9 > 1", "** is not allowed"),
        ("1 << 99999999999 > 1", "<< is not allowed"),
        ("1 >> 2 == 0", ">> is not allowed"),
        ("kpi.code =~ '(a+)+$'", "=~ is not allowed"),
        ("kpi.code =~~ '(a+)+$'", "=~ is not allowed"),
        ("kpi.code !~ 'a'", "!~ is not allowed"),
        ("$now > d'2020-01-01'", "$ is not allowed"),
        ("$range(999999999) == null", "$ is not allowed"),
        ("1 & 1 == 1", "& is not allowed"),
        ("1 | 1 == 1", "| is not allowed"),
        ("1 ^ 1 == 1", "^ is not allowed"),
        ("~1 == 1", "~ is not allowed"),
        ("[x for x in decision.tags] == []", "for is not allowed"),
        ("kpi&.value == 1", "& is not allowed"),
        ("true # hidden", "# is not allowed"),
        ("kpi.code == 'open", "' is not allowed"),
        ('kpi.code == "a\\', '" is not allowed'),
        ("kpi.code == 'a' '\n << 9", "' is not allowed"),
        ("(" * 21 + "true" + ")" * 21, "nested more than 20"),
        ("[" * 21 + "]" * 21 + " == 1", "nested more than 20"),
        ("kpi.code == '" + "a" * 2000 + "'", "longer than 2000"),
        ("-" * 201 + "kpi.value < 1", "more than 200 parts"),
        ("+".join(["kpi.value"] * 90) + " < 1", "more than 200 parts"),
        ("kpi.code.__class__ == 1", "unknown attribute"),
        ("kpi.__class__ == 1", "kpi.__class__ is not a known field"),
        ("kpi.valeu < 1", "kpi.valeu is not a known field; did you mean kpi.value?"),
        ("kpy.value < 1", "kpy is not a known field; did you mean kpi?"),
        ("__import__ == 1", "__import__ is not a known field"),
        ("kpi.code.to_upper() == 'A'", "unknown attribute: 'to_upper'"),
        ("now.to_epoch() == 1", ""),
        ("kpi.code[0] == 'a'", "GetItem is not allowed"),
        ("kpi.code[0:2] == 'a'", "GetSlice is not allowed"),
        ("{'a': kpi.value} == null", "Mapping is not allowed"),
        ("b'ab' == b'ab'", ""),
        ("kpi.value", "must answer true or false"),
        ("kpi.value + 1", "must answer true or false"),
        ("'a'", "must answer true or false"),
        ("kpi.value < 'a'", "data type mismatch"),
        ("9e999999 * 9e999999 > 1", "arithmetic error"),
        ("kpi.value <", "syntax error"),
        ("", ""),
    ],
)
def test_an_attack_or_a_mistake_is_refused_at_once(text: str, said: str) -> None:
    compiled("true")  # the first use builds the grammar
    started = perf_counter()
    with pytest.raises(Unsafe) as caught:
        compiled(text)
    assert perf_counter() - started < 0.1
    assert said in str(caught.value)


def test_the_longest_formula_allowed_is_within_the_stack() -> None:
    many = "-" * 194 + "kpi.value < 1"
    assert truth(many, kpi={"value": 0.3}) is Truth.TRUE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kpi.value / 0 > 1", Truth.UNKNOWN),
        ("kpi.value * 1e999999999 % 7 == 1", Truth.UNKNOWN),
    ],
)
def test_arithmetic_that_cannot_end_well_ends_quickly(text: str, expected: Truth) -> None:
    started = perf_counter()
    assert truth(text, kpi={"value": 1}) is expected
    assert perf_counter() - started < 0.1
