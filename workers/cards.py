"""The score card of a tool: what became of it in the conformance kit, row by row.

The cards are written by the kit (`python -m tests.connectors.conformance`) and compared by it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec
from msgspec import Struct

from connectors.port import Connector

ROWS, CARD = "conformance.json", "card.json"


class Result(StrEnum):
    PASS = "pass"  # noqa: S105 - not a word to be let in by
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"
    NOT_TRIED = "not tried"


class Row(Struct, frozen=True):
    """What the kit tries."""

    row: str
    chapter: str
    says: str


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What came of a row; `why` it failed or cannot apply."""

    result: Result
    why: str | None = None


@dataclass(frozen=True)
class Line:
    row: str
    chapter: str
    says: str
    result: Result
    why: str | None


@dataclass(frozen=True)
class Card:
    lines: Sequence[Line]

    @property
    def proven(self) -> bool:
        """Every row passes, or it is said why it cannot apply."""
        return bool(self.lines) and all(
            line.result is Result.PASS or (line.result is Result.NOT_APPLICABLE and line.why)
            for line in self.lines
        )

    @property
    def summary(self) -> str:
        counts = Counter(line.result for line in self.lines)
        told = ", ".join(f"{counts[one]} {one}" for one in Result if counts[one])
        return f"{'proven' if self.proven else 'unproven'} ({told})"

    def as_json(self) -> dict[str, Any]:
        counts = Counter(line.result for line in self.lines)
        return {
            "proven": self.proven,
            **{one.name.lower(): counts[one] for one in Result},
            "rows": [asdict(line) for line in self.lines],
        }


def every_row() -> Sequence[Row]:
    text = (files("connectors") / ROWS).read_bytes()
    return msgspec.json.decode(text, type=list[Row])


def card_of(tool: type[Connector[Any]]) -> Card:
    package = tool.__module__.rpartition(".")[0]
    return read_card(files(package) / CARD, every_row())


def read_card(file: Traversable, rows: Sequence[Row]) -> Card:
    """A tool without a card, or with one of an older kit, is not tried in what it lacks."""
    outcomes: Mapping[str, Outcome] = {}
    if file.is_file():
        outcomes = msgspec.json.decode(file.read_bytes(), type=dict[str, Outcome])
    lacking = Outcome(Result.NOT_TRIED)
    found = [(row, outcomes.get(row.row, lacking)) for row in rows]
    return Card([Line(row.row, row.chapter, row.says, one.result, one.why) for row, one in found])
