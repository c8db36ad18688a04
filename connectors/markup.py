"""A text that a tool keeps as HTML: read as lines, and rewritten where they changed.

People format what we wrote and write beside it. So a text that changes is not made anew: lines that
stay keep their markup, and one that is replaced is refilled.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from html import escape, unescape
from itertools import takewhile

BREAK = re.compile(r"<br\s*/?>|</(?:p|div|li|h\d)>", re.IGNORECASE)
TAG = re.compile(r"<[^>]+>")
TOKEN = re.compile(r"(<[^>]+>|\n)")
OPENING = re.compile(r"<([a-z]\w*)\b[^>]*(?<!/)>", re.IGNORECASE)
CLOSING = re.compile(r"</([a-z]\w*)\s*>", re.IGNORECASE)
# Tags that hold nothing, and so are never closed.
VOID = frozenset({"br", "hr", "img", "input", "wbr"})
NEW, NEW_LINE = "\n", "<br>"

Read = Callable[[str], str]


@dataclass(frozen=True)
class Line:
    """`end` is what breaks it, with the tags that are closed there; the last line has none."""

    inner: str
    end: str = ""


def plain(markup: str) -> str:
    """What people read."""
    return unescape(TAG.sub("", BREAK.sub("\n", markup)))


def to_markup(text: str) -> str:
    return _escaped(text.replace("\r\n", NEW)).replace(NEW, NEW_LINE)


def rewritten(markup: str, text: str, mark: str | None = None, read: Read = plain) -> str:
    """Markup that `read` makes this text of, up to blanks around it; the line `mark` is its last
    one, wherever it was."""
    text = text.replace("\r\n", NEW)
    whole = NEW.join(part for part in (text, mark) if part)
    if not markup:
        return to_markup(whole)
    _, body, _ = _framed(_lines(markup), read)
    if mark in [read(line.inner) for line in body[:-1]]:
        # Else it would hold its place against what people wrote below it.
        markup = _brought_to(markup, text, read)
    return _brought_to(markup, whole, read)


def _brought_to(markup: str, text: str, read: Read) -> str:
    """What cannot be brought together with the markup is written anew: the text is what counts."""
    before, body, after = _framed(_lines(markup), read)
    made = f"{_joined(before)}{_changed(body, text.strip().split(NEW), read)}{_joined(after)}"
    return made if read(made).strip() == read(to_markup(text)).strip() else to_markup(text)


def _lines(markup: str) -> list[Line]:
    lines: list[Line] = []
    inner = ""
    for token in TOKEN.split(markup):
        if token == NEW or BREAK.fullmatch(token):
            lines.append(Line(inner, token))
            inner = ""
        elif lines and not inner and CLOSING.fullmatch(token):
            lines[-1] = replace(lines[-1], end=lines[-1].end + token)
        else:
            inner += token
    return [*lines, Line(inner)]


def _framed(lines: Sequence[Line], read: Read) -> tuple[Sequence[Line], ...]:
    """What comes before the text and after it are lines that show nothing."""
    told = [number for number, line in enumerate(lines) if read(line.inner).strip()]
    if not told:
        return (), (), ()
    return lines[: told[0]], lines[told[0] : told[-1] + 1], lines[told[-1] + 1 :]


def _joined(lines: Sequence[Line]) -> str:
    return "".join(line.inner + line.end for line in lines)


def _changed(lines: Sequence[Line], texts: Sequence[str], read: Read) -> str:
    held = [read(line.inner) for line in lines]
    if held:
        held[0] = held[0].lstrip()
        held[-1] = held[-1].rstrip()
    # As it will be read, where that is not just as it is written.
    wanted = [read(_escaped(text)) for text in texts]
    made, is_ours = "", False
    for step, start, stop, first, last in _steps(held, wanted):
        olds, news = lines[start:stop], texts[first:last]
        if step == "equal":
            made += _joined(olds)
            is_ours = False
            continue
        for old, new in zip(olds, news, strict=False):
            made += _refilled(old.inner, new) + old.end
        left = _unpaired(_joined(olds[len(news) :]))
        if BREAK.search(left):
            # It breaks the line before it too.
            made = made.removesuffix(NEW_LINE)
        made += left
        is_ours = len(news) > len(olds)
        if is_ours and lines and stop == len(lines) and not lines[-1].end:
            made += NEW_LINE
        made += "".join(_escaped(new) + NEW_LINE for new in news[len(olds) :])
    return made.removesuffix(NEW_LINE) if is_ours else made


def _steps(held: Sequence[str], texts: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, held, texts, autojunk=False).get_opcodes()


def _refilled(inner: str, text: str) -> str:
    """The line with another text: what both begin and end with keeps its markup, and where that is
    little, a link or bold letters would be about something else."""
    tokens = TOKEN.split(inner)
    held = "".join(unescape(token) for token in tokens[::2])
    start = _shared(held, text)
    tail = _shared(held[start:][::-1], text[start:][::-1])
    if 2 * (start + tail) < max(len(held), len(text)):
        return _unpaired(inner) + _escaped(text)
    made, at, is_in = "", 0, False
    for number, token in enumerate(tokens):
        if number % 2:
            made += token
            continue
        told = unescape(token)
        made += _escaped(told[: max(0, start - at)])
        if not is_in and at + len(told) >= start:
            made += _escaped(text[start : len(text) - tail])
            is_in = True
        made += _escaped(told[max(0, len(held) - tail - at) :])
        at += len(told)
    return made


def _shared(one: str, other: str) -> int:
    """How many signs both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _unpaired(markup: str) -> str:
    """The tags that are closed or were opened elsewhere."""
    left: list[str] = []
    for tag in TAG.findall(markup):
        closed, opened = CLOSING.fullmatch(tag), OPENING.fullmatch(tag)
        before = OPENING.fullmatch(left[-1]) if left else None
        if closed and before and before[1].lower() == closed[1].lower():
            left.pop()
        elif closed or (opened and opened[1].lower() not in VOID):
            left.append(tag)
    return "".join(left)


def _escaped(text: str) -> str:
    return escape(text, quote=False)
