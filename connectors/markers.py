"""Our key inside a mark such as `[retro:…]`, where a tool has only a text for it.

Keys are made of ids that people write, so they may hold what would end the mark or what the tool
tidies: blanks and brackets are written as in addresses, and nothing else is, so that the marks of
all other keys are as they ever were.
"""

import re
from urllib.parse import quote, unquote

UNSAFE = re.compile(r"[%\[\]\s\x00-\x1f\x7f]")
ESCAPED = re.compile(r"(?:%[0-9A-F]{2})+")


def marked(key: str) -> str:
    """The key as it stands in a mark."""
    return UNSAFE.sub(lambda found: quote(found[0], safe=""), key)


def unmarked(text: str) -> str:
    """The key that stands in a mark. An older mark may hold a sign of percent that means itself."""
    return ESCAPED.sub(_meant, text)


def _meant(found: re.Match[str]) -> str:
    signs = unquote(found[0])
    return signs if all(map(UNSAFE.fullmatch, signs)) else found[0]
