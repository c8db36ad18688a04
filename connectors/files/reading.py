"""The content of a file to sheets, a sheet to rows of cells: CSV and XLSX."""

import codecs
import csv
import io
import lzma
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpyxl import Workbook

from connectors.files.cells import Cell, Uncached
from connectors.files.folder import OTHER_TABLES, SAVE_AS_XLSX, TEXT, FileRefused

LARGEST_UNPACKED = 200 * 2**20
DELIMITERS = (";", ",", "\t")
HEADER_WITHIN = 10

# What a broken or hostile workbook makes the zip, XML and spreadsheet readers raise.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    SyntaxError,  # XML that is not well-formed, whichever parser openpyxl found
    ArithmeticError,
    AttributeError,
    AssertionError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Sheet:
    """`rows` starts at row 1 at each call. A CSV file is one sheet without a name."""

    name: str | None
    rows: Callable[[], Iterator[tuple[Cell, ...]]]

    def top(self) -> Sequence[tuple[Cell, ...]]:
        return list(islice(self.rows(), HEADER_WITHIN))


def sheets_of(
    name: str, content: bytes, encoding: str, score: Callable[[Sequence[Cell]], int]
) -> Sequence[Sheet]:
    """The visible sheets of a file; `score` counts the known headers in a row.

    Raises FileRefused, here or while the rows are read.
    """
    suffix = Path(name).suffix.lower()
    if suffix in OTHER_TABLES:
        raise FileRefused(f"{name}: is {OTHER_TABLES[suffix]}")
    if suffix in TEXT:
        return [_csv_sheet(name, content, encoding, score)]
    return _excel_sheets(name, content)


def _csv_sheet(
    name: str, content: bytes, encoding: str, score: Callable[[Sequence[Cell]], int]
) -> Sheet:
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        line = content[: getattr(error, "start", 0)].count(b"\n") + 1
        raise FileRefused(
            f"{name}, row {line}: the text is not {encoding}; set encoding to "
            f'"{_likely_encoding(content, encoding)}", or save the file as "CSV UTF-8"'
        ) from error

    def sheet(delimiter: str) -> Sheet:
        def rows() -> Iterator[tuple[Cell, ...]]:
            # Strict: a quote that is never closed would swallow the rest of the file.
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            try:
                for row in reader:
                    yield tuple(row)
            except csv.Error as error:
                raise FileRefused(
                    f"{name}, line {reader.line_num}: the quotes do not match ({error}); "
                    "save the file again as CSV from the program it comes from"
                ) from error

        return Sheet(None, rows)

    def fitness(sheet: Sheet) -> tuple[int, int]:
        top: list[tuple[Cell, ...]] = []
        # A broken quote is reported when the rows are read; the header may well stand above it.
        with suppress(FileRefused):
            top.extend(islice(sheet.rows(), HEADER_WITHIN))
        return max(map(score, top), default=0), max(map(len, top), default=0)

    return max((sheet(delimiter) for delimiter in DELIMITERS), key=fitness)


def _likely_encoding(content: bytes, refused: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "cp1252" if codecs.lookup(refused).name.startswith("utf-8") else "utf-8-sig"


def _excel_sheets(name: str, content: bytes) -> Sequence[Sheet]:
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileRefused(
            f"{name}: is protected by a password or in the old Excel format; "
            "remove the password and save it as .xlsx"
        )
    # Not at the top: every process would pay for it, and few ever read a workbook.
    from openpyxl import load_workbook

    # openpyxl warns of charts, validations and styles that it drops; only values are read here.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if any(member.filename.lower().endswith("vbaproject.bin") for member in members):
                raise FileRefused(f"{name}: is {OTHER_TABLES['.xlsm']}")
            if sum(member.file_size for member in members) > LARGEST_UNPACKED:
                raise FileRefused(f"{name}: is too large when unpacked; split it by period")
            has_formulas = any(
                re.search(rb"<(?:\w+:)?f[\s/>]", archive.read(member))
                for member in members
                if member.filename.startswith("xl/worksheets/")
            )
        values = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        formulas = load_workbook(io.BytesIO(content), read_only=True) if has_formulas else None
        return [
            _excel_sheet(name, values, formulas, index)
            for index, sheet in enumerate(values.worksheets)
            if sheet.sheet_state == "visible"
        ]
    except UNREADABLE as error:
        raise FileRefused(f"{name}: is not a readable Excel workbook; {SAVE_AS_XLSX}") from error


def _excel_sheet(name: str, values: "Workbook", formulas: "Workbook | None", index: int) -> Sheet:
    title = values.worksheets[index].title

    def rows() -> Iterator[tuple[Cell, ...]]:
        try:
            stored = _cells(values, index)
            if formulas is None:
                yield from stored
                return
            for row, written in zip(stored, _cells(formulas, index), strict=True):
                yield tuple(
                    Uncached() if cell is None and isinstance(source, Uncached) else cell
                    for cell, source in zip(row, written, strict=True)
                )
        except UNREADABLE as error:
            raise FileRefused(f'{name}, sheet "{title}": cannot be read; {SAVE_AS_XLSX}') from error

    return Sheet(title, rows)


def _cells(book: "Workbook", index: int) -> Iterator[tuple[Cell, ...]]:
    """Formulas, in a book that was opened for them, come as Uncached."""
    sheet = book.worksheets[index]
    # Some programs write a wrong extent, which would cut the sheet.
    sheet.reset_dimensions()
    for row in sheet.iter_rows():
        yield tuple(_cell(cell.value, str(cell.data_type)) for cell in row)


def _cell(value: object, data_type: str) -> Cell:
    if data_type == "f":
        return Uncached()
    if value is None:
        # A formula that stored an empty text has a result: nothing.
        return "" if data_type == "str" else None
    if isinstance(value, str | int | float | date | time | timedelta):
        return value
    return str(value)
