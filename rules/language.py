"""Numbers and days as people of a language write them."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

Language = Literal["en", "fr"]
Words = Mapping[Language, str]


def number(value: float, language: Language) -> str:
    return f"{value}".replace(".", ",") if language == "fr" else f"{value}"


def day(value: date, language: Language) -> str:
    return f"{value:%d/%m/%Y}" if language == "fr" else value.isoformat()


def business_days(count: int, language: Language) -> str:
    plural = "s" if count > 1 or (count == 0 and language == "en") else ""
    if language == "fr":
        return f"{count} jour{plural} ouvré{plural}"
    return f"{count} business day{plural}"
