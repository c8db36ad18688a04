"""Tries every row on every tool that is shipped and writes the cards anew; or on a tool of another
package, by the name of its case: `python -m tests.connectors.conformance abacus.case`."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from connectors.registry import shipped_tools
from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.cards import (
    PAGES,
    card_file,
    outcome_of,
    page_of,
    rows_file,
    written,
)
from tests.connectors.conformance.case import Case
from tests.connectors.conformance.cases import CASES
from tests.connectors.conformance.every_row import every_row
from workers.cards import Outcome, Result, Row, card_of


def main(modules: Sequence[str]) -> int:
    if modules:
        return sum(_try_elsewhere(import_module(name).CASE) for name in modules)
    rows = every_row()
    rows_file().write_bytes(written([Row(one.id, one.chapter, one.says) for one in rows.values()]))
    failed = 0
    for case in CASES:
        if case.kind not in shipped_tools():
            continue
        failed += _fails(_try(case))
    PAGES.mkdir(exist_ok=True)
    for kind, tool in shipped_tools().items():
        page = page_of(tool)
        (PAGES / f"{kind}.md").write_text(page, encoding="utf-8")
    return int(failed > 0)


def _try(case: Case) -> Mapping[str, Outcome]:
    """Every row; the card is written beside the tool."""
    card = {id_: outcome_of(case, one, Bench) for id_, one in every_row().items()}
    card_file(case.tool).write_bytes(written(card))
    return card


def _try_elsewhere(case: Case) -> int:
    card = _try(case)
    for id_, outcome in card.items():
        if outcome.result is Result.FAIL:
            sys.stdout.write(f"{id_}: {outcome.why}\n")
    sys.stdout.write(f"{case.tool.label} is {card_of(case.tool).summary}.\n")
    return _fails(card)


def _fails(card: Mapping[str, Outcome]) -> int:
    return sum(outcome.result is Result.FAIL for outcome in card.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
