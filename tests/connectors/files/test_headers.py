from pathlib import Path

import pytest

from connectors.files import connector
from connectors.files.headers import HEADERS, MEASURES
from connectors.models import Stream
from tests.connectors.files.conftest import Desk

ADS, FORMS, MAILS = Stream.CAMPAIGN_STATS, Stream.FORM_STATS, Stream.EMAIL_STATS


def test_the_columns_decide_which_streams_a_file_feeds(desk: Desk) -> None:
    desk.csv("tout.csv",
        ["Jour", "Campagne", "Groupe", "Impressions", "Clics", "Dépenses (€)", "Sessions",
         "Vues", "Débuts", "Soumissions", "Délivrés", "Ouverts", "Cliqués"],
        ["2026-09-01", "C-1", "témoin", 50000, 2100, "6 000,50", 1932,
         900, 556, 200, 48210, 9000, 1205])  # fmt: skip
    (ads,), (forms,) = desk.records(ADS), desk.records(FORMS)
    (mails,) = desk.records(MAILS)
    assert (ads.impressions, ads.clicks, ads.sessions) == (50000, 2100, 1932)
    assert (str(ads.spend), ads.currency, ads.group.value) == ("6000.50", "EUR", "control")
    assert (forms.views, forms.starts, forms.completions) == (900, 556, 200)
    assert (mails.delivered, mails.opened, mails.clicked) == (48210, 9000, 1205)
    assert {r.id for r in (ads, forms, mails)} == {"2026-09-01|C-1|control"}


def test_a_file_without_a_figure_of_a_stream_is_silent_in_it(desk: Desk) -> None:
    desk.csv("ads.csv", ["day", "campaign", "impressions"], ["2026-09-01", "C", 1])
    (page,) = desk.pages(MAILS)
    assert (page.records, page.refused) == ((), ())


def test_clicks_beside_delivered_are_clicks_in_mails(desk: Desk) -> None:
    desk.csv("brevo.csv", ["Date", "Campagne", "Envois", "Délivrés", "Clics"],
        ["2026-09-01", "C", 1300, 1200, 30])  # fmt: skip
    (mails,) = desk.records(MAILS)
    assert (mails.delivered, mails.clicked) == (1200, 30)
    assert desk.records(ADS) == desk.records(FORMS) == []


def test_envois_are_form_submissions_beside_form_figures_and_no_figure_beside_mails(
    desk: Desk,
) -> None:
    desk.csv("formulaires.csv", ["Jour", "Campagne", "Vues", "Envois"], ["2026-09-01", "C", 9, 2])
    assert [form.completions for form in desk.records(FORMS)] == [2]
    desk.csv("tout.csv", ["Jour", "Campagne", "Vues", "Envois", "Délivrés"])
    assert 'tout.csv: column D "Envois" can mean different things' in desk.reason(FORMS)


def test_an_undecided_header_refuses_the_file_and_the_file_name_settles_it(desk: Desk) -> None:
    rows = (["day", "campaign", "Clics"], ["2026-09-01", "C", 30])
    desk.csv("export.csv", *rows)
    reason = desk.reason()
    assert 'export.csv: column C "Clics" can mean different things' in reason
    assert "campaign_stats, form_stats, email_stats" in reason
    (desk.folder / "export.csv").unlink()
    desk.csv("email_stats_09.csv", *rows)
    assert desk.records(ADS) == []
    assert [mail.clicked for mail in desk.records(MAILS)] == [30]


def test_our_own_field_name_needs_no_company(desk: Desk) -> None:
    desk.csv("ads.csv", ["day", "campaign", "clicks"], ["2026-09-01", "C", 30])
    assert [ads.clicks for ads in desk.records(ADS)] == [30]


def test_the_setting_columns_replaces_the_default_headers(desk: Desk) -> None:
    desk.csv("ads.csv", ["Jour", "Opération", "Affichages", "Imprs."], ["2026-09-01", "C", 9, 5])
    mapped = {"campaign": "opération", "impressions": "Imprs."}
    assert [ads.impressions for ads in desk.records(columns=mapped)] == [5]


