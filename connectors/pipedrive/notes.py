"""Our key in the note of an activity, and the note as text. Pure.

An activity has no field of our own: a marker line in its note is the only place for a key that a
list shows. Pipedrive keeps notes as HTML and may tidy it.
"""

import re
from html import escape, unescape

from connectors.markers import marked, unmarked

MARKER = re.compile(r"\[retro:([^\]\s]+)\]")
TARGET = re.compile(r"\[retro-target:([^\]\s]+)\]")
BREAK = re.compile(r"<br\s*/?>|</(?:p|div|li)>", re.IGNORECASE)
TAG = re.compile(r"<[^>]+>")


def to_note(text: str, key: str, word: str = "retro") -> str:
    body = escape(text, quote=False).replace("\r\n", "\n").replace("\n", "<br>")
    marker = f"[{word}:{escape(marked(key), quote=False)}]"
    return f"{body}<br>{marker}" if body else marker


def key_in(note: str | None, pattern: re.Pattern[str] = MARKER) -> str | None:
    found = pattern.search(note or "")
    return unmarked(unescape(found[1])) if found else None


def from_note(note: str | None) -> str | None:
    """What a person reads, without the marker."""
    if not note:
        return None
    text = unescape(TAG.sub("", BREAK.sub("\n", MARKER.sub("", note))))
    return text.replace("\u00a0", " ").strip() or None
