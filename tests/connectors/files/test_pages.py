from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.capabilities import ConfirmsPresence, ListsFields
from connectors.files.connector import PAGE_ROWS
from connectors.files.folder import list_folder
from connectors.files.settings import FilesConfig
from connectors.models import Stream
from connectors.port import Partition, Presence, Window, readable_streams
from tests.connectors.files.conftest import Desk, date_back

HEADER = ["day", "campaign", "impressions"]
STREAMS = (Stream.CAMPAIGN_STATS, Stream.FORM_STATS, Stream.EMAIL_STATS)


def day(number: int, impressions: object, campaign: str = "C") -> list[object]:
    return [f"2026-09-{number:02}", campaign, impressions]


def seen(desk: Desk, **given: Any) -> dict[int, int]:
    return {ads.day.day: ads.impressions for ads in desk.records(**given)}


def test_the_tool_offers_three_streams_and_what_the_mirror_asks_of_it(desk: Desk) -> None:
    tool = desk.tool()
    assert readable_streams(tool) == STREAMS
    assert isinstance(tool, ConfirmsPresence)
    assert isinstance(tool, ListsFields)


def test_each_file_is_a_page_stamped_with_its_modification_time(desk: Desk) -> None:
    date_back(desk.csv("a.csv", HEADER, day(1, 10)), 2)
    path = desk.csv("b.csv", HEADER, day(2, 20))
    first, second = desk.pages()
    assert [len(page.records) for page in (first, second)] == [1, 1]
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    stamp = second.records[0].updated_at
    assert stamp is not None
    assert abs(stamp - modified) < timedelta(milliseconds=1)
    assert second.requests == 0


@pytest.mark.promise("G2")
def test_the_file_modified_last_has_the_last_word_and_nothing_is_given_twice(desk: Desk) -> None:
    date_back(desk.csv("z_first.csv", HEADER, day(1, 10), day(2, 20)), 2)
    desk.csv("a_corrected.csv", HEADER, day(1, 11))
    records = desk.records()
    assert sorted((ads.day.day, ads.impressions) for ads in records) == [(1, 11), (2, 20)]


def test_a_file_leaves_the_figures_that_it_does_not_give_to_the_file_before_it(
    desk: Desk,
) -> None:
    header = ["day", "campaign", "impressions", "ad clicks", "sessions", "spend"]
    date_back(desk.csv("all.csv", header, ["2026-09-01", "C", 10, 3, 2, "5,25"]), 2)
    desk.csv("more.csv", [*header[:4], "sessions"], ["2026-09-01", "C", 12, "", 4])
    first, second = desk.records()
    assert (first.impressions, first.clicks, first.sessions) == (None, 3, None)
    assert (str(first.spend), first.currency) == ("5.25", "EUR")
    assert (second.impressions, second.clicks, second.sessions) == (12, None, 4)
    assert (second.spend, second.currency) == (None, None)


def test_a_bad_cell_of_a_figure_that_a_later_file_gives_does_no_harm(desk: Desk) -> None:
    header = ["day", "campaign", "impressions", "ad clicks"]
    date_back(desk.csv("all.csv", header, ["2026-09-01", "C", "abc", 3]), 2)
    desk.csv("more.csv", HEADER, day(1, 12))
    assert [(r.impressions, r.clicks) for r in desk.records()] == [(None, 3), (12, None)]
    assert desk.refused() == []


def test_an_older_file_that_arrives_late_does_not_undo_a_newer_one(desk: Desk) -> None:
    corrected = desk.csv("corrected.csv", HEADER, day(1, 11))
    late = desk.csv("first.csv", HEADER, day(1, 10), day(2, 20))
    date_back(late, 30)
    while late.stat().st_ctime_ns // 1000 == corrected.stat().st_ctime_ns // 1000:
        late.touch()
        date_back(late, 30)
    arrived = {file.name: file.changed for file in list_folder(desk.folder).files}["first.csv"]
    assert seen(desk, start=arrived) == {2: 20}


def test_a_bad_cell_in_the_newer_file_does_not_bring_the_older_figure_back(desk: Desk) -> None:
    date_back(desk.csv("old.csv", HEADER, day(1, 10)), 2)
    desk.csv("new.csv", HEADER, day(1, "abc"))
    assert desk.records() == []
    assert "new.csv, row 2" in desk.reason()


@pytest.mark.promise("G3")
def test_an_incremental_read_takes_only_files_changed_since_its_start(desk: Desk) -> None:
    path = desk.csv("ads.csv", HEADER, day(1, 10))
    (page,) = desk.pages()
    assert page.remote_now is not None
    after = page.remote_now + timedelta(seconds=1)
    (nothing,) = desk.pages(start=after)
    assert (nothing.records, nothing.remote_now) == ((), page.remote_now)
    assert seen(desk, start=page.remote_now) == {1: 10}
    desk.csv("ads.csv", HEADER, day(1, 12))
    assert seen(desk, start=page.remote_now) == {1: 12}
    assert path.exists()


@pytest.mark.promise("G3")
def test_a_copy_that_kept_an_old_modification_time_is_still_read(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER, day(1, 10))
    mark = desk.pages()[0].remote_now
    date_back(desk.csv("older.csv", HEADER, day(2, 20)), 400)
    assert seen(desk, start=mark)[2] == 20


