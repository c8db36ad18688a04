"""What the README in a tool's folder says of its scopes, limits and quirks.

It is written for people, beside the code it speaks of, and nowhere a second time: a table whose
first column is `scope`, a paragraph that begins with `Limits:`, a section on quirks, and one on
what the tool cannot do.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.port import Connector

LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class ToolNotes:
    """`scopes` are rows by column; `quirks` and `cannot` are one sentence each."""

    scopes: tuple[dict[str, str], ...]
    limits: str
    quirks: tuple[str, ...]
    cannot: tuple[str, ...]


def notes_of(tool_class: type[Connector[Any]]) -> ToolNotes:
    """Parts that a README does not have are empty."""
    file = Path(str(sys.modules[tool_class.__module__].__file__)).with_name("README.md")
    blocks = [each.strip() for each in file.read_text(encoding="utf-8").split("\n\n")]
    quirks = list(_section(blocks, "Quirks"))
    return ToolNotes(
        scopes=tuple(row for block in blocks for row in _rows(block) if "scope" in row),
        limits=next((_plain(each) for each in blocks if each.startswith("Limits:")), ""),
        quirks=tuple(
            [row["quirk"] for block in quirks for row in _rows(block) if "quirk" in row]
            + [item for block in quirks for item in _items(block)]
        ),
        cannot=tuple(
            item for block in _section(blocks, "What it cannot do") for item in _items(block)
        ),
    )


def _section(blocks: list[str], heading: str) -> Iterator[str]:
    inside = False
    for block in blocks:
        if block.startswith("#"):
            inside = block.lstrip("# ").startswith(heading)
        elif inside:
            yield block


def _rows(block: str) -> list[dict[str, str]]:
    lines = [line.strip("| ").split("|") for line in block.splitlines() if line.startswith("|")]
    if len(lines) < 3:
        return []
    head, _, *rows = lines
    names = [each.strip() for each in head]
    return [dict(zip(names, (_plain(cell) for cell in row), strict=False)) for row in rows]


def _items(block: str) -> list[str]:
    if not block.startswith("- "):
        return []
    return [_plain(each) for each in re.split(r"^- ", block, flags=re.MULTILINE) if each.strip()]


def _plain(text: str) -> str:
    return " ".join(LINK.sub(r"\1", text).replace("`", "").replace("**", "").split())
