"""A seeded plan of faults: which request goes wrong, and how.

JSON: a list of `{"on": {...}, "do": "...", ...}`. `on` takes `method` (any when left out) and one
of `nth` (only that occurrence, counted from 1), `every` (each n-th) or `probability`; with none of
them every occurrence. `"nested": true` looks at the commands inside a batch instead of requests.

503, 429        refused, not applied: the tool's own limit errors
pause           a proxy's 429 with a `Retry-After` of `seconds` (default 1), not applied
500             the tool's own error
html            an HTML page with status 502
wrong_json      status 200 and JSON that says nothing
timeout_before  a connection dropped without an answer, not applied
timeout_after   a connection dropped without an answer, applied
cut             half an answer, applied
crash_after     applied and dropped, then HTML 502 to all for `seconds` (default 1)
slow            a right answer after `seconds` (default 1)
expired_token   the tool's own refusal of a token
rename          the tool's redirect to `host`
error           the tool's error with `code` and `description`, also for nested commands

500, html and wrong_json are not applied, or applied with `"applied": true`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

KINDS = frozenset(
    [
        "503",
        "429",
        "pause",
        "500",
        "html",
        "wrong_json",
        "timeout_before",
        "timeout_after",
        "cut",
        "crash_after",
        "slow",
        "expired_token",
        "rename",
        "error",
    ]
)


@dataclass(frozen=True)
class Fault:
    do: str
    method: str | None = None
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    nested: bool = False
    applied: bool = False
    seconds: float = 1.0
    host: str = ""
    code: str = "INTERNAL_SERVER_ERROR"
    description: str = "Internal server error"

    @property
    def after(self) -> bool:
        """Whether the request takes effect before it goes wrong."""
        return self.applied or self.do in {"timeout_after", "cut", "crash_after", "slow"}


def parse_fault(entry: dict[str, Any]) -> Fault:
    """Raises ValueError on an unknown kind or key, so that a misspelt plan is not a quiet one."""
    fields = {**entry, **entry.get("on", {})}
    fields.pop("on", None)
    fields["do"] = str(fields.get("do"))
    if fields["do"] not in KINDS:
        raise ValueError(f"unknown fault {fields['do']!r}, known: {', '.join(sorted(KINDS))}")
    if fields.get("method"):
        fields["method"] = str(fields["method"]).lower()
    try:
        return Fault(**fields)
    except TypeError as error:
        raise ValueError(f"unknown key in a fault: {error}") from error


class FaultPlan:
    def __init__(self, entries: Sequence[dict[str, Any]], seed: int) -> None:
        self._faults = [parse_fault(entry) for entry in entries]
        self._random = Random(seed)  # noqa: S311 - repeatable faults are the point
        self._counts: Counter[int] = Counter()

    def pick(self, method: str, nested: bool = False) -> Fault | None:
        """The fault that meets this request, the first in the plan's order. Counts it for all."""
        picked = None
        for index, fault in enumerate(self._faults):
            if fault.nested != nested or (fault.method or method) != method:
                continue
            self._counts[index] += 1
            if self._due(fault, self._counts[index]) and picked is None:
                picked = fault
        return picked

    def _due(self, fault: Fault, occurrence: int) -> bool:
        if fault.nth is not None:
            return occurrence == fault.nth
        if fault.every is not None:
            return occurrence % fault.every == 0
        if fault.probability is not None:
            return self._random.random() < fault.probability
        return True