def test_two_columns_for_one_field_refuse_the_file_and_name_both(desk: Desk) -> None:
    desk.csv("ads.csv", ["Date", "Jour", "campaign", "impressions"], ["2026-09-01"] * 2 + ["C", 1])
    desk.csv("good.csv", ["day", "campaign", "impressions"], ["2026-09-01", "C", 1])
    assert 'ads.csv: column A "Date" and column B "Jour" both hold day' in desk.reason()
    assert len(desk.records()) == 1


def test_a_missing_required_column_refuses_the_file_and_shows_what_was_found(desk: Desk) -> None:
    desk.xlsx("ads.xlsx", ["Opération", "Impressions"], ["C", 1])
    assert desk.reason() == (
        'ads.xlsx, sheet "Septembre", row 1: no column holds day or campaign; add it, or name its '
        "header in the setting columns (found: Opération, Impressions)"
    )


def test_a_file_without_known_figures_is_not_passed_over_in_silence(desk: Desk) -> None:
    desk.csv("notes.csv", ["Qui", "Quoi"], ["Léa", "rien"])
    for stream in (ADS, FORMS, MAILS):
        assert "notes.csv: no column of figures is known among Qui, Quoi" in desk.reason(stream)


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_the_delimiter_is_found_by_the_header(desk: Desk, delimiter: str) -> None:
    desk.csv("ads.csv", ["Rapport; du mois, et\tplus"], [], ["day", "campaign", "impressions"],
        ["2026-09-01", "a,b;c\td", 7], delimiter=delimiter)  # fmt: skip
    assert [(ads.campaign, ads.impressions) for ads in desk.records()] == [("a,b;c d", 7)]


def test_a_spend_header_may_name_the_currency_of_the_connection(desk: Desk) -> None:
    desk.csv("ads.csv", ["Jour", "Campagne", "Montant dépensé (USD)"], ["2026-09-01", "C", "12.5"])
    (ads,) = desk.records(currency="USD")
    assert (str(ads.spend), ads.currency) == ("12.50", "USD")


def test_fields_show_headers_with_samples_and_which_are_not_recognised(desk: Desk) -> None:
    desk.csv("ads.csv", ["Jour", "Opération", "Clics", ""], ["2026-09-01", "C-1", 3, "x"],
        ["2026-09-02", "C-2", 3, ""])  # fmt: skip
    desk.text("broken.xlsx", "no workbook")
    day, operation, clicks = desk.tool().fields(ADS)
    assert (day.name, day.type, day.custom) == ("Jour", "day", False)
    assert (operation.name, operation.custom) == ("Opération", True)
    assert operation.samples == ("C-1", "C-2")
    assert (clicks.samples, clicks.custom, clicks.read_only) == (("3",), False, True)


@pytest.mark.parametrize("clicked", ["E-mails cliqués", "Emails cliqués"])
def test_mails_are_named_alike_in_all_three_columns(desk: Desk, clicked: str) -> None:
    desk.csv("mails.csv",
        ["Date", "Campagne", "E-mails délivrés", "E-mails ouverts", clicked, "Objet"],
        ["2026-09-01", "C-1", 48210, 9000, 1205, "x"])  # fmt: skip
    desk.csv("notes.csv", ["a", "b"], ["1", "2"])
    (mails,) = desk.records(MAILS)
    assert (mails.delivered, mails.opened, mails.clicked) == (48210, 9000, 1205)
    assert desk.tool().passed_over() == ["mails.csv: Objet"]


def test_a_file_named_for_one_stream_offers_no_headers_to_another(desk: Desk) -> None:
    desk.csv("email_stats.csv", ["day", "campaign", "delivered"])
    assert desk.tool().fields(ADS) == []
    assert len(desk.tool().fields(MAILS)) == 3


def _columns_of(stream: Stream) -> tuple[str, ...]:
    return (*MEASURES[stream], "currency") if stream is ADS else MEASURES[stream]


def test_the_readme_lists_every_header() -> None:
    readme = Path(connector.__file__).with_name("README.md").read_text(encoding="utf-8")
    for field, names in HEADERS.items():
        feeds = [f"`{stream}`" for stream in MEASURES if field in _columns_of(stream)]
        shown = feeds[0] if feeds else "all"
        assert f"| `{field}` | {shown} | {', '.join(names)} |" in readme
