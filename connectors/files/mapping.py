"""Rows of a table to values of a stream's records. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.files.cells import (
    COMMA,
    DMY,
    MDY,
    POINT,
    BadCell,
    Cell,
    Kind,
    Value,
    is_blank,
    readings,
    shown,
    split_mark,
    value_of,
)
from connectors.files.headers import KEY, MEASURES, Table, tidy
from connectors.models import Group, Stream

GROUPS = {
    **dict.fromkeys(("treated", "treatment", "traite", "traites", "test"), Group.TREATED),
    **dict.fromkeys(("control", "temoin", "temoins", "controle"), Group.CONTROL),
}
TOTAL = re.compile(r"(grand |sub ?|sous )?(total|totals|totaux)( general| generaux)?")
KINDS = {"day": Kind.DAY, "spend": Kind.MONEY} | {
    field: Kind.COUNT for fields in MEASURES.values() for field in fields if field != "spend"
}
# The first is a part of the second. A form that was started the day before is sent on this one, so
# forms are left out.
PARTS = (("clicks", "impressions"), ("clicked", "delivered"))
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Conventions:
    """How the files write: what their settings allow, before a column has settled it."""

    currency: str = "EUR"
    decimals: Sequence[str] = (COMMA, POINT)
    day_orders: Sequence[str] = (DMY, MDY)

    def writings(self, kind: Kind) -> Sequence[str]:
        return self.day_orders if kind is Kind.DAY else self.decimals


class RowRefused(Exception):
    """Says where the row is, and of each bad cell what is wrong and what is expected."""


@dataclass(frozen=True)
class Figures:
    """A table read as one stream; `settled` holds the one writing that a field's column shows."""

    table: Table
    stream: Stream
    conventions: Conventions
    settled: Mapping[str, str]

    def rows(self) -> Iterator[tuple[int, tuple[Cell, ...]]]:
        """The rows that hold a figure of this stream, totals left out."""
        for number, cells in self.table.body():
            figures = (self.table.cell(cells, field) for field in MEASURES[self.stream])
            if not all(map(is_blank, figures)) and not self._is_total(cells):
                yield number, cells

    def id_of(self, cells: Sequence[Cell]) -> str | None:
        """`day|campaign|group`, None where one of them cannot be read."""
        try:
            return "|".join(str(self._value(field, cells)) for field in KEY)
        except BadCell:
            return None

    def given(self, cells: Sequence[Cell]) -> Sequence[bool]:
        """Which figures of the stream the row gives, readable or not, as `MEASURES` has them."""
        return [not is_blank(self.table.cell(cells, field)) for field in MEASURES[self.stream]]

    def values(
        self, number: int, cells: Sequence[Cell], measures: Sequence[str]
    ) -> dict[str, Value | str | None]:
        """The fields of the record with these figures of it, without its id. Raises RowRefused."""
        values: dict[str, Value | str | None] = {}
        problems = []
        currency = ("currency",) if "spend" in measures else ()
        for field in (*KEY, *currency, *measures):
            try:
                value = self._value(field, cells)
            except BadCell as bad:
                problems.append(f"{self.table.column(field)}: {bad}")
            else:
                values[field] = value
        for part, whole in PARTS:
            few, many = values.get(part), values.get(whole)
            if isinstance(few, int) and isinstance(many, int) and few > many:
                problems.append(
                    f"{self.table.column(part)}: {few} {part} of {many} {whole} cannot be; "
                    "correct one of the two"
                )
        width = len(self.table.headers)
        if self.table.sheet.name is None and not all(map(is_blank, cells[width:])):
            problems.append(
                f"column {width} is the last of the header, the row has {len(cells)}; "
                "put quotes around a value that holds the separator"
            )
        if problems:
            raise RowRefused(f"{self.place(number)}: {'; '.join(problems)}")
        return values

    def place(self, number: int) -> str:
        return f"{self.table.place}, row {number}"

    def raw(self, cells: Sequence[Cell]) -> str:
        """Mapped cells only: the others of the file are none of our business."""
        mapped = {field: self.table.cell(cells, field) for field in self.table.columns}
        return json.dumps(mapped, ensure_ascii=False, default=str)

    def _value(self, field: str, cells: Sequence[Cell]) -> Value | str | None:
        cell = self.table.cell(cells, field)
        if field == "campaign":
            return _campaign(cell)
        if field == "group":
            return _group(cell)
        if field == "currency":
            return None if is_blank(self.table.cell(cells, "spend")) else self._currency(cells)
        if field != "day" and is_blank(cell):
            return None
        if field == "spend":
            cell = self._in_currency(cell, cells)
        kind = KINDS[field]
        return value_of(kind, cell, self.conventions.writings(kind), self.settled.get(field))

    def _currency(self, cells: Sequence[Cell]) -> str:
        code = self._code(cells)
        if not CURRENCY.fullmatch(code):
            raise BadCell(f"{shown(code)} is not a currency; expected a code such as EUR")
        return code

    def _code(self, cells: Sequence[Cell]) -> str:
        cell = self.table.cell(cells, "currency")
        return self.conventions.currency if is_blank(cell) else str(cell).strip().upper()

    def _in_currency(self, cell: Cell, cells: Sequence[Cell]) -> Cell:
        amount, mark = split_mark(cell)
        code = self._code(cells)
        if mark not in (None, code, SYMBOLS.get(code)):
            raise BadCell(
                f"{shown(cell)} is not in {code}, the currency of the row; "
                "add a column currency, or correct the setting currency"
            )
        return amount

    def _is_total(self, cells: Sequence[Cell]) -> bool:
        return is_blank(self.table.cell(cells, "day")) and any(map(_says_total, cells))


def settle(table: Table, stream: Stream, conventions: Conventions) -> Figures:
    """Reads the table once to see which writing all texts of a column agree on."""
    kinds = {field: KINDS[field] for field in ("day", *MEASURES[stream])}
    left = {field: set(conventions.writings(kind)) for field, kind in kinds.items()}
    figures = Figures(table, stream, conventions, {})
    for _number, cells in figures.rows():
        for field, kind in kinds.items():
            cell = table.cell(cells, field)
            if field == "spend":
                cell, _mark = split_mark(cell)
            if found := readings(kind, cell, conventions.writings(kind)):
                left[field] &= found.keys()
    settled = {field: writings.pop() for field, writings in left.items() if len(writings) == 1}
    return replace(figures, settled=settled)


def _campaign(cell: Cell) -> str:
    name = " ".join(str(cell).split()) if isinstance(cell, str | int | float) else ""
    if is_blank(name) or not name.isprintable():
        raise BadCell(f"{shown(cell)} is not a campaign; expected its name or identifier")
    if _says_total(name):
        raise BadCell(
            f"{shown(cell)} is a total, not a campaign; delete the row, or leave its day empty"
        )
    return name


def _group(cell: Cell) -> Group:
    if is_blank(cell):
        return Group.TREATED
    group = GROUPS.get(tidy(cell))
    if group is None:
        raise BadCell(f"{shown(cell)} is not a group; expected treated or control")
    return group


def _says_total(cell: Cell) -> bool:
    return isinstance(cell, str) and TOTAL.fullmatch(tidy(cell)) is not None
