"""No request of a row is missed by what the tool's documents are asked of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.every_row import every_row
from tests.connectors.conformance.toy.case import CASE

# Rows that count anew, that go to another account, and whose requests other processes send.
ODD_ROWS = ("insert-while-paging", "budget", "token-of-90-s", "rotating-refresh")


@pytest.mark.parametrize("row_id", ODD_ROWS)
def test_every_request_of_a_row_is_looked_at(row_id: str, tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    def faults(request: httpx.Request) -> Sequence[str]:
        seen[f"{request.method} {request.url.path}"] += 1
        return ()

    with Bench(replace(CASE, faults=faults), tmp_path) as bench:
        every_row()[row_id].attempt(bench)
        assert seen == Counter(f"{one['verb']} {one['path']}" for one in bench.account.log())


def test_what_is_not_as_described_is_told(tmp_path: Path) -> None:
    case = replace(CASE, faults=lambda request: [f"{request.url.path} is in no document"])
    with Bench(case, tmp_path) as bench, pytest.raises(AssertionError, match="/deals/search"):
        every_row()["cap-exactly"].attempt(bench)
