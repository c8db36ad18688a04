"""What the demo says, from `words.yaml`, in one language."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from rules.language import Language

LANGUAGES: tuple[Language, ...] = ("en", "fr")
FILE = Path(__file__).with_name("words.yaml")


def words(key: str, language: Language, **values: object) -> str:
    """`words("said.task", "fr")`; the values fill the braces. Raises KeyError."""
    group, _, name = key.partition(".")
    return all_words()[group][name][language].format(**values)


@cache
def all_words() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """By group, name and language."""
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.safe_load(
        FILE.read_text(encoding="utf-8")
    )
    return found
