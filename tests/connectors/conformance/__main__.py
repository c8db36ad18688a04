"""Tries every row on every tool of the registry and writes the cards anew."""

import sys

from connectors.registry import tools
from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.cards import (
    PAGES,
    card_file,
    outcome_of,
    page_of,
    rows_file,
    written,
)
from tests.connectors.conformance.cases import CASES
from tests.connectors.conformance.every_row import every_row
from workers.cards import Result, Row


def main() -> int:
    rows = every_row()
    rows_file().write_bytes(written([Row(one.id, one.chapter, one.says) for one in rows.values()]))
    failed = 0
    for case in CASES:
        if case.kind not in tools():
            continue
        card = {id_: outcome_of(case, id_, one.attempt, Bench) for id_, one in rows.items()}
        card_file(case.tool).write_bytes(written(card))
        failed += sum(outcome.result is Result.FAIL for outcome in card.values())
    PAGES.mkdir(exist_ok=True)
    for kind, tool in tools().items():
        page = page_of(tool)
        (PAGES / f"{kind}.md").write_text(page, encoding="utf-8")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
