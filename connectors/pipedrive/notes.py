"""Our key in the note of an activity, and the note as text. Pure.

An activity has no field of our own: a marker line in its note is the only place for a key that a
list shows. Pipedrive keeps notes as HTML and may tidy it.
"""

import re
from html import unescape

from connectors import markup
from connectors.markers import marked, unmarked

MARKER = re.compile(r"\[retro:([^\]\s]+)\]")
TARGET = re.compile(r"\[retro-target:([^\]\s]+)\]")


def to_note(text: str, key: str, word: str = "retro", held: str | None = None) -> str:
    """Of the note that is `held`, what people formatted stays."""
    return markup.rewritten(held or "", text, f"[{word}:{marked(key)}]", _plain)


def key_in(note: str | None, pattern: re.Pattern[str] = MARKER) -> str | None:
    found = pattern.search(note or "")
    return unmarked(unescape(found[1])) if found else None


def from_note(note: str | None) -> str | None:
    """What a person reads, without the marker."""
    if not note:
        return None
    return _plain(MARKER.sub("", note)).strip() or None


def _plain(note: str) -> str:
    return markup.plain(note).replace("\u00a0", " ")
