"""The files of the demo, counted again with plain readers and read by the connector."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from connectors.models import Stream
from tests.connectors.files.conftest import Desk
from tests.workers.demo.conftest import STORY, Made
from workers.demo.figures import write_figures

PARIS = ZoneInfo("Europe/Paris")
CAMPAIGN = "C-2026-09-acquisition"
FIRST_STEP, LAST_STEP = date(2026, 9, 21), date(2027, 1, 15)
BEFORE = (date(2026, 10, 26), date(2026, 11, 22))
AFTER = (date(2026, 12, 18), date(2027, 1, 14))
FUNNEL = (date(2026, 9, 1), date(2026, 9, 20))

Row = dict[str, Any]


def rows_of(folder: Path, prefix: str) -> list[Row]:
    return [row for path in sorted(folder.glob(f"{prefix}*")) for row in READERS[path.suffix](path)]


def csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for row in csv.DictReader(handle, delimiter=";"):
            yield row | {"Jour": date.fromisoformat(row["Jour"])}


def xlsx_rows(path: Path) -> Iterator[Row]:
    sheet = load_workbook(path, data_only=True).worksheets[0]
    headers: tuple[Any, ...] = ()
    for cells in sheet.iter_rows(values_only=True):
        if headers and isinstance(cells[0], datetime):
            yield dict(zip(headers, cells, strict=True)) | {"Jour": cells[0].date()}
        elif cells[0] == "Jour":
            headers = cells


READERS = {".csv": csv_rows, ".xlsx": xlsx_rows}


def total(rows: list[Row], column: str, days: tuple[date, date], **where: str) -> int:
    chosen = [
        row
        for row in rows
        if days[0] <= row["Jour"] <= days[1]
        and all(row[name] == value for name, value in where.items())
    ]
    return sum(int(row[column]) for row in chosen)


def euros(rows: list[Row]) -> Decimal:
    texts = [row["Dépenses"] for row in rows if row["Campagne"] == CAMPAIGN]
    return sum((Decimal(t.replace("\u00a0", "").replace(",", ".")) for t in texts), Decimal(0))


def snapshot(folder: Path) -> dict[str, list[Row]]:
    return {path.name: rows_of(folder, path.name) for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def at_the_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    write_figures(folder, STORY.counts, STORY.seed, LAST_STEP)
    return folder


def test_the_funnel_in_the_files_is_exactly_that_of_the_counts(made: Made, tmp_path: Path) -> None:
    write_figures(tmp_path, made.counts, made.seed, FIRST_STEP)
    ads, forms = rows_of(tmp_path, "campagnes-"), rows_of(tmp_path, "formulaires")
    for column, count in (
        ("Impressions", made.counts.impressions),
        ("Clics", made.counts.clicks),
        ("Sessions", made.counts.sessions),
    ):
        assert total(ads, column, FUNNEL, Campagne=CAMPAIGN) == count, column
    starts = total(forms, "Débuts de formulaire", FUNNEL, Campagne=CAMPAIGN)
    assert starts == made.counts.form_starts
    assert euros(ads) == made.counts.spend
    sent = total(forms, "Formulaires envoyés", FUNNEL, Campagne=CAMPAIGN)
    assert made.counts.leads <= sent <= starts


def test_the_e_mails_in_the_files_are_exactly_those_of_the_counts(
    made: Made, tmp_path: Path
) -> None:
    write_figures(tmp_path, made.counts, made.seed, LAST_STEP)
    rows = rows_of(tmp_path, "emails-")
    emails = made.counts.emails
    for window, group, counts in (
        (BEFORE, "traité", emails.treated_before),
        (AFTER, "traité", emails.treated_after),
        (BEFORE, "témoin", emails.control_before),
        (AFTER, "témoin", emails.control_after),
    ):
        where = {"Campagne": "Transactionnels", "Groupe": group}
        assert total(rows, "Délivrés", window, **where) == counts.delivered
        assert total(rows, "Clics", window, **where) == counts.clicked


def test_the_baseline_is_complete_on_the_day_of_the_decision(tmp_path: Path) -> None:
    write_figures(tmp_path, STORY.counts, STORY.seed, date(2026, 11, 23))
    rows = rows_of(tmp_path, "emails-")
    where = {"Campagne": "Transactionnels", "Groupe": "traité"}
    assert total(rows, "Délivrés", BEFORE, **where) == 48210
    assert max(row["Jour"] for row in rows) == BEFORE[1]


def test_no_day_has_more_at_a_later_stage(made: Made, tmp_path: Path) -> None:
    write_figures(tmp_path, made.counts, made.seed, LAST_STEP)
    for prefix, columns in (
        ("campagnes-", ("Impressions", "Clics", "Sessions")),
        ("formulaires", ("Vues du formulaire", "Débuts de formulaire", "Formulaires envoyés")),
        ("emails-", ("Envois", "Délivrés", "Ouverts", "Clics")),
    ):
        rows = rows_of(tmp_path, prefix)
        assert len(rows) > 50
        for row in rows:
            figures = [int(row[column]) for column in columns]
            assert figures == sorted(figures, reverse=True), row


def test_leads_of_the_portal_are_never_more_than_the_forms_of_their_day(
    made: Made, tmp_path: Path
) -> None:
    write_figures(tmp_path, made.counts, made.seed, FIRST_STEP)
    sent = Counter(
        {
            (row["Campagne"], row["Jour"]): int(row["Formulaires envoyés"])
            for row in rows_of(tmp_path, "formulaires")
        }
    )
    leads = Counter(
        (row["utmCampaign"], datetime.fromisoformat(row["createdTime"]).astimezone(PARIS).date())
        for row in made.readable("leads")
    )
    counted = {key: count for key, count in leads.items() if key in sent}
    assert sum(counted.values()) > made.counts.leads
    assert [key for key, count in counted.items() if count > sent[key]] == []


def test_no_other_form_falls_under_the_floor(made: Made, tmp_path: Path) -> None:
    """The flag of the first step must stand alone."""
    write_figures(tmp_path, made.counts, made.seed, FIRST_STEP)
    since = (date(2026, 8, 1), FUNNEL[1])
    rows = rows_of(tmp_path, "formulaires")
    for name in {row["Campagne"] for row in rows} - {CAMPAIGN}:
        starts = total(rows, "Débuts de formulaire", since, Campagne=name)
        sent = total(rows, "Formulaires envoyés", since, Campagne=name)
        assert starts < 100 or sent / starts >= 0.4, name


def test_the_connector_reads_every_row_as_it_was_meant(made: Made, tmp_path: Path) -> None:
    write_figures(tmp_path, made.counts, made.seed, LAST_STEP)
    desk = Desk(tmp_path)
    for stream in (Stream.CAMPAIGN_STATS, Stream.FORM_STATS, Stream.EMAIL_STATS):
        assert desk.refused(stream) == []
    ads = [row for row in desk.records(Stream.CAMPAIGN_STATS) if row.campaign == CAMPAIGN]
    counted = [row for row in ads if FUNNEL[0] <= row.day <= FUNNEL[1]]
    assert sum(row.clicks for row in counted) == made.counts.clicks
    assert sum(row.spend for row in counted) == made.counts.spend
    assert {row.currency for row in counted} == {"EUR"}
    forms = [row for row in desk.records(Stream.FORM_STATS) if row.campaign == CAMPAIGN]
    assert sum(row.starts for row in forms if row.day <= FUNNEL[1]) == made.counts.form_starts
    mails = [
        row
        for row in desk.records(Stream.EMAIL_STATS)
        if row.campaign == "Transactionnels" and AFTER[0] <= row.day <= AFTER[1]
    ]
    for group, counts in (
        ("treated", made.counts.emails.treated_after),
        ("control", made.counts.emails.control_after),
    ):
        own = [row for row in mails if row.group == group]
        assert sum(row.delivered for row in own) == counts.delivered
        assert sum(row.clicked for row in own) == counts.clicked


def test_amounts_are_written_the_french_way(at_the_end: Path) -> None:
    content = (at_the_end / "campagnes-2026-09.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfJour;Campagne;")
    texts = [row["Dépenses"] for row in csv_rows(at_the_end / "campagnes-2026-09.csv")]
    assert any("\u00a0" in text for text in texts)
    assert all(text[-3] == "," and text.isprintable() is ("\u00a0" not in text) for text in texts)
    content.decode("utf-8-sig").encode("cp1252")


def test_both_kinds_of_file_hold_e_mails(at_the_end: Path) -> None:
    names = {path.name for path in at_the_end.iterdir()}
    assert {"emails-2026-11.csv", "emails-2026-12.xlsx", "formulaires.xlsx"} <= names


def test_a_file_is_as_old_as_its_last_save_in_business_time(tmp_path: Path) -> None:
    def saved(name: str) -> datetime:
        return datetime.fromtimestamp((tmp_path / name).stat().st_mtime, PARIS)

    write_figures(tmp_path, STORY.counts, STORY.seed, FIRST_STEP)
    for name in ("campagnes-2026-09.csv", "emails-2026-09.csv", "formulaires.xlsx"):
        assert saved(name) == datetime(2026, 9, 20, 23, 30, tzinfo=PARIS)
    write_figures(tmp_path, STORY.counts, STORY.seed, date(2026, 11, 23))
    assert saved("emails-2026-09.csv") == datetime(2026, 9, 30, 23, 30, tzinfo=PARIS)
    assert saved("formulaires.xlsx") == datetime(2026, 11, 22, 23, 30, tzinfo=PARIS)
    assert saved("campagnes-2026-09.csv") == datetime(2026, 10, 5, 23, 30, tzinfo=PARIS)


def test_a_later_call_adds_days_and_keeps_the_earlier_ones(tmp_path: Path) -> None:
    write_figures(tmp_path, STORY.counts, STORY.seed, FIRST_STEP)
    earlier = [row for rows in snapshot(tmp_path).values() for row in rows]
    write_figures(tmp_path, STORY.counts, STORY.seed, date(2026, 9, 25))
    later = [row for rows in snapshot(tmp_path).values() for row in rows]
    assert len(later) > len(earlier)
    assert [row for row in earlier if row not in later] == []
    assert all(row["Jour"] > FUNNEL[1] for row in later if row not in earlier)


def test_a_closed_month_gets_one_correction_outside_the_story(tmp_path: Path) -> None:
    write_figures(tmp_path, STORY.counts, STORY.seed, date(2026, 10, 5))
    first = list(csv_rows(tmp_path / "campagnes-2026-09.csv"))
    write_figures(tmp_path, STORY.counts, STORY.seed, date(2026, 10, 6))
    second = list(csv_rows(tmp_path / "campagnes-2026-09.csv"))
    ((before, after),) = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
    assert int(after["Clics"]) - int(before["Clics"]) == 17
    assert before["Campagne"] != CAMPAIGN
    assert before["Jour"] > FUNNEL[1]


def test_the_same_call_writes_the_same_figures(at_the_end: Path, tmp_path: Path) -> None:
    write_figures(tmp_path, STORY.counts, STORY.seed, FIRST_STEP)
    write_figures(tmp_path, STORY.counts, STORY.seed, LAST_STEP)
    assert snapshot(tmp_path) == snapshot(at_the_end)
    assert not list(tmp_path.glob(".*"))
