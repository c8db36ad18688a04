import io
import zipfile
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.chart import BarChart
from openpyxl.worksheet.datavalidation import DataValidation

from connectors.files.folder import FileRefused
from connectors.files.reading import sheets_of
from connectors.models import Stream
from tests.connectors.files.conftest import Desk

HEADER = ["Jour", "Campagne", "Impressions", "Dépenses"]
GOOD = ["2026-09-01", "C", 5, "1,50"]


def rewrite(path: Path, member: str, old: str, new: str) -> None:
    """Changes a part of a workbook the way another program would have written it."""
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    # An empty element as one writer of XML ends it and as another does.
    content = parts[member].replace(b"<v/>", b"<v />").replace(b"<v></v>", b"<v />")
    assert old.encode() in content
    parts[member] = content.replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_excel_cells_keep_their_types(desk: Desk) -> None:
    desk.xlsx(
        "ads.xlsx",
        HEADER,
        [datetime(2026, 9, 1), "C", 50000, 6000.1],  # noqa: DTZ001  # Excel knows no time zones
        [date(2026, 9, 2), 4711, "2 100", "1 234,56"],
    )
    first, second = desk.records()
    assert (first.id, first.impressions, str(first.spend)) == (
        "2026-09-01|C|treated", 50000, "6000.10")  # fmt: skip
    assert (second.campaign, second.impressions, str(second.spend)) == ("4711", 2100, "1234.56")


def test_the_header_is_found_under_titles_and_trailing_empty_rows_are_no_rows(desk: Desk) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet["A1"] = "Campagne"
    sheet.merge_cells("A1:D1")
    sheet["A3"] = "septembre"
    for column, header in enumerate(HEADER, 1):
        sheet.cell(row=5, column=column, value=header)
        sheet.cell(row=6, column=column, value=str(GOOD[column - 1]))
        sheet.cell(row=400, column=column, value="")
    sheet["C8"] = "abc"
    sheet["A8"], sheet["B8"] = "2026-09-02", "C"
    book.save(desk.folder / "ads.xlsx")
    assert len(desk.records()) == 1
    assert 'ads.xlsx, sheet "Sheet", row 8: column C "Impressions": "abc" is not' in desk.reason()


def test_hidden_sheets_and_sheets_of_notes_are_passed_over(desk: Desk) -> None:
    book = Workbook()
    book.worksheets[0].append(HEADER)
    book.worksheets[0].append(GOOD)
    hidden = book.create_sheet("Ancien")
    hidden.sheet_state = "hidden"
    hidden.append(HEADER)
    hidden.append(["2026-09-02", "C", 5, ""])
    book.create_sheet("Notes").append(["lu par Léa"])
    book.create_sheet("Vide")
    book.create_chartsheet("Courbe").add_chart(BarChart())
    book.save(desk.folder / "ads.xlsx")
    assert [ads.day for ads in desk.records()] == [date(2026, 9, 1)]
    assert desk.refused() == []


def test_a_formula_gives_its_stored_value_and_is_named_where_it_has_none(desk: Desk) -> None:
    formulas = ("=2+3", "=2+4", '=IF(1,"",2)')
    rows = [[f"2026-09-0{n}", "C", formula, 1] for n, formula in enumerate(formulas, 1)]
    path = desk.xlsx("ads.xlsx", HEADER, *rows)
    sheet = "xl/worksheets/sheet1.xml"
    rewrite(path, sheet, "<f>2+3</f><v />", "<f>2+3</f><v>5</v>")
    rewrite(path, sheet, '<c r="C4"><f>', '<c r="C4" t="str"><f>')
    first, third = desk.records()
    assert (first.impressions, third.impressions) == (5, None)
    assert desk.reason() == (
        'ads.xlsx, sheet "Septembre", row 3: column C "Impressions": a formula without a stored '
        "result; open the file in Excel and save it"
    )


def test_a_wrong_extent_written_by_another_program_does_not_cut_the_sheet(desk: Desk) -> None:
    path = desk.xlsx("ads.xlsx", HEADER, GOOD)
    rewrite(path, "xl/worksheets/sheet1.xml", '<dimension ref="A1:D2"', '<dimension ref="A1"')
    assert len(desk.records()) == 1