@pytest.mark.promise("G3")
def test_a_file_from_the_future_does_not_hide_later_ones(desk: Desk) -> None:
    date_back(desk.csv("future.csv", HEADER, day(1, 10)), -400)
    mark = desk.pages()[0].remote_now
    desk.csv("later.csv", HEADER, day(2, 20))
    assert seen(desk, start=mark)[2] == 20


def test_the_watermark_waits_for_a_file_that_is_locked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = desk.csv("locked.csv", HEADER, day(1, 10))
    stamp = datetime.fromtimestamp(locked.stat().st_ctime, UTC)
    (desk.folder / "later").mkdir()
    desk.csv("open.csv", HEADER, day(2, 20))
    real = Path.open

    def opened(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "locked.csv":
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)  # type: ignore[call-overload]  # passed through

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        pages = desk.pages()
    assert "locked.csv: cannot be opened" in pages[0].refused[0].reason
    for page in pages:
        assert page.remote_now is not None
        assert page.remote_now <= stamp + timedelta(milliseconds=1)
    assert seen(desk, start=pages[0].remote_now)[1] == 10


def test_a_file_that_changes_between_two_pages_is_refused_and_taken_by_the_next_run(
    desk: Desk,
) -> None:
    date_back(desk.csv("a.csv", HEADER, day(1, 10)), 2)
    desk.csv("b.csv", HEADER, day(2, 20))
    pages = desk.tool().campaign_stats(Window(), Partition())
    first = next(pages)
    desk.csv("b.csv", HEADER, day(2, 20), day(3, 30))
    (second,) = pages
    assert second.records == ()
    assert "b.csv: was being written" in second.refused[0].reason
    assert set(seen(desk, start=first.remote_now)) >= {2, 3}


@pytest.mark.promise("G1")
def test_a_long_file_is_cut_into_pages_and_goes_on_after_the_last_one(desk: Desk) -> None:
    rows = [day(1 + number % 28, number, f"C{number // 28}") for number in range(PAGE_ROWS + 10)]
    rows[3][2] = "bad"
    date_back(desk.csv("long.csv", HEADER, *rows), 2)
    desk.csv("short.csv", HEADER, day(1, 7, "other"))
    pages = desk.pages()
    sizes = [(len(page.records), len(page.refused)) for page in pages]
    assert sizes == [(PAGE_ROWS - 1, 1), (10, 0), (1, 0)]
    assert len({page.position for page in pages}) == 3
    for done, page in enumerate(pages, 1):
        rest = desk.pages(after=page.position)
        assert [p.records for p in rest if p.records] == [p.records for p in pages[done:]]


def test_a_file_that_changed_since_the_last_page_is_read_again_from_its_first_row(
    desk: Desk,
) -> None:
    path = desk.csv("ads.csv", HEADER, day(1, 10))
    date_back(path, 1)
    (page,) = desk.pages()
    desk.csv("ads.csv", HEADER, day(1, 12), day(2, 20))
    assert seen(desk, after=page.position) == {1: 12, 2: 20}


def test_figures_whose_file_left_the_folder_are_history_not_deletes(desk: Desk) -> None:
    ids = ["2026-09-01|C|treated"]
    assert desk.tool().presence(Stream.CAMPAIGN_STATS, ids) == {ids[0]: Presence.HIDDEN}


def test_an_empty_folder_is_fine_and_says_so(desk: Desk) -> None:
    assert desk.tool().check() == f"{desk.folder}: no files yet; put .csv or .xlsx files there"
    (page,) = desk.pages()
    assert (page.records, page.position) == ((), "")
    assert page.remote_now is not None


def test_a_check_counts_what_feeds_which_stream_and_names_what_cannot_be_used(desk: Desk) -> None:
    desk.csv("ads.csv", HEADER)
    desk.csv("tout.csv", [*HEADER, "delivered"])
    desk.csv("notes.csv", ["a", "b"])
    said = desk.tool().check()
    assert said.startswith(
        f"{desk.folder}: 3 files (campaign_stats from 2, email_stats from 1); 1 cannot be used: "
        "notes.csv: no column of figures is known"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"columns": {"clics": "Clics"}}, "no field clics; there are day, campaign"),
        ({"columns": {"clicks": "Clics", "clicked": "clics"}}, "one header is given to two fields"),
        ({"encoding": "latin-99"}, "no encoding latin-99; usual ones: utf-8-sig, cp1252"),
        ({"encoding": "base64"}, "no encoding base64"),
        ({"currency": "euro"}, "should match pattern"),
        ({"delimiter": ";"}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_setting_is_refused_when_it_is_given(
    settings: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        FilesConfig.model_validate({"folder": "figures"} | settings)


def test_a_relative_folder_means_the_same_one_in_every_process(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder.parent)
    config = FilesConfig.model_validate({"folder": "figures"})
    assert config.folder == desk.folder


@pytest.mark.promise("G1")
def test_who_goes_on_behind_a_refused_file_does_not_meet_it_again(desk: Desk) -> None:
    date_back(desk.csv("a.csv", HEADER, day(1, 10)), 3)
    date_back(desk.text("b.csv", 'day;campaign;impressions\n2026-09-02;"C;20\n'), 2)
    desk.csv("c.csv", HEADER, day(4, 40))
    pages = desk.pages()
    sizes = [(len(page.records), len(page.refused)) for page in pages]
    assert sizes == [(1, 0), (0, 1), (1, 0)]
    assert len({page.position for page in pages}) == 3
    (last,) = desk.pages(after=pages[1].position)
    assert (len(last.records), last.refused) == (1, ())
