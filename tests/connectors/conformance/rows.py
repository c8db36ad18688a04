"""The rows of the kit: each a test over the cases of all tools, with an id and a sentence.

A row that a case says cannot apply is not tried. What came of it must be what the tool's card says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.cards import check_card
from tests.connectors.conformance.case import Case
from tests.connectors.conformance.cases import CASES
from workers.cards import Outcome, Result

Try = Callable[[Bench], None]
READING, RUNNING, WRITING = "reading", "running", "writing"


@dataclass(frozen=True)
class Row:
    id: str
    chapter: str
    says: str
    attempt: Try


ROWS: dict[str, Row] = {}
MARKED = [pytest.param(case, marks=pytest.mark.real) if case.real else case for case in CASES]


def row(id_: str, chapter: str, says: str) -> Callable[[Try], Callable[[Case, Path], None]]:
    """Makes a row of what tries one on a bench."""

    def made(attempt: Try) -> Callable[[Case, Path], None]:
        assert id_ not in ROWS, f"two rows {id_}"
        ROWS[id_] = Row(id_, chapter, says, attempt)

        @pytest.mark.parametrize("case", MARKED, ids=lambda case: case.kind)
        def tried(case: Case, tmp_path: Path) -> None:
            why = case.not_applicable.get(id_)
            if why is None:
                with Bench(case, tmp_path) as bench:
                    attempt(bench)
            outcome = Outcome(Result.PASS if why is None else Result.NOT_APPLICABLE, why)
            check_card(case, id_, outcome)

        tried.__name__ = attempt.__name__
        tried.__doc__ = says
        tried.__module__ = attempt.__module__
        return tried

    return made
