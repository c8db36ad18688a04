"""Rows of one entity: seeded ones made on demand, under an overlay of edits and new rows."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.filters import Condition, Filter
from connectors.bitrix24.portal.generated import TIME, Generated

PAGE = 50
Show = Callable[[Row, tuple[str, ...]], Row]
UNBOUNDED = (0, 1 << 62)


class Table:
    """Native rows by id. `id_name` is `id` or `ID`; `show` renders a stored row for an answer.

    New ids are above all seeded ones.
    """

    def __init__(
        self,
        id_name: str,
        show: Show,
        seeded: Generated | None = None,
        rows: Iterable[Row] = (),
        hidden: Iterable[int] = (),
        first_id: int = 1,
    ) -> None:
        self.id_name = id_name
        self._show = show
        self._seeded = seeded
        self._stored: dict[int, Row] = {row[id_name]: row for row in rows}
        self._added = sorted(self._stored)
        self._seeded_ids: Sequence[int] = seeded.ids if seeded else ()
        self._both: tuple[Sequence[int], list[int]] = (self._seeded_ids, self._added)
        self._hidden = set(hidden) | (seeded.hidden if seeded else frozenset())
        self._gone: set[int] = set()
        last = self._seeded_ids[len(self._seeded_ids) - 1] if self._seeded_ids else 0
        self._last = max([last, first_id - 1, *self._added])

    def next_id(self) -> int:
        self._last += 1
        return self._last

    def get(self, row_id: int) -> Row | None:
        """The native row, hidden or not. A copy for seeded rows: save changes with `put`."""
        if row_id in self._gone:
            return None
        if row_id in self._stored:
            return self._stored[row_id]
        position = self._seeded.position(row_id) if self._seeded else None
        return None if position is None or self._seeded is None else self._seeded.row(position)

    def is_hidden(self, row_id: int) -> bool:
        return row_id in self._hidden

    def add_column(self, name: str, value: object) -> None:
        """Give all stored rows a field they did not have."""
        for row in self._stored.values():
            row.setdefault(name, value)

    def hide(self, row_id: int, hidden: bool) -> None:
        if hidden:
            self._hidden.add(row_id)
        else:
            self._hidden.discard(row_id)

    def put(self, row: Row) -> None:
        row_id = row[self.id_name]
        known = self.get(row_id) is not None
        self._stored[row_id] = row
        if not known:
            insort(self._added, row_id)

    def remove(self, row_id: int) -> None:
        self._stored.pop(row_id, None)
        at = bisect_left(self._added, row_id)
        if at < len(self._added) and self._added[at] == row_id:
            del self._added[at]
        self._gone.add(row_id)

    def bring_back(self, row: Row) -> None:
        """What `remove` took away."""
        self._gone.discard(row[self.id_name])
        self.put(row)

    def ids(
        self, low: int = UNBOUNDED[0], high: int = UNBOUNDED[1], descending: bool = False
    ) -> Iterator[int]:
        """Readable ids from low to high inclusive."""
        parts = [self._readable(ids, low, high, descending) for ids in self._both]
        return chain.from_iterable(reversed(parts) if descending else parts)

    def _readable(self, ids: Sequence[int], low: int, high: int, descending: bool) -> Iterator[int]:
        hidden, gone = self._hidden, self._gone
        span = range(bisect_left(ids, low), bisect_right(ids, high))
        for position in reversed(span) if descending else span:
            row_id = ids[position]
            if row_id not in hidden and row_id not in gone:
                yield row_id

    def count(self, low: int, high: int) -> int:
        """How many readable rows have ids from low to high, without looking at each."""
        found = 0
        for ids in self._both:
            found += bisect_right(ids, high) - bisect_left(ids, low)
        aside = self._hidden | {row_id for row_id in self._gone if self._was_seeded(row_id)}
        return found - sum(low <= row_id <= high for row_id in aside)

    def stored_rows(self) -> list[Row]:
        """Rows that are not as the seed made them."""
        return list(self._stored.values())

    def rows(self) -> Iterator[Row]:
        for row_id in self.ids():
            row = self.get(row_id)
            if row is not None:
                yield row

    def matching(
        self, wanted: Filter, low: int, high: int, descending: bool = False
    ) -> Iterator[int]:
        """Readable ids in the range whose rows pass.

        Seeded rows are judged by shape and by column where that suffices, so that a filter over a
        million of them needs no million rows.
        """
        if not wanted.conditions and not wanted.groups:
            yield from self.ids(low, high, descending)
            return
        test = SeededTest(self._seeded, wanted) if self._seeded else None
        candidates: Iterable[int] = self.ids(low, high, descending)
        if test and test.never:
            candidates = self._stored_ids(low, high, descending)
        for row_id in candidates:
            if test is None or row_id in self._stored:
                row = self.get(row_id)
                if row is not None and wanted.holds(row):
                    yield row_id
            elif test.passes(row_id):
                yield row_id

    def _stored_ids(self, low: int, high: int, descending: bool) -> list[int]:
        stored = (row_id for row_id in self._stored if low <= row_id <= high)
        return sorted(
            (row_id for row_id in stored if row_id not in self._hidden), reverse=descending
        )

    def texts(self, ids: list[int], names: tuple[str, ...]) -> list[str]:
        """Each row as JSON."""
        seeded, stored = self._seeded, self._stored
        if seeded is None:
            return [self._stored_text(row_id, names) for row_id in ids]
        render = seeded.renderer(names).text
        seeded_ids, total = self._seeded_ids, len(self._seeded_ids)
        parts = []
        following = total
        for row_id in ids:
            if row_id in stored:
                parts.append(self._stored_text(row_id, names))
                continue
            # Rows of a page mostly follow each other: no search for each.
            position: int | None = following
            if following >= total or seeded_ids[following] != row_id:
                position = seeded.position(row_id)
            if position is not None:
                parts.append(render(position))
                following = position + 1
        return parts

    def _stored_text(self, row_id: int, names: tuple[str, ...]) -> str:
        return msgspec.json.encode(self._show(self._stored[row_id], names)).decode()

    def _was_seeded(self, row_id: int) -> bool:
        return self._seeded is not None and self._seeded.position(row_id) is not None


class SeededTest:
    """Whether seeded rows pass a filter, at the cost of the conditions that need the row."""

    def __init__(self, seeded: Generated, wanted: Filter) -> None:
        self._seeded = seeded
        self._columns: list[Condition] = []
        self._rest = wanted
        self._shapes: list[bool] | None = None
        self.never = False
        if wanted.either:
            return
        fixed, rest = [], []
        for condition in wanted.conditions:
            kind = seeded.live.get(condition.field)
            if kind is None:
                fixed.append(condition)
            elif kind == TIME:
                self._columns += self._bounded(condition)
            else:
                rest.append(condition)
        self._rest = Filter(tuple(rest), wanted.groups)
        if fixed:
            self._shapes = [all(c.holds(row) for c in fixed) for row in seeded.shapes]
            self.never = self.never or not any(self._shapes)

    def passes(self, row_id: int) -> bool:
        position = self._seeded.position(row_id)
        if position is None:
            return False
        if self._shapes is not None and not self._shapes[self._seeded.shape_of(position)]:
            return False
        for condition in self._columns:
            if not condition.holds_for(self._seeded.column(condition.field)[position]):
                return False
        if not self._rest.conditions and not self._rest.groups:
            return True
        return self._rest.holds(self._seeded.row(position))

    def _bounded(self, condition: Condition) -> list[Condition]:
        """Drops a condition that all rows or no rows meet."""
        bounds = self._seeded.time_bounds(condition.field)
        if bounds and condition.operator in {"gt", "ge", "lt", "le"}:
            both = [condition.holds_for(moment) for moment in bounds]
            if all(both):
                return []
            if not any(both):
                self.never = True
                return []
        return [condition]
