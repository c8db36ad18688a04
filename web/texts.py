"""The words of the pages, from `texts.yaml`, in one language."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rules.language import Language
from web.figures import NO_BREAK, count

FILE = Path(__file__).with_name("texts.yaml")
# In French these signs keep to the word before them.
FRENCH_SPACE = re.compile(r" (?=[:;?!%])")

Forms = Mapping[str, str]


class Texts:
    """`texts("runs.title")` is the text of that key in the language.

    Values fill the braces; an `n` also chooses between one and many. Raises KeyError.
    """

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        text = all_texts()[key][self.language]
        n = values.get("n")
        if isinstance(n, int):
            values["n"] = count(n, self.language)
        if not isinstance(text, str):
            text = text["one" if _is_one(n, self.language) else "other"]
        return text.format(**values)

    def word(self, kind: str, word: str) -> str:
        """The text for a word of the database. One we do not know becomes the kind's `other`,
        or stays as it is."""
        for key in (f"{kind}.{word}", f"{kind}.other"):
            if key in all_texts():
                return self(key)
        return word


@cache
def all_texts() -> Mapping[str, Mapping[str, str | Forms]]:
    """By key and language: a text, or its forms for one and for many."""
    with FILE.open(encoding="utf-8") as file:
        return dict(_flat(yaml.safe_load(file)))


def _flat(groups: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str | Forms]]]:
    for group, entries in groups.items():
        for name, entry in entries.items():
            yield (
                f"{group}.{name}",
                {language: _spaced(text, language) for language, text in entry.items()},
            )


def _spaced(text: str | Forms, language: str) -> str | Forms:
    if not isinstance(text, str):
        return {form: str(_spaced(each, language)) for form, each in text.items()}
    return FRENCH_SPACE.sub(NO_BREAK, text) if language == "fr" else text


def _is_one(n: object, language: Language) -> bool:
    return n == 1 or (n == 0 and language == "fr")
