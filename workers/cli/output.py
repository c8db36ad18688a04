"""What a command shows: one JSON document, or text for people; and what it says when it fails."""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

import msgspec
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import OperationalError

from connectors.errors import ConnectorError
from connectors.registry import UnknownTool
from rules.yaml_file import FileProblem
from sync.store.backup import NotABackup, NotAlone, StillAtWork
from sync.store.connections import OtherAccount, SettingsOutdated, StillNeeded, UnknownConnection
from sync.store.database import NewerTables
from sync.vault import SecretsUnreadable
from workers.errors import CannotRun


class Status(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    WAITS_FOR_A_PERSON = 3


@dataclass(frozen=True)
class Failure:
    """An error as people and programs get it. `blocks` are the decisions and KPIs that wait."""

    kind: str
    message: str
    who: str
    next_step: str
    blocks: tuple[str, ...] = ()


def failure_of(error: Exception) -> Failure:
    """Errors that we raise on purpose speak for themselves; any other one is a bug of ours, a
    KeyError above all: it would name a thing as if the user had asked for it."""
    if isinstance(error, ConnectorError):
        return Failure(error.kind, error.message, error.who, error.next_step)
    if isinstance(error, ON_PURPOSE):
        return Failure(type(error).__name__, _text(error), "user", "")
    name = type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        told = f"{_path(error)} cannot be used: {error.strerror}."
        return Failure(name, told, "admin", RIGHTS)
    if isinstance(error, OperationalError):
        said = str(error.orig).splitlines()[0].rstrip(".")
        return Failure(name, f"The database failed: {said}.", "admin", DOCTOR)
    if isinstance(error, RedisError):
        told = f"The Redis of the service failed: {type(error).__name__}."
        return Failure(name, told, "admin", DOCTOR)
    return Failure(
        name,
        f"Something unexpected went wrong: {name}: {_text(error)}".rstrip(": ") + ".",
        "developer",
        "Run it again with: retro --debug … and report what it shows.",
    )


RIGHTS = (
    "Let this user read and write it, or set RETRO_HOME to a folder where it may, "
    "such as one in its home."
)
DOCTOR = "Run the command again; if it fails again, retro doctor looks over the installation."


def _path(error: OSError) -> str:
    return os.fsdecode(error.filename) if isinstance(error.filename, bytes | str) else "A file"


def _text(error: Exception) -> str:
    if isinstance(error, OSError | UnicodeError):
        return str(error)  # their first argument is a number or the name of an encoding
    return str(error.args[0]) if error.args else ""


UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
# What a terminal obeys, or no stream takes; and what breaks a line, or has text read in another
# order than it is written. Spaces that do not break, and joiners, are part of what people write.
OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
    r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
# What people copy into the next command, as they do with the first column, which names the row.
KEYS = ("action", "subject", "remote_id")
# What is longer, such as an address, may be cut in a table elsewhere.
LONGEST_WORD = 24

# Each is raised with one sentence for the person who gave the command.
ON_PURPOSE = (
    CannotRun,
    FileProblem,
    NewerTables,
    NotABackup,
    NotAlone,
    StillAtWork,
    OtherAccount,
    SecretsUnreadable,
    SettingsOutdated,
    StillNeeded,
    UnknownConnection,
    UnknownTool,
)


class Output:
    """Standard output for results, standard error for everything else."""

    def __init__(self, json: bool) -> None:
        self.json = json
        self._console = Console(highlight=False, soft_wrap=True)

    def document(self, value: Any) -> None:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=0).decode() + "\n")

    def line(self, value: Any) -> None:
        """One document of many, as JSON lines."""
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")

    def text(self, text: str) -> None:
        self._console.print(printable(text), markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        cells = [[_cell(cell) for cell in row] for row in rows]
        table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
        by_column = list(zip(columns, *cells, strict=True))
        least = [
            _longest_word(words, whole=not n or words[0] in KEYS)
            for n, words in enumerate(by_column)
        ]
        for column, width in zip(columns, least, strict=True):
            table.add_column(column, overflow="fold", min_width=width)
        for row in cells:
            # What people wrote may look like markup of the table's.
            table.add_row(*map(Text, row))
        # Rather wider than the screen than with words that are cut.
        width = max(self._console.width, sum(least) + 2 * len(least))
        Console(highlight=False, soft_wrap=True, width=width).print(table)

    def fail(self, failure: Failure) -> None:
        if self.json:
            self.document({"error": asdict(failure)})
        told = printable(f"{failure.message} {failure.next_step}".rstrip())
        sys.stderr.write(f"retro: {told}\n")


def _longest_word(texts: Iterable[str], *, whole: bool) -> int:
    longest = max(len(word) for text in texts for word in (text.split() or [""]))
    return longest if whole else min(longest, LONGEST_WORD)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else printable(str(value))


def printable(text: str) -> str:
    """Without what a terminal would obey: it comes from tools and files too."""
    return OBEYED.sub(UNPRINTABLE, text)


def tell_started(as_json: bool, command: str, **more: str) -> None:
    """The one document of a command that serves until it is ended: who it is."""
    if as_json:
        document = {"command": command, "pid": os.getpid(), **more}
        sys.stdout.write(f"{json.dumps(document)}\n")
        sys.stdout.flush()
