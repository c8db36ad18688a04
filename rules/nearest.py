"""The known name that a misspelt one most resembles."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing where no known name is near."""
    lowered = {name.casefold(): name for name in sorted(known)}
    near = get_close_matches(word.casefold(), lowered, n=1)
    return f"; did you mean {lowered[near[0]]}?" if near else ""
