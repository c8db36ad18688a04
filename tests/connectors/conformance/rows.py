"""The rows of the kit: each a test over the cases of all tools, with an id and a sentence.

A row that a case says cannot apply is not tried. What came of it must be what the tool's card says.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

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
    # Whether it is tried on each stream that a case lists.
    each_stream: bool = False

    def cases(self, case: Case) -> Iterator[Case]:
        """Those of a tool to try it on."""
        if self.each_stream and self.id not in case.not_applicable:
            return case.streams(self.id)
        return iter((case,))


ROWS: dict[str, Row] = {}


def row(
    id_: str, chapter: str, says: str, *, each_stream: bool = False
) -> Callable[[Try], Callable[[Case, Path], None]]:
    """Makes a row of what tries one on a bench, by requests as the tool describes them."""

    def made(attempt: Try) -> Callable[[Case, Path], None]:
        assert id_ not in ROWS, f"two rows {id_}"

        @wraps(attempt)
        def checked(bench: Bench) -> None:
            attempt(bench)
            bench.asked_as_described()

        ROWS[id_] = made_of = Row(id_, chapter, says, checked, each_stream)

        @pytest.mark.parametrize("case", [*_marked(made_of)])
        def tried(case: Case, tmp_path: Path) -> None:
            why = case.not_applicable.get(id_)
            if why is None:
                with Bench(case, tmp_path) as bench:
                    checked(bench)
            outcome = Outcome(Result.PASS if why is None else Result.NOT_APPLICABLE, why)
            check_card(case, id_, outcome)

        tried.__name__ = attempt.__name__
        tried.__doc__ = says
        tried.__module__ = attempt.__module__
        return tried

    return made


def _marked(row: Row) -> Iterator[Any]:
    for tool in CASES:
        for case in row.cases(tool):
            name = case.kind if case.stream is tool.stream else f"{case.kind}-{case.stream}"
            yield pytest.param(case, marks=[pytest.mark.real] if case.real else [], id=name)
