import json

import pytest

from connectors.models import Stream
from tests.connectors.files.conftest import Desk

HEADER = ["Jour", "Campagne", "Groupe", "Impressions", "Clics", "Dépenses", "Devise"]
GOOD = ["2026-09-01", "C", "", 5, 1, "1,50", ""]


@pytest.mark.parametrize(
    ("column", "letter", "cell", "said"),
    [
        (0, "A", "hier", '"hier" is not a day; expected 2026-09-30'),
        (0, "A", "", "an empty cell is not a day; expected 2026-09-30"),
        (0, "A", "Total", '"Total" is not a day; expected 2026-09-30'),
        (0, "A", "03/04/2026", "can be read as 2026-03-04 or 2026-04-03; write it as 2026-09-30"),
        (1, "B", "", "is not a campaign; expected its name"),
        (1, "B", "Total", "is a total, not a campaign; delete the row, or leave its day empty"),
        (2, "C", "autre", '"autre" is not a group; expected treated or control'),
        (3, "D", "-4", "is not a count; expected a whole number from 0 up"),
        (3, "D", "12,5", "is not a count"),
        (4, "E", "50.000", "can be read as 50 or 50000; write it without separators"),
        (5, "F", "gratuit", '"gratuit" is not an amount; expected a number such as 1234.56'),
        (5, "F", "12 $", '"12 $" is not in EUR, the currency of the row; add a column currency'),
        (6, "G", "euro", '"EURO" is not a currency; expected a code such as EUR'),
    ],
)
def test_a_bad_cell_is_named_by_file_sheet_row_and_column_and_the_rest_goes_through(
    desk: Desk, column: int, letter: str, cell: str, said: str
) -> None:
    bad = list(GOOD)
    bad[column] = cell
    other = ["2026-09-02", *GOOD[1:]]
    desk.xlsx("ads.xlsx", HEADER, bad, other)
    reason = desk.reason()
    assert reason.startswith(
        f'ads.xlsx, sheet "Septembre", row 2: column {letter} "{HEADER[column]}": '
    )
    assert said in reason
    assert [ads.day.isoformat() for ads in desk.records()] == ["2026-09-02"]
    (desk.folder / "ads.xlsx").unlink()
    desk.csv("ads.csv", HEADER, bad, other)
    assert desk.reason().startswith(f'ads.csv, row 2: column {letter} "{HEADER[column]}": ')


def test_more_clicks_than_what_could_be_clicked_are_refused_by_row(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, [*GOOD[:3], 5, 6, "1,50", ""])
    assert desk.reason() == (
        'ads.csv, row 2: column E "Clics": 6 clicks of 5 impressions cannot be; '
        "correct one of the two"
    )
    desk.csv("mails.csv", ["day", "campaign", "delivered", "clicked"], ["2026-09-01", "C", 1, 2])
    assert "2 clicked of 1 delivered cannot be" in desk.reason(Stream.EMAIL_STATS)


def test_every_bad_cell_of_a_row_is_named_at_once(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, ["2026-09-01", "C", "x", "y", 1, "z", ""])
    (refused,) = desk.refused()
    assert refused.id is None
    for letter in "CDF":
        assert f"column {letter} " in refused.reason


def test_a_refused_row_keeps_its_id_and_the_mapped_cells_only(desk: Desk) -> None:
    desk.csv("ads.csv", [*HEADER, "E-mail"], [*GOOD[:3], "y", *GOOD[4:], "lea@example.org"])
    (refused,) = desk.refused()
    assert refused.id == "2026-09-01|C|treated"
    raw = json.loads(refused.raw)
    assert (raw["impressions"], raw["campaign"]) == ("y", "C")
    assert "lea@example.org" not in refused.raw


def test_absent_is_not_zero(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, ["2026-09-01", "C", "", 0, "--", "", "USD"])
    (ads,) = desk.records()
    assert (ads.impressions, ads.clicks, ads.sessions) == (0, None, None)
    assert (ads.spend, ads.currency) == (None, None)


def test_the_currency_of_the_row_comes_before_that_of_the_connection(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, ["2026-09-01", "C", "", "", "", "$ 1,234.50", "usd"],
        ["2026-09-02", *GOOD[1:5], "1.50", ""])  # fmt: skip
    assert [(str(ads.spend), ads.currency) for ads in desk.records()] == [
        ("1234.50", "USD"),
        ("1.50", "EUR"),
    ]


def test_a_total_is_passed_over_only_where_its_day_is_empty(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, GOOD, ["", "Total général", "", 5, 1, "1,50", ""],
        ["", "C", "", 5, 1, "", ""])  # fmt: skip
    assert len(desk.records()) == 1
    assert desk.reason().startswith('ads.csv, row 4: column A "Jour": an empty cell is not a day')


def test_a_row_without_figures_of_the_stream_is_no_record_of_it(desk: Desk) -> None:
    desk.csv("tout.csv", ["day", "campaign", "impressions", "delivered"],
        ["2026-09-01", "C", 5, ""], ["2026-09-01", "C", "", 7])  # fmt: skip
    assert [ads.impressions for ads in desk.records()] == [5]
    assert [mail.delivered for mail in desk.records(Stream.EMAIL_STATS)] == [7]


def test_one_clear_cell_settles_the_writing_of_its_whole_column(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER,
        ["03/09/2026", "C", "", "50,000", 1, "1.234", ""],
        ["13/09/2026", "C", "", "2,105", 1, "12,5", ""])  # fmt: skip
    first, second = desk.records()
    assert (first.day.isoformat(), first.impressions, str(first.spend)) == (
        "2026-09-03", 50000, "1234.00")  # fmt: skip
    assert (second.impressions, str(second.spend)) == (2105, "12.50")


def test_cells_that_contradict_each_other_settle_nothing(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, ["13/09/2026", *GOOD[1:]], ["09/14/2026", *GOOD[1:]],
        ["03/04/2026", *GOOD[1:]])  # fmt: skip
    assert "row 4" in desk.reason()
    assert "can be read as" in desk.reason()


def test_the_settings_settle_what_the_file_leaves_open(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, ["03/04/2026", "C", "", "50,000", 1, "1,234", ""])
    (ads,) = desk.records(date_format="dmy", decimal="point")
    assert (ads.day.isoformat(), ads.impressions, str(ads.spend)) == (
        "2026-04-03", 50000, "1234.00")  # fmt: skip
    (ads,) = desk.records(date_format="mdy", decimal="comma")
    assert (ads.day.isoformat(), ads.impressions, str(ads.spend)) == ("2026-03-04", 50, "1.234")


def test_an_unquoted_decimal_comma_does_not_shift_figures(desk: Desk) -> None:
    desk.text("ads.csv", "day,campaign,spend,impressions\n2026-09-01,C,12,50,900\n")
    reason = desk.reason()
    assert reason.startswith("ads.csv, row 2: column 4 is the last of the header, the row has 5")
    assert desk.records() == []


def test_the_same_key_twice_in_a_file_names_both_rows_and_takes_neither(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, GOOD, ["2026-09-02", *GOOD[1:]], ["01/09/2026", *GOOD[1:]],
        ["13/09/2026", *GOOD[1:]])  # fmt: skip
    (refused,) = desk.refused()
    assert refused.id == "2026-09-01|C|treated"
    assert refused.reason == (
        'ads.csv, row 2 and ads.csv, row 4: column A "Jour", column B "Campagne", column C '
        '"Groupe" hold the same (2026-09-01|C|treated); keep one'
    )
    assert [ads.day.day for ads in desk.records()] == [2, 13]
