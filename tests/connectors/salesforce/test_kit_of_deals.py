"""The kit is told of leads, which can be merged; its rows hold for opportunities too."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.models import Stream
from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.case import Json
from tests.connectors.conformance.every_row import every_row
from tests.connectors.conformance.rows import READING
from tests.connectors.salesforce.case import CASE, FIELD, KEYS

NOT_TRIED = {"merge", *CASE.not_applicable}
ROWS = [row.id for row in every_row().values() if row.chapter == READING]


def new(title: str) -> Json:
    made = {"Name": title, "StageName": "Prospecting", "CloseDate": "2026-12-01"}
    return {**made, "Amount": 100.5, FIELD: "3"}


assert CASE.shape is not None
DEALS = replace(
    CASE,
    stream=Stream.DEALS,
    new=new,
    shape=replace(CASE.shape, keys=KEYS | {"StageName"}, title="Name", needed="StageName"),
)


@pytest.mark.parametrize("row_id", [id_ for id_ in ROWS if id_ not in NOT_TRIED])
def test_a_row_of_the_kit_holds_for_opportunities(row_id: str, tmp_path: Path) -> None:
    with Bench(DEALS, tmp_path) as bench:
        every_row()[row_id].attempt(bench)
