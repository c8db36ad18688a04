"""Rows made on demand from a seed: nothing is held but an id, a shape and 64 random bits a row.

A *shape* fixes the fields that do not depend on the row; the *live* fields are computed from the
row's bits. Rendering a page is one template per shape filled with the live values.
"""

import json
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from random import Random
from typing import Any, overload

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.zone import PortalZone

HOLES = 0.05
# Seeded rows end at a fixed moment, so that a seed means the same rows on every day.
UNTIL = 1793491200  # 2026-11-01T00:00Z
SINCE = UNTIL - 540 * 86400
Value = Any
Literal = Callable[[Value], str]

# Kinds of live fields. A tail completes the text that the shape holds: "Deal " and 1201; digits
# are a whole number that the API shows as text; plain ones are written as JSON by `str`: numbers
# and lists of numbers.
PLAIN, DIGITS, TAIL = "plain", "digits", "tail"
TIME, MAYBE_TIME, MAYBE = "time", "maybe time", "maybe"


class Generated(ABC):
    """Rows of one entity. A position counts all rows, hidden ones too, in the order of ids."""

    ids: Sequence[int]
    shapes: Sequence[Row]
    live: dict[str, str]
    hidden: frozenset[int] = frozenset()

    def __init__(self, zone: PortalZone) -> None:
        self.zone = zone
        self._columns: dict[str, array[int]] = {}
        self.renderer = lru_cache(maxsize=16)(self._make_renderer)

    @abstractmethod
    def shape_of(self, position: int) -> int: ...

    @abstractmethod
    def values(self, position: int) -> tuple[Value, ...]:
        """Live values in the order of `live`; a tail as anything that `str` turns into text."""

    def time_bounds(self, name: str) -> tuple[int, int] | None:
        """Between which moments a live time of every row lies; None for other fields."""
        return (SINCE, UNTIL) if self.live.get(name) == TIME else None

    def position(self, row_id: int) -> int | None:
        at = bisect_left(self.ids, row_id)
        return at if at < len(self.ids) and self.ids[at] == row_id else None

    def row(self, position: int) -> Row:
        row = dict(self.shapes[self.shape_of(position)])
        for (name, kind), value in zip(self.live.items(), self.values(position), strict=True):
            row[name] = f"{row[name]}{value}" if kind == TAIL else value
        return row

    def column(self, name: str) -> "array[int]":
        """One live time field of all rows, made on first use."""
        if name not in self._columns:
            index = list(self.live).index(name)
            self._columns[name] = array(
                "q", (self.values(position)[index] for position in range(len(self.ids)))
            )
        return self._columns[name]

    def _make_renderer(self, names: tuple[str, ...]) -> "Renderer":
        return Renderer(self, names)


class Renderer:
    """JSON texts of rows for one choice of fields."""

    def __init__(self, source: Generated, names: tuple[str, ...]) -> None:
        self._source = source
        self._names = names
        live = list(source.live)
        chosen = [live.index(name) for name in names if name in source.live]
        self._pick = itemgetter(*chosen) if len(chosen) > 1 else _picker(chosen)
        kinds = {index: source.live[live[index]] for index in chosen}
        self._times = [index for index, kind in kinds.items() if kind == TIME]
        zone = source.zone
        literals: dict[str, Literal] = {MAYBE: _or_null, MAYBE_TIME: zone.literal_or_null}
        self._literals = [(i, literals[kind]) for i, kind in kinds.items() if kind in literals]
        self._templates: dict[int, str] = {}

    def text(self, position: int) -> str:
        source = self._source
        shape = source.shape_of(position)
        template = self._templates.get(shape)
        if template is None:
            template = self._templates[shape] = self._template(shape)
        values = list(source.values(position))
        source.zone.fill(values, self._times)
        for index, literal in self._literals:
            values[index] = literal(values[index])
        return template % self._pick(values)

    def _template(self, shape: int) -> str:
        fixed = self._source.shapes[shape]
        parts = []
        for name in self._names:
            kind = self._source.live.get(name)
            if kind is None:
                parts.append(f'"{name}":{_fixed(fixed[name])}')
            elif kind == TAIL:
                parts.append(f'"{name}":{_fixed(fixed[name])[:-1]}%s"')
            else:
                parts.append(f'"{name}":"%s"' if kind in QUOTED else f'"{name}":%s')
        return "{" + ",".join(parts) + "}"


QUOTED = frozenset({TIME, DIGITS})


def _picker(chosen: list[int]) -> Callable[[Sequence[Value]], tuple[Value, ...]]:
    return lambda values: tuple(values[index] for index in chosen)


def _or_null(value: Value) -> str:
    return "null" if value is None else str(value)


def _fixed(value: Value) -> str:
    """JSON with `\\u` escapes, as PHP writes it: plain ASCII also fills in twice as fast."""
    return json.dumps(value).replace("%", "%%")


class HoledRange(Sequence[int]):
    """Ascending ids with every twentieth missing, held as two numbers."""

    def __init__(self, first: int, count: int) -> None:
        self._first = first
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._first + index + index // 19


def holed_ids(count: int, first: int, random: Random) -> "array[int]":
    """Ascending ids with about 5 % missing."""
    ids: array[int] = array("q")
    chance = random.random
    number = first
    for _ in range(count):
        while chance() < HOLES:
            number += 1
        ids.append(number)
        number += 1
    return ids


def random_words(count: int, random: Random) -> "array[int]":
    """64 random bits a row."""
    return array("Q", random.randbytes(8 * count))
