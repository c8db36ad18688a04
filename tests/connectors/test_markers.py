"""A key survives being written into a text, whatever signs it holds."""

import pytest

from connectors.markers import marked, unmarked

KEYS = [
    "D-1:designer",
    "D 1:chef de projet",
    "a] [b",
    "[x]",
    "50 %:x",
    "%5D",
    "%255D",
    "a\tb\nc",
    "a\u00a0b",
    "é€:où",
    "%",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_comes_back_from_its_mark_which_nothing_ends(key: str) -> None:
    text = marked(key)
    assert unmarked(text) == key
    assert not any(sign in "[]" or sign.isspace() for sign in text)


@pytest.mark.parametrize("key", ["D-1:designer", "é€:où", "target:D-1:lead_cost", "a<b>&c"])
def test_a_key_without_such_signs_is_written_as_it_ever_was(key: str) -> None:
    assert marked(key) == key


@pytest.mark.parametrize("old", ["100%:x", "a%4b", "%41", "%C3%A9", "%ZZ"])
def test_a_percent_of_an_older_mark_means_itself(old: str) -> None:
    assert unmarked(old) == old
