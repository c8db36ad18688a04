"""Every tool has a case and a card, and both speak of the rows that there are."""

from typing import Any

import pytest

from connectors.port import Connector
from connectors.registry import shipped_tools
from tests.connectors.conformance.cards import (
    PAGES,
    card_file,
    cards_outcomes,
    page_of,
    rows_file,
    written,
)
from tests.connectors.conformance.case import Case
from tests.connectors.conformance.cases import CASES, NOT_YET, case_of
from tests.connectors.conformance.every_row import every_row
from workers.cards import Row

FEWEST = 33
OF_TOOLS = [case for case in CASES if case.kind in shipped_tools()]


def kind_of(each: Case | type[Connector[Any]]) -> str:
    return each.kind


def test_every_tool_has_a_case_or_a_reason() -> None:
    without = {kind for kind in shipped_tools() if case_of(kind) is None}
    assert without == NOT_YET.keys(), "unproven: write tests/connectors/<tool>/case.py"


def test_the_kit_has_its_rows() -> None:
    assert len(every_row()) >= FEWEST
    rows = [Row(one.id, one.chapter, one.says) for one in every_row().values()]
    assert rows_file().read_bytes() == written(rows)


@pytest.mark.parametrize("case", CASES, ids=kind_of)
def test_a_row_that_cannot_apply_is_one_of_the_kit_and_says_why(case: Case) -> None:
    assert case.not_applicable.keys() <= every_row().keys()
    short = [id_ for id_, why in case.not_applicable.items() if len(why.split()) < 4]
    assert short == []


@pytest.mark.parametrize("case", OF_TOOLS, ids=kind_of)
def test_a_card_has_every_row_in_order(case: Case) -> None:
    """What it says of each row, that row checks itself."""
    outcomes = cards_outcomes(case.tool)
    assert list(outcomes) == list(every_row())
    assert card_file(case.tool).read_bytes() == written(outcomes)


@pytest.mark.parametrize("tool", shipped_tools().values(), ids=kind_of)
def test_the_page_of_a_tool_shows_its_card(tool: type[Connector[Any]]) -> None:
    page = PAGES / f"{tool.kind}.md"
    assert page.read_text(encoding="utf-8") == page_of(tool)
