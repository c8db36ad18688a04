"""Tables as the files that people drop into a folder: French CSV and Excel workbooks."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from openpyxl import Workbook

Cell = str | int | Decimal | date | None
NO_BREAK_SPACE = "\u00a0"
AMOUNT_FORMAT = "#,##0.00"
DAY_FORMAT = "dd/mm/yyyy"


@dataclass(frozen=True)
class Sheet:
    """`title` and `totals` are put around the table in a workbook, as people do."""

    name: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str | None = None
    totals: Sequence[Cell] | None = None


def csv_bytes(sheet: Sheet) -> bytes:
    """With semicolons, `1 234,56` and the mark by which Excel knows UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(sheet.headers)
    writer.writerows([_french(cell) for cell in row] for row in sheet.rows)
    return text.getvalue().encode("utf-8-sig")


def xlsx_bytes(sheet: Sheet) -> bytes:
    book = Workbook()
    table = book.worksheets[0]
    table.title = sheet.name
    if sheet.title:
        table.append([sheet.title])
        table.append([])
    table.append(list(sheet.headers))
    for row in [*sheet.rows, *([sheet.totals] if sheet.totals else [])]:
        table.append([float(cell) if isinstance(cell, Decimal) else cell for cell in row])
        for cell in table[table.max_row]:
            if isinstance(cell.value, date):
                cell.number_format = DAY_FORMAT
            elif isinstance(cell.value, float):
                cell.number_format = AMOUNT_FORMAT
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def put_file(path: Path, content: bytes, saved_at: datetime) -> None:
    """The file in one piece, as last saved at that moment."""
    # A dot in front: who reads the folder meanwhile passes over an unfinished file.
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    os.utime(unfinished, (saved_at.timestamp(), saved_at.timestamp()))
    unfinished.replace(path)


def _french(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:,.2f}".replace(",", NO_BREAK_SPACE).replace(".", ",")
    return "" if cell is None else str(cell)
