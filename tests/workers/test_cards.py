"""A tool is proven by a full card only."""

from pathlib import Path

import msgspec
import pytest

from connectors.registry import shipped_tools
from workers.cards import Card, Outcome, Result, Row, card_of, read_card

ROWS = [Row("ties", "reading", "Ties are read."), Row("echo", "writing", "An echo is none.")]
PASS = Outcome(Result.PASS)


def card(folder: Path, **outcomes: Outcome) -> Card:
    file = folder / "card.json"
    file.write_bytes(msgspec.json.encode(outcomes))
    return read_card(file, ROWS)


def test_a_full_card_proves_its_tool(tmp_path: Path) -> None:
    full = card(tmp_path, ties=PASS, echo=Outcome(Result.NOT_APPLICABLE, "It takes no tasks."))
    assert full.proven
    assert full.summary == "proven (1 pass, 1 not applicable)"
    assert [line.says for line in full.lines] == ["Ties are read.", "An echo is none."]
    assert full.as_json()["not_applicable"] == 1


@pytest.mark.parametrize(
    "outcomes",
    [
        {"ties": PASS},
        {"ties": PASS, "echo": Outcome(Result.FAIL, "It comes back.")},
        {"ties": PASS, "echo": Outcome(Result.NOT_APPLICABLE)},
        {},
    ],
    ids=["a row is missing", "a row fails", "without a reason", "empty"],
)
def test_any_other_card_does_not(tmp_path: Path, outcomes: dict[str, Outcome]) -> None:
    lacking = card(tmp_path, **outcomes)
    assert not lacking.proven
    assert lacking.summary.startswith("unproven")


def test_a_tool_without_a_card_is_unproven_and_says_so(tmp_path: Path) -> None:
    none = read_card(tmp_path / "card.json", ROWS)
    assert none.summary == "unproven (2 not tried)"
    assert not read_card(tmp_path / "card.json", []).proven


@pytest.mark.parametrize("kind", shipped_tools())
def test_each_tool_that_is_shipped_has_been_tried(kind: str) -> None:
    assert all(line.result is not Result.NOT_TRIED for line in card_of(shipped_tools()[kind]).lines)
