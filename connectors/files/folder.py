"""A folder to files: what lies there, and the content of a file in one piece.

A file is read into memory at once and everything else works on that copy, so a row never comes
from two states of one file.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISREG

from connectors.errors import NotPermitted, Unavailable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_FILE = 50 * 2**20

TEXT = frozenset({".csv", ".tsv"})
EXCEL = ".xlsx"
SAVE_AS_XLSX = "open it in Excel and save it as .xlsx"
OTHER_TABLES = {
    ".xlsm": f"a workbook with macros, which is not opened; {SAVE_AS_XLSX}",
    ".xlsb": f"a binary workbook; {SAVE_AS_XLSX}",
    ".xls": f"a workbook in the old Excel format; {SAVE_AS_XLSX}",
    ".ods": "an OpenDocument table; save it as .xlsx or .csv",
}


class FileRefused(Exception):
    """The file is left out of this run; `temporary` when it may be fine without being changed."""

    def __init__(self, reason: str, *, temporary: bool = False) -> None:
        super().__init__(reason)
        self.temporary = temporary


@dataclass(frozen=True)
class SourceFile:
    """A file as the folder listing showed it."""

    path: Path
    status: os.stat_result

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def order(self) -> tuple[int, str]:
        """Later files correct earlier ones; the name decides between equal times."""
        return self.status.st_mtime_ns, self.name

    @property
    def modified(self) -> datetime:
        return _moment(self.status.st_mtime_ns)

    @property
    def changed(self) -> datetime:
        """When it was written or arrived: a copy keeps the modification time of its original."""
        return _moment(max(self.status.st_mtime_ns, self.status.st_ctime_ns))


@dataclass(frozen=True)
class Folder:
    """`files` in the order of their modification.

    `now` is the latest moment that the file system itself stamped on the folder or on a file in it
    (`st_ctime`, which nobody can set). What changes later is stamped the same or later by the same
    clock, so a next read that starts from here misses nothing. A modification time would not do:
    programs set it, a copy keeps an old one, and one in the future would hide all later files. Our
    own clock would not do either: a network folder has another one.
    """

    files: Sequence[SourceFile]
    now: datetime


def list_folder(folder: Path) -> Folder:
    """Tables directly in the folder; links, hidden and temporary files are passed over.

    Raises NotPermitted when the folder cannot be read, Unavailable when its disk does not answer.
    """
    try:
        stamps = [folder.stat().st_ctime_ns]
        files = []
        for path in folder.iterdir():
            if path.name.startswith((".", "~$")) or not is_table(path):
                continue
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            if S_ISREG(status.st_mode):
                files.append(SourceFile(path, status))
                stamps.append(status.st_ctime_ns)
    except FileNotFoundError as error:
        raise NotPermitted(
            f"The folder {folder} does not exist.",
            next_step="Create it (or mount its drive), or correct the setting folder.",
        ) from error
    except NotADirectoryError as error:
        raise NotPermitted(
            f"{folder} is a file, not a folder.",
            next_step="Set folder to the folder that holds the file.",
        ) from error
    except PermissionError as error:
        raise NotPermitted(
            f"The folder {folder} may not be read.",
            next_step="Give the user that runs this service the right to list and read it.",
        ) from error
    except OSError as error:
        raise Unavailable(f"The folder {folder} does not answer ({error.strerror}).") from error
    return Folder(sorted(files, key=lambda file: file.order), _moment(max(stamps)))


def is_table(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in TEXT or suffix == EXCEL or suffix in OTHER_TABLES


def snapshot(file: SourceFile) -> bytes:
    """The content of the file, exactly as it was listed. Raises FileRefused."""
    try:
        with file.path.open("rb") as handle:
            opened = os.fstat(handle.fileno())
            content = handle.read(LARGEST_FILE + 1)
            read = os.fstat(handle.fileno())
    except OSError as error:
        raise FileRefused(
            f"{file.name}: cannot be opened ({error.strerror}); close it in other programs and "
            "let the user that runs this service read it",
            temporary=True,
        ) from error
    if not (_same(file.status, opened) and _same(opened, read)):
        raise FileRefused(
            f"{file.name}: was being written while it was read; nothing to do, the next run "
            "takes it",
            temporary=True,
        )
    if not content:
        raise FileRefused(f"{file.name}: is empty; save it again with its header row")
    if len(content) > LARGEST_FILE:
        raise FileRefused(
            f"{file.name}: is larger than {LARGEST_FILE // 2**20} MB; split it by period"
        )
    return content


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return os.path.samestat(one, other) and (one.st_size, one.st_mtime_ns) == (
        other.st_size,
        other.st_mtime_ns,
    )


def _moment(nanoseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)
