from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.files.cells import (
    COMMA,
    DMY,
    ISO,
    LARGEST_COUNT,
    MDY,
    POINT,
    BadCell,
    Cell,
    Kind,
    Uncached,
    readings,
    split_mark,
    value_of,
)

BOTH = (COMMA, POINT)
ORDERS = (DMY, MDY)
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
COUNTS = st.integers(min_value=0, max_value=LARGEST_COUNT)
DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 12, 31))
FRENCH_SPACES = st.sampled_from([" ", "\u00a0", "\u202f", "\u2009"])


@given(AMOUNTS, FRENCH_SPACES)
def test_an_amount_in_french_writing_comes_back(amount: Decimal, space: str) -> None:
    written = f"{amount:,.2f}".replace(",", space).replace(".", ",")
    assert value_of(Kind.MONEY, written, BOTH, None) == amount


@given(AMOUNTS)
def test_an_amount_in_english_writing_comes_back(amount: Decimal) -> None:
    assert value_of(Kind.MONEY, f"{amount:,.2f}", BOTH, None) == amount


@given(AMOUNTS)
def test_an_amount_in_german_writing_comes_back(amount: Decimal) -> None:
    written = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
    assert value_of(Kind.MONEY, written, BOTH, None) == amount


@given(COUNTS, FRENCH_SPACES)
def test_a_count_in_french_writing_comes_back(count: int, space: str) -> None:
    assert value_of(Kind.COUNT, f"{count:,}".replace(",", space), BOTH, None) == count


@given(COUNTS)
def test_a_count_in_english_writing_comes_back_once_the_column_is_settled(count: int) -> None:
    assert value_of(Kind.COUNT, f"{count:,}", BOTH, POINT) == count


@given(COUNTS)
def test_a_count_is_never_read_as_another_one(count: int) -> None:
    written = f"{count:,}"
    if written.count(",") == 1 and count % 1000 == 0:
        with pytest.raises(BadCell, match="can be read as"):
            value_of(Kind.COUNT, written, BOTH, None)
    else:
        assert value_of(Kind.COUNT, written, BOTH, None) == count


@given(DAYS)
def test_a_day_comes_back_from_iso_and_from_a_typed_cell(day: date) -> None:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  # as openpyxl gives it
    for cell in (day.isoformat(), f"{day:%Y%m%d}", int(f"{day:%Y%m%d}"), midnight):
        assert value_of(Kind.DAY, cell, ORDERS, None) == day


@given(DAYS, st.sampled_from("/.-"))
def test_a_french_day_comes_back_or_is_refused_but_never_becomes_another(
    day: date, mark: str
) -> None:
    written = f"{day.day:02}{mark}{day.month:02}{mark}{day.year}"
    assert value_of(Kind.DAY, written, ORDERS, DMY) == day
    if day.day > 12 or day.day == day.month:
        assert value_of(Kind.DAY, written, ORDERS, None) == day
    else:
        with pytest.raises(BadCell, match="can be read as"):
            value_of(Kind.DAY, written, ORDERS, None)


@given(st.text(max_size=60), st.sampled_from(list(Kind)))
def test_any_text_is_read_or_refused(text: str, kind: Kind) -> None:
    for writing, value in readings(kind, text, (*BOTH, *ORDERS)).items():
        assert writing in (*BOTH, *ORDERS)
        assert isinstance(value, date | int | Decimal)


@pytest.mark.parametrize(
    "cell",
    ["abc", "12 34", "1.2.3", "-5", "12,5", "1 2345", "#N/A", "٣", -1, 12.5, True, 2**31, 1e300,
     timedelta(1), "9" * 50],
)  # fmt: skip
def test_what_is_no_count_is_refused_with_what_is_expected(cell: Cell) -> None:
    with pytest.raises(BadCell, match="is not a count; expected a whole number"):
        value_of(Kind.COUNT, cell, BOTH, None)


@pytest.mark.parametrize(
    "cell",
    ["31/02/2026", "2026-13-01", "01/02/26", "1/2-2026", 46266, "Total", "2026-09-01 14:00",
     datetime(2026, 9, 1, 14), datetime(1899, 12, 30), "0206-09-01", "2026-W36-1"],  # noqa: DTZ001
)  # fmt: skip
def test_what_is_no_day_is_refused_with_what_is_expected(cell: Cell) -> None:
    with pytest.raises(BadCell, match="is not a day; expected 2026-09-30"):
        value_of(Kind.DAY, cell, ORDERS, None)


def test_an_ambiguous_cell_names_its_readings_and_the_setting() -> None:
    with pytest.raises(BadCell, match=r'"1,234" can be read as 1.234 or 1234.00; .* set decimal'):
        value_of(Kind.MONEY, "1,234", BOTH, None)
    with pytest.raises(BadCell, match=r"2026-03-04 or 2026-04-03; .* set date_format"):
        value_of(Kind.DAY, "03/04/2026", ORDERS, None)


def test_a_count_with_three_digits_behind_its_separator_can_only_be_grouped() -> None:
    assert value_of(Kind.COUNT, "1,932", BOTH, None) == 1932
    assert value_of(Kind.COUNT, "1.932", BOTH, None) == 1932
    with pytest.raises(BadCell, match="50 or 50000"):
        value_of(Kind.COUNT, "50,000", BOTH, None)


def test_no_group_of_three_starts_with_zero() -> None:
    assert value_of(Kind.MONEY, "0,123", BOTH, None) == Decimal("0.123")


def test_with_iso_set_only_the_year_may_come_first() -> None:
    assert value_of(Kind.DAY, "2026/09/30", (ISO,), ISO) == date(2026, 9, 30)
    with pytest.raises(BadCell, match="is not a day"):
        value_of(Kind.DAY, "30/09/2026", (ISO,), ISO)


def test_one_amount_has_one_form_whatever_it_was_written_in() -> None:
    cells: list[Cell] = ["6000", "6 000,0", "6000.00", 6000, 6000.0]
    assert {str(value_of(Kind.MONEY, cell, BOTH, None)) for cell in cells} == {"6000.00"}
    assert str(value_of(Kind.MONEY, 0.1 + 0.2, BOTH, None)) == "0.30"
    assert str(value_of(Kind.MONEY, "-0,00", BOTH, None)) == "0.00"
    assert str(value_of(Kind.MONEY, "0,12345", BOTH, None)) == "0.1234"


def test_an_amount_gives_up_its_currency_mark() -> None:
    assert split_mark("1\u202f234,56\u00a0€") == ("1\u202f234,56", "€")
    assert split_mark("USD 12.50") == ("12.50", "USD")
    assert split_mark("12.50") == ("12.50", None)
    assert split_mark("ABC") == ("ABC", None)


def test_a_formula_without_a_result_says_what_to_do() -> None:
    with pytest.raises(BadCell, match="open the file in Excel and save it"):
        value_of(Kind.COUNT, Uncached(), BOTH, None)
