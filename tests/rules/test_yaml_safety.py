"""YAML that nobody in good faith writes, or that a person got wrong: refused at once, by line."""

from collections.abc import Callable

import pytest

from rules.costs import parse_pay_table
from rules.kpi_catalogue import parse_catalogue
from rules.rule_file import parse_rules
from rules.yaml_document import YamlDocument
from rules.yaml_file import LARGEST, FileProblem

BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
PAY = """version: 1
source: s
source_date: 2026-01-01
currency: EUR
hours_per_year: 1607
rates:
  - {role: sdr, gross_month: 3000, contributions_month: 1200, valid_from: 2026-01-01}
"""


def problem(text: str, parse: Callable[[str, str], object]) -> str:
    with pytest.raises(FileProblem) as refused:
        parse(text, "file.yaml")
    (only,) = refused.value.problems
    return only


@pytest.mark.parametrize(
    "parse", [parse_pay_table, parse_catalogue, parse_rules, YamlDocument.read]
)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "file.yaml:1: anchors (&) and aliases (*) are not read; write it out"),
        ("a: *b\n", "file.yaml:1: anchors (&) and aliases (*) are not read; write it out"),
        ("a: " + "[" * 5000, "file.yaml:1: nested more than 40 levels deep"),
        ("a: " + "{b: " * 5000, "file.yaml:1: nested more than 40 levels deep"),
        ("a:\n" + "x" * LARGEST, "file.yaml:1: the file is larger than 1 MB"),
        ("a: b\nc: \0", "file.yaml:2: the character U+0000 is none of a text; remove it"),
    ],
    ids=["bomb", "alias", "lists", "fields", "large", "nul"],
)
def test_what_would_take_the_reader_down_is_refused_in_one_sentence(
    text: str, said: str, parse: Callable[[str, str], object]
) -> None:
    assert problem(text, parse).startswith(said)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("2026-01-01\ncurrency", "2026-02-30\ncurrency", "3: source_date: 2026-02-30 cannot be: "),
        (
            "2026-01-01\ncurrency",
            "soon\ncurrency",
            "3: source_date: soon cannot be: expected a day",
        ),
        ("1607", "many", "5: hours_per_year: expected a whole number, such as 15"),
        ("1607", "0", "5: hours_per_year: must be more than 0"),
        ("gross_month: 3000", "gross_month: x3000", "gross_month: expected a number, such as 0.15"),
        ("source: s", "source: 7", '2: source: expected a text; put it in quotes: "…"'),
        ("source: s", 'source: ""', "2: source: must not be empty"),
        (
            "{role",
            "{on: x, role",
            "7: rates[0]: a name was read as true or false: put on, off, yes and no in",
        ),
        ("rates:\n  - {", "rates: {", "6: rates: expected a list, as in [a, b]"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_line_field_and_what_is_expected(
    right: str, wrong: str, said: str
) -> None:
    assert right in PAY
    told = problem(PAY.replace(right, wrong), parse_pay_table)
    assert said in told
    assert "3000" not in told
