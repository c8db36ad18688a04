"""Every quirk of the fact sheet has a test that guards it, or the README says why it has none."""

import re

from tests.conftest import ROOT

QUIRKS = frozenset(range(1, 39))
README = (ROOT / "connectors" / "bitrix24" / "README.md").read_text(encoding="utf-8")


def guarded() -> set[int]:
    found: set[int] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        marks = re.findall(r"mark\.quirk\((\d+)\)", path.read_text(encoding="utf-8"))
        found |= {int(number) for number in marks}
    return found


def in_the_table() -> set[int]:
    rows = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    return {int(number) for row in rows for number in row.split(",")}


def not_yet() -> set[int]:
    (sentence,) = re.findall(r"^Does not apply yet: (.*?), since", README, re.MULTILINE | re.DOTALL)
    return {int(number) for number in re.findall(r"\b(\d+) \(", sentence)}


def test_each_quirk_has_a_countermeasure_or_does_not_apply_yet() -> None:
    assert in_the_table() | not_yet() == QUIRKS
    assert in_the_table() & not_yet() == set()


def test_each_countermeasure_has_a_test() -> None:
    assert in_the_table() - guarded() == set()
