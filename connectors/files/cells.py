"""A cell to a value: days, counts and amounts, in French and in English writing.

A text is read in every writing that is allowed: comma or point before the decimals, day or month
first. The texts of a column settle its writing together; a text that still has two readings is
refused, never guessed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

COMMA, POINT = "comma", "point"
DMY, MDY, ISO = "dmy", "mdy", "iso"

# A count has a 32-bit column; an amount is kept in ten-thousandths in a 64-bit one.
LARGEST_COUNT = 2**31 - 1
LARGEST_AMOUNT = Decimal(10) ** 14
SMALLEST_UNIT = Decimal("0.0001")
CENT = Decimal("0.01")
YEARS = range(1990, 2101)
LONGEST = 40

NO_VALUE = frozenset({"", "-", "--", "–", "—"})
SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
MARKED = re.compile(
    r"(?P<before>[€$£]|[A-Z]{3})?\s*(?P<amount>[-\u2212]?[0-9].*?)\s*(?P<after>[€$£]|[A-Z]{3})?"
)
YEAR_FIRST = re.compile(
    r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})(?:[T ]00:00(?::00)?(?:\.0+)?)?", re.ASCII
)
YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")


@dataclass(frozen=True)
class Uncached:
    """A formula whose result the program that wrote the file did not store."""


Cell = str | bool | int | float | Decimal | date | datetime | time | timedelta | Uncached | None
Value = date | int | Decimal


class Kind(StrEnum):
    DAY = "day"
    COUNT = "count"
    MONEY = "money"


EXPECTED = {
    Kind.DAY: "a day; expected 2026-09-30 (or 30/09/2026 where date_format allows it)",
    Kind.COUNT: "a count; expected a whole number from 0 up, such as 1234",
    Kind.MONEY: "an amount; expected a number such as 1234.56 or 1 234,56",
}
SETTLED_BY = {
    Kind.DAY: 'write it as 2026-09-30, or set date_format to "dmy" or "mdy"',
    Kind.COUNT: 'write it without separators, or set decimal to "comma" or "point"',
    Kind.MONEY: 'write it without separators, or set decimal to "comma" or "point"',
}


class BadCell(Exception):
    """Says what is wrong with a cell and what is expected."""


def is_blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip() in NO_VALUE)


def shown(cell: Cell) -> str:
    if is_blank(cell):
        return "an empty cell"
    text = str(cell)
    return f'"{text if len(text) <= LONGEST else text[:LONGEST] + "…"}"'


def readings(kind: Kind, cell: Cell, writings: Sequence[str]) -> Mapping[str, Value]:
    """What the cell says in each of the writings; a typed cell says the same in all."""
    if isinstance(cell, str):
        text = SPACES.sub(" ", cell).strip()
        found = {writing: _from_text(kind, text, writing) for writing in writings}
    else:
        found = dict.fromkeys(writings, _from_typed(kind, cell))
    return {writing: value for writing, value in found.items() if value is not None}


def value_of(kind: Kind, cell: Cell, writings: Sequence[str], settled: str | None) -> Value:
    """The value in the settled writing of its column, else the only one it can have.

    Raises BadCell.
    """
    if isinstance(cell, Uncached):
        raise BadCell("a formula without a stored result; open the file in Excel and save it")
    found = readings(kind, cell, writings)
    if settled is not None and settled in found:
        return found[settled]
    values = sorted(set(found.values()))
    if len(values) == 1:
        return values[0]
    if values:
        both = " or ".join(str(value) for value in values)
        raise BadCell(f"{shown(cell)} can be read as {both}; {SETTLED_BY[kind]}")
    raise BadCell(f"{shown(cell)} is not {EXPECTED[kind]}")


def split_mark(cell: Cell) -> tuple[Cell, str | None]:
    """`1 234,56 €` as its number and its currency mark."""
    parts = MARKED.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if parts is None:
        return cell, None
    return parts["amount"], parts["before"] or parts["after"]


def _from_text(kind: Kind, text: str, writing: str) -> Value | None:
    if len(text) > LONGEST:
        return None
    if kind is Kind.DAY:
        return _day(text, writing)
    return _figure(kind, _number(text, writing))


def _from_typed(kind: Kind, cell: Cell) -> Value | None:
    if isinstance(cell, bool):
        return None
    if kind is Kind.DAY:
        if isinstance(cell, datetime):
            return _plausible(cell.date()) if cell.time() == time() else None
        return _day(str(cell), ISO) if isinstance(cell, int) else None
    if isinstance(cell, int | float):
        # Excel keeps and shows 15 digits; the rest is noise of the binary form.
        return _figure(kind, Decimal(f"{cell:.15g}"))
    return None


def _figure(kind: Kind, number: Decimal | None) -> int | Decimal | None:
    if number is None or not number.is_finite():
        return None
    if kind is Kind.COUNT:
        whole = number == number.to_integral_value() and 0 <= number <= LARGEST_COUNT
        return int(number) if whole else None
    if abs(number) >= LARGEST_AMOUNT:
        return None
    kept = number.quantize(SMALLEST_UNIT) + 0
    # One form per amount, whatever file it comes from: a re-read must not look like a change.
    return kept.quantize(CENT) if kept == kept.quantize(CENT) else kept.normalize()


def _number(text: str, writing: str) -> Decimal | None:
    """Groups of three, all by the same sign: a space, an apostrophe or the other separator."""
    mark, group = (",", ".") if writing == COMMA else (".", ",")
    plain = text.replace("\u2212", "-").replace("’", "'")
    parts = re.fullmatch(
        rf"(-?)([0-9]+|[1-9][0-9]{{0,2}}([ '{group}])[0-9]{{3}}(?:\3[0-9]{{3}})*)"
        rf"(?:[{mark}]([0-9]+))?",
        plain,
    )
    if parts is None:
        return None
    whole = re.sub(r"[^0-9]", "", parts[2])
    return Decimal(f"{parts[1]}{whole}.{parts[4] or 0}")


def _day(text: str, writing: str) -> date | None:
    if parts := YEAR_FIRST.fullmatch(text):
        return _date(parts[1], parts[3], parts[4])
    parts = YEAR_LAST.fullmatch(text)
    if parts is None or writing == ISO:
        return None
    day, month = (parts[1], parts[3]) if writing == DMY else (parts[3], parts[1])
    return _date(parts[4], month, day)


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return _plausible(date(int(year), int(month), int(day)))
    except ValueError:
        return None


def _plausible(day: date) -> date | None:
    return day if day.year in YEARS else None