def test_what_openpyxl_does_not_keep_does_not_disturb(desk: Desk) -> None:
    book = Workbook()
    book.worksheets[0].append(HEADER)
    book.worksheets[0].append(GOOD)
    book.worksheets[0].add_data_validation(DataValidation(type="whole", sqref="C2"))
    book.save(desk.folder / "ads.xlsx")
    extension = '<extLst><ext uri="{CCE6A557-97BC-4B89-ADB6-D9C93CAAB3DF}"/></extLst></worksheet>'
    rewrite(desk.folder / "ads.xlsx", "xl/worksheets/sheet1.xml", "</worksheet>", extension)
    assert len(desk.records()) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ads.xlsx", b"day,campaign\n", "is not a readable Excel workbook; open it in Excel"),
        ("ads.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "protected by a password"),
        ("ads.xls", b"\xd0\xcf\x11\xe0", "the old Excel format; open it in Excel and save it"),
        ("ads.xlsm", b"PK", "a workbook with macros, which is not opened"),
        ("ads.ods", b"PK", "an OpenDocument table; save it as .xlsx or .csv"),
        ("ads.csv", b"", "is empty; save it again with its header row"),
        ("ads.csv", b"\n\n;;\n", "holds no rows"),
        ("ads.csv", b'day;campaign;impressions\n2026-09-01;"C;1\n', "the quotes do not match"),
    ],
)
def test_an_unreadable_file_is_refused_with_the_next_step_and_others_go_through(
    desk: Desk, name: str, content: bytes, said: str
) -> None:
    (desk.folder / name).write_bytes(content)
    desk.csv("good.csv", HEADER, GOOD)
    reason = desk.reason()
    assert reason.startswith(name)
    assert said in reason
    assert len(desk.records()) == 1


def test_macros_hidden_in_an_xlsx_are_refused(desk: Desk) -> None:
    path = desk.xlsx("ads.xlsx", HEADER, GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
    assert "ads.xlsx: is a workbook with macros" in desk.reason()


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(desk: Desk) -> None:
    path = desk.xlsx("ads.xlsx", HEADER, GOOD)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/big.xml", bytes(201 * 2**20))
    assert path.stat().st_size < 2**20
    assert "ads.xlsx: is too large when unpacked" in desk.reason()


def test_another_encoding_is_named_with_the_row_and_a_proposal(desk: Desk) -> None:
    desk.text("ads.csv", "Jour;Campagne;Impressions\n2026-09-01;été;5\n", "cp1252")
    assert desk.reason() == (
        'ads.csv, row 2: the text is not utf-8-sig; set encoding to "cp1252", or save the file as '
        '"CSV UTF-8"'
    )
    assert [ads.campaign for ads in desk.records(encoding="cp1252")] == ["été"]
    desk.text("ads.csv", "Jour;Campagne;Impressions\n2026-09-01;été;5\n", "utf-16")
    assert 'set encoding to "utf-16"' in desk.reason()
    assert [ads.campaign for ads in desk.records(encoding="utf-16")] == ["été"]


def test_a_byte_order_mark_and_quoted_line_breaks_are_no_trouble(desk: Desk) -> None:
    desk.text("ads.csv", '\ufeffJour;"Campagne";Impressions\r\n2026-09-01;"deux\nlignes";5\r\n'
        "2026-09-02;C;x\r\n")  # fmt: skip
    assert [ads.campaign for ads in desk.records()] == ["deux lignes"]
    # The third row, as a spreadsheet counts, though it is the fourth line of the text.
    assert "ads.csv, row 3: column C" in desk.reason()


@given(st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_damaged_workbook_is_read_or_refused_but_never_breaks_the_run(
    hits: list[tuple[int, int]],
) -> None:
    book = Workbook()
    for row in (HEADER, GOOD, ["2026-09-02", "C", "=1+1", 2]):
        book.worksheets[0].append(row)
    stored = io.BytesIO()
    book.save(stored)
    plain = io.BytesIO()
    with zipfile.ZipFile(stored) as source, zipfile.ZipFile(plain, "w") as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info))
    damaged = bytearray(plain.getvalue())
    for position, value in hits:
        damaged[position % len(damaged)] = value
    # Any other error would come through here and end the pull of all files.
    with suppress(FileRefused):
        for sheet in sheets_of("ads.xlsx", bytes(damaged), "utf-8", len):
            assert all(isinstance(row, tuple) for row in sheet.rows())


def test_forms_are_read_from_a_second_sheet(desk: Desk) -> None:
    book = Workbook()
    book.worksheets[0].append(HEADER)
    book.worksheets[0].append(GOOD)
    forms = book.create_sheet("Formulaires")
    forms.append(["Jour", "Campagne", "Vues", "Débuts", "Soumissions"])
    forms.append(["2026-09-01", "C", 900, 556, 200])
    book.save(desk.folder / "mois.xlsx")
    assert [form.completions for form in desk.records(Stream.FORM_STATS)] == [200]
    assert [ads.impressions for ads in desk.records()] == [5]
