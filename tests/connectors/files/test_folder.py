import os
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.errors import NotPermitted
from connectors.files.folder import FileRefused, list_folder, snapshot
from tests.connectors.files.conftest import Desk, date_back

ROW = "day;campaign;impressions\n2026-09-01;C;1\n"


def test_only_tables_directly_in_the_folder_are_listed(desk: Desk, tmp_path: Path) -> None:
    desk.text("ads.csv", ROW)
    for name in ("~$ads.xlsx", ".ads.csv", ".~lock.ads.csv#", "readme.txt"):
        desk.text(name, ROW)
    (desk.folder / "older.csv").mkdir()
    (desk.folder / "archive").mkdir()
    desk.text("archive/old.csv", ROW)
    outside = tmp_path / "secret.csv"
    outside.write_text(ROW)
    (desk.folder / "link.csv").symlink_to(outside)
    os.mkfifo(desk.folder / "pipe.csv")
    assert [file.name for file in list_folder(desk.folder).files] == ["ads.csv"]


def test_files_come_in_the_order_of_their_modification(desk: Desk) -> None:
    for name, days in (("b.csv", 1), ("a.csv", 0), ("c.csv", 2)):
        date_back(desk.text(name, ROW), days)
    assert [file.name for file in list_folder(desk.folder).files] == ["c.csv", "b.csv", "a.csv"]


def test_a_file_that_grew_after_the_listing_is_left_to_the_next_run(desk: Desk) -> None:
    path = desk.text("ads.csv", ROW)
    (listed,) = list_folder(desk.folder).files
    with path.open("a") as handle:
        handle.write("2026-09-02;C;2\n")
    with pytest.raises(FileRefused, match=r"ads\.csv: was being written .* the next run") as caught:
        snapshot(listed)
    assert caught.value.temporary


def test_a_file_that_was_replaced_by_another_of_equal_size_and_time_is_noticed(desk: Desk) -> None:
    path = desk.text("ads.csv", ROW)
    (listed,) = list_folder(desk.folder).files
    other = desk.text("other.tmp", ROW)
    os.utime(other, ns=(listed.status.st_atime_ns, listed.status.st_mtime_ns))
    other.replace(path)
    with pytest.raises(FileRefused, match="was being written"):
        snapshot(listed)


def test_a_locked_file_is_refused_for_now_with_what_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.text("ads.csv", ROW)
    (listed,) = list_folder(desk.folder).files

    def locked(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(FileRefused, match=r"ads\.csv: cannot be opened .*close it") as caught:
        snapshot(listed)
    assert caught.value.temporary


def test_an_empty_file_is_refused(desk: Desk) -> None:
    desk.text("ads.csv", "")
    (listed,) = list_folder(desk.folder).files
    with pytest.raises(FileRefused, match=r"ads\.csv: is empty"):
        snapshot(listed)


def test_a_file_too_large_for_memory_is_refused(desk: Desk) -> None:
    with desk.text("ads.csv", ROW).open("r+b") as handle:
        handle.truncate(51 * 2**20)
    (listed,) = list_folder(desk.folder).files
    with pytest.raises(FileRefused, match=r"ads\.csv: is larger than 50 MB; split it"):
        snapshot(listed)


def test_the_folders_own_clock_is_not_moved_by_a_false_modification_time(desk: Desk) -> None:
    path = desk.text("ads.csv", ROW)
    before = list_folder(desk.folder).now
    date_back(path, -3650)
    listing = list_folder(desk.folder)
    assert before <= listing.now < before + timedelta(minutes=5)
    assert listing.files[0].modified > listing.now


def test_a_change_after_a_listing_is_stamped_no_earlier_than_its_now(desk: Desk) -> None:
    desk.text("ads.csv", ROW)
    now = list_folder(desk.folder).now
    desk.text("ads.csv", ROW + "2026-09-02;C;2\n")
    desk.text("more.csv", ROW)
    assert all(file.changed >= now for file in list_folder(desk.folder).files)


def test_a_wrong_folder_is_one_sentence_with_the_next_step(desk: Desk) -> None:
    with pytest.raises(NotPermitted, match="nowhere does not exist") as missing:
        desk.tool(folder=desk.folder / "nowhere").check()
    assert missing.value.next_step == (
        "Create it (or mount its drive), or correct the setting folder."
    )
    path = desk.text("ads.csv", ROW)
    with pytest.raises(NotPermitted, match=r"ads\.csv is a file, not a folder") as a_file:
        desk.tool(folder=path).check()
    assert a_file.value.next_step == "Set folder to the folder that holds the file."


def test_an_unreadable_folder_asks_for_the_right_to_read_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(NotPermitted, match="may not be read") as caught:
        desk.tool().check()
    assert caught.value.next_step.startswith("Give the user that runs this service the right")
