"""A backup that was damaged where it was kept is told as that, or restored whole."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.store.backup import NotABackup, read_header, restore_backup
from sync.store.database import Database
from tests.sync.conftest import NOW
from tests.sync.test_backup import backed_up, content, fill, old_backup

# Bytes of the header of an entry before its name: in its place, and in the list at the end.
LOCAL, LISTED = 30, 46


def test_a_backup_with_a_byte_that_is_another_is_refused_or_whole(
    database: Database, tmp_path: Path
) -> None:
    fill(database)
    path = backed_up(database, tmp_path / "b.zip")
    good, before, refused = path.read_bytes(), content(database), 0
    for position in range(0, len(good), len(good) // 50):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :])
        try:
            restore_backup(database, path, NOW)
            # Of a byte that nothing is read from.
            assert content(database)["deal"] == before["deal"]
            before = content(database)
        except NotABackup:
            refused += 1
            assert content(database) == before
    assert refused > 25


def test_a_backup_with_a_bit_of_a_header_that_is_another_is_refused_or_whole(
    tmp_path: Path,
) -> None:
    """However the entry is told to be packed then."""
    path = old_backup(tmp_path / "b.zip", zipfile.ZIP_DEFLATED)
    good, header, refused = path.read_bytes(), read_header(path), 0
    for bit in _bits_of_headers(path):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert read_header(path) == header
        except NotABackup:
            refused += 1
    assert refused > 500


def _bits_of_headers(path: Path) -> Iterator[int]:
    with zipfile.ZipFile(path) as archive:
        listed = archive.start_dir
        for entry in archive.infolist():
            name = len(entry.filename)
            for start, length in ((entry.header_offset, LOCAL + name), (listed, LISTED + name)):
                yield from range(8 * start, 8 * (start + length))
            listed += LISTED + name


@pytest.mark.parametrize(("offset", "mask"), [(8, 0x01), (10, 0x04)], ids=["encrypted", "bzip2"])
def test_a_backup_that_seems_packed_in_another_way_is_refused_and_changes_nothing(
    database: Database, tmp_path: Path, offset: int, mask: int
) -> None:
    fill(database)
    path = backed_up(database, tmp_path / "b.zip")
    before, harmed = content(database), bytearray(path.read_bytes())
    name = harmed.rindex(b"deal.jsonl")
    harmed[name - LISTED + offset] ^= mask
    path.write_bytes(harmed)
    with pytest.raises(NotABackup):
        restore_backup(database, path, NOW)
    assert content(database) == before
