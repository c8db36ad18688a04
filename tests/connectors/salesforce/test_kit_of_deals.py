"""Rows that the kit tries on leads alone, which can be merged, hold for opportunities too."""

from pathlib import Path

import pytest

from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.every_row import every_row
from tests.connectors.conformance.rows import READING
from tests.connectors.salesforce.case import CASE

NOT_TRIED = {"merge", *CASE.not_applicable}
ROWS = [
    row.id
    for row in every_row().values()
    if row.chapter == READING and not row.each_stream and row.id not in NOT_TRIED
]


@pytest.mark.parametrize("row_id", ROWS)
def test_a_row_of_the_kit_holds_for_opportunities(row_id: str, tmp_path: Path) -> None:
    _, deals, *_ = CASE.streams(row_id)
    with Bench(deals, tmp_path) as bench:
        every_row()[row_id].attempt(bench)
