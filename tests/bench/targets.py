"""What the figures are to reach, where each threshold comes from, and whether it was met.

They hold for the sizes that are the defaults, on two cores with the sandbox beside the client.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.plan import BURST, PAGES, RATES

Row = Mapping[str, Any]
# By the name of the measure.
Rows = Mapping[str, Row]

# Requests of a pull of deals beside its full pages. Bitrix24: the first id and the last, and of
# each of 8 shares a batch that is not full. HubSpot: what the account and its properties are.
# Pipedrive: the archive, and a page that is not full. Salesforce: a token, the fields, the
# campaigns' names, and the leads of the last page.
ENDS = {"bitrix24": 10, "hubspot": 2, "pipedrive": 2, "salesforce": 4}


@dataclass(frozen=True)
class Target:
    """`figure` of a measure is to be at least, or at most, `bound`; both may come from other
    measures, those that it `needs`. A figure that is None says nothing. `source` is what it is a
    figure of."""

    measure: str
    words: str
    figure: Callable[[Rows], float | None]
    bound: Callable[[Rows], float]
    at_least: bool
    source: str
    needs: Sequence[str] = ()
    stretch: float | None = None


@dataclass(frozen=True)
class Verdict:
    target: Target
    figure: float
    bound: float

    @property
    def met(self) -> bool:
        return self._reaches(self.bound)

    @property
    def words(self) -> str:
        stretch = self.target.stretch
        if stretch is None:
            return "met" if self.met else "MISSED"
        aim = "the aim beyond it too" if self._reaches(stretch) else f"not {stretch:,.0f}"
        return f"met, {aim}" if self.met else "MISSED"

    def _reaches(self, bound: float) -> bool:
        return self.figure >= bound if self.target.at_least else self.figure <= bound


def judged(rows: Rows, targets: Sequence[Target] | None = None) -> list[Verdict]:
    """Of those whose measures were made."""
    verdicts = []
    for target in TARGETS if targets is None else targets:
        if {target.measure, *target.needs} <= set(rows):
            figure = target.figure(rows)
            if figure is not None:
                verdicts.append(Verdict(target, figure, target.bound(rows)))
    return verdicts


def requests_per_1000(tool: str, records: float) -> float:
    """The documented minimum: full pages, and what a pull needs however few they are."""
    return (math.ceil(records / PAGES[tool]) + ENDS[tool]) * 1000 / records


def _own(measure: str, column: str) -> Callable[[Rows], float | None]:
    def figure(rows: Rows) -> float | None:
        found: float | None = rows[measure][column]
        return found

    return figure


def _part(measure: str, other: str, column: str) -> Callable[[Rows], float | None]:
    return lambda rows: rows[measure][column] / rows[other][column]


def _always(bound: float) -> Callable[[Rows], float]:
    return lambda _rows: bound


def _asked_in_time(rows: Rows) -> float:
    return 1.05 * (float(rows["limit bitrix24"]["requests"]) - BURST) / RATES["bitrix24"]


def _per(measure: str, column: str, many: int) -> Callable[[Rows], float | None]:
    return lambda rows: rows[measure][column] * many / rows[measure]["records"]


def _of_tool(tool: str) -> list[Target]:
    measure, limit = f"pull {tool}", f"limit {tool}"
    asked = Target(
        measure,
        "requests per 1,000 records",
        _per(measure, "requests", 1000),
        lambda rows: requests_per_1000(tool, rows[measure]["records"]),
        at_least=False,
        source=TOOLS,
    )
    used = Target(
        limit, "of the published limit", _own(limit, "share"), _always(0.95), True, source=TOOLS
    )
    refused = Target(
        limit, "refusals", _own(limit, "refused"), _always(0), at_least=False, source=TOOLS
    )
    if tool == "bitrix24":
        return [asked, used]
    worked = Target(
        measure,
        "of Bitrix24's CPU seconds a record",
        lambda rows: _cpu(rows[measure]) / _cpu(rows["pull bitrix24"]),
        _always(2.5),
        at_least=False,
        source=TOOLS,
        needs=["pull bitrix24"],
    )
    return [worked, asked, used, refused]


def _cpu(row: Row) -> float:
    return float(row["cpu_seconds"] / row["records"])


# The figures of a sync that can be trusted, and those that hold for each tool.
SPEED, TOOLS = "the sync", "each tool"
PULL, LONG = "pull bitrix24", "limit bitrix24"
TARGETS: Sequence[Target] = (
    Target(
        PULL,
        "of the ceiling",
        _part(PULL, "ceiling", "per_second"),
        _always(0.60),
        at_least=True,
        source=SPEED,
        needs=["ceiling"],
    ),
    Target(
        PULL,
        "records/s into SQLite",
        _own(PULL, "per_second"),
        _always(18_000),
        at_least=True,
        source=SPEED,
        stretch=28_000,
    ),
    Target(PULL, "MB at its peak", _own(PULL, "peak_mb"), _always(200), False, source=SPEED),
    Target(
        "pull postgresql",
        "records/s into PostgreSQL",
        _own("pull postgresql", "per_second"),
        _always(12_000),
        at_least=True,
        source=SPEED,
        stretch=18_000,
    ),
    Target(
        "pull 50 ms",
        "of the records/s at 0 ms",
        _part("pull 50 ms", PULL, "per_second"),
        _always(0.80),
        at_least=True,
        source=SPEED,
        needs=[PULL],
    ),
    Target(
        "no change",
        "seconds from the start of the run",
        _own("no change", "seconds"),
        _always(1.0),
        at_least=False,
        source=SPEED,
    ),
    Target("no change", "requests", _own("no change", "requests"), _always(5), False, source=SPEED),
    Target(
        "push",
        "requests a task",
        _per("push", "requests", 1),
        _always(1.1),
        at_least=False,
        source=SPEED,
    ),
    Target("push", "refusals", _own("push", "refused"), _always(0), False, source=SPEED),
    Target(
        LONG,
        "seconds, for 1.05 × (requests - 50) / 2",
        _own(LONG, "seconds"),
        _asked_in_time,
        at_least=False,
        source=SPEED,
    ),
    Target(LONG, "refusals", _own(LONG, "refused"), _always(0), False, source=SPEED),
    Target(LONG, "MB at its peak", _own(LONG, "peak_mb"), _always(200), False, source=SPEED),
    Target(
        LONG,
        "of the peak of the shorter pull",
        _part(LONG, PULL, "peak_mb"),
        _always(1.15),
        at_least=False,
        source=SPEED,
        needs=[PULL],
    ),
    *(target for tool in PAGES for target in _of_tool(tool)),
)
