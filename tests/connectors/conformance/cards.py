"""Writes what the kit found: its rows, a card beside each tool, and the page of it in the docs."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from connectors.capabilities import CAPABILITIES
from connectors.port import Connector
from connectors.registry import shipped_tools
from tests.conftest import ROOT
from tests.connectors.conformance.case import Case
from workers.cards import CARD, ROWS, Card, Outcome, Result, card_of

PAGES = ROOT / "docs" / "tools"
COMMAND = "python -m tests.connectors.conformance"
START, END = f"<!-- card: written by `{COMMAND}` -->", "<!-- end of card -->"


def check_card(case: Case, row_id: str, outcome: Outcome) -> None:
    """The card says what came of this row now. A tool that is not shipped has none."""
    if case.kind not in shipped_tools():
        return
    written = cards_outcomes(case.tool).get(row_id)
    assert written == outcome, f"the card of {case.kind} says {written}; write it anew: {COMMAND}"


def cards_outcomes(tool: type[Connector[Any]]) -> Mapping[str, Outcome]:
    file = card_file(tool)
    if not file.exists():
        return {}
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Outcome])


def card_file(tool: type[Connector[Any]]) -> Path:
    return Path(inspect.getfile(tool)).parent / CARD


def rows_file() -> Path:
    return ROOT / "connectors" / ROWS


def written(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value)) + b"\n"


def page_of(tool: type[Connector[Any]]) -> str:
    """The page as it is to be: what somebody wrote around the card stays."""
    file = PAGES / f"{tool.kind}.md"
    text = file.read_text(encoding="utf-8") if file.exists() else f"# {tool.label}\n\n"
    before, _, rest = text.partition(START)
    after = rest.partition(END)[2] or "\n"
    return f"{before}{START}\n{_card_text(tool)}\n{END}{after}"


def _card_text(tool: type[Connector[Any]]) -> str:
    card = card_of(tool)
    can = ", ".join(name for name, each in CAPABILITIES.items() if issubclass(tool, each))
    parts = [f"It can: {can}.", _listed("Limits", tool.limits), _listed("Quirks", tool.quirks)]
    parts += [f"## Conformance\n\n{tool.label} is {card.summary}.", _table(card)]
    return "\n\n".join(part for part in parts if part)


def _listed(title: str, items: Any) -> str:
    return "\n".join([f"{title}:\n", *(f"- {each}" for each in items)]) if items else ""


def _table(card: Card) -> str:
    rows = [f"| {one.chapter} | {_said(one.says, one.why)} | {one.result} |" for one in card.lines]
    return "\n".join(["| chapter | row | result |", "| --- | --- | --- |", *rows])


def _said(says: str, why: str | None) -> str:
    return f"{says} *{why}*" if why else says


def outcome_of(case: Case, row: Any, bench: Any) -> Outcome:
    """Tries the row now, on each stream of the tool that it is for."""
    why = case.not_applicable.get(row.id)
    if why is not None:
        return Outcome(Result.NOT_APPLICABLE, why)
    for one in row.cases(case):
        with TemporaryDirectory() as folder, bench(one, Path(folder)) as made:
            try:
                row.attempt(made)
            except Exception as error:  # noqa: BLE001 - each way to be red counts
                told = str(error).partition("\n")[0] or type(error).__name__
                of = "" if one.stream is case.stream else f"{one.stream}: "
                return Outcome(Result.FAIL, f"{of}{told}")
    return Outcome(Result.PASS)
