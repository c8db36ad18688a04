"""What operations declare: parameters of the query and fields of bodies, with their types.

A type is a function from the text or value to what it means; it raises ValueError.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import parse_qsl

from connectors.pipedrive.portal.errors import invalid

Check = Callable[[Any], Any]
DIGITS = re.compile(r"\d{1,18}")
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Fields:
    """Known names with their types; `required` must be there."""

    known: Mapping[str, Check]
    required: frozenset[str] = field(default_factory=frozenset)

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Raises ToolError on the first name that is unknown, wrong or missing."""
        for name in given:
            if name not in self.known:
                raise invalid(f"{name}: Unknown field.")
        for name in sorted(self.required):
            if given.get(name) in (None, ""):
                raise invalid(f"{name}: Required")
        read = {}
        for name, value in given.items():
            try:
                read[name] = self.known[name](value)
            except (ValueError, TypeError, KeyError) as error:
                raise invalid(f"{name}: {error}") from error
        return read


def query_of(text: str) -> dict[str, str]:
    """Raises ToolError when a name comes twice."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if len({name for name, _ in pairs}) < len(pairs):
        raise invalid("a query parameter is given twice")
    return dict(pairs)


def digits(text: str) -> int:
    if not DIGITS.fullmatch(text):
        raise ValueError("Expected number")
    return int(text)


def limit(most: int) -> Check:
    def check(text: str) -> int:
        number = digits(text)
        if not 1 <= number <= most:
            raise ValueError(f"Expected a number from 1 to {most}")
        return number

    return check


def truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("Expected boolean")
    return text == "true"


def moment(text: str) -> float:
    """RFC 3339, as Unix time."""
    if "T" not in text:
        raise ValueError("Expected a date-time of RFC 3339")
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("Expected an offset")
    return at.timestamp()


def day(text: Any) -> str:
    return date.fromisoformat(_text(text)).isoformat()


def one_of(*words: str) -> Check:
    def check(text: str) -> str:
        if text not in words:
            raise ValueError(f"Expected one of {', '.join(words)}")
        return text

    return check


def several_of(*words: str) -> Check:
    def check(text: str) -> list[str]:
        found = text.split(",")
        return [one_of(*words)(each) for each in found]

    return check


def numbers(most: int) -> Check:
    def check(text: str) -> list[int]:
        found = [digits(each) for each in text.split(",")]
        if len(found) > most:
            raise ValueError(f"Expected at most {most}")
        return found

    return check


def words(most: int) -> Check:
    def check(text: str) -> list[str]:
        found = text.split(",")
        if len(found) > most:
            raise ValueError(f"Expected at most {most}")
        return found

    return check


def uuid(text: Any) -> str:
    if not UUID.fullmatch(_text(text)):
        raise ValueError("Expected UUID")
    return str(text)


def any_text(text: str) -> str:
    return text


# Of bodies, which are strict about types.


def number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("Expected number")
    return value


def amount(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Expected number")
    return value


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Expected boolean")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("Expected string")
    return value


string = _text


def clock(value: Any) -> str:
    """Hours and minutes in UTC; told with seconds."""
    if not CLOCK.fullmatch(_text(value)):
        raise ValueError("Expected HH:MM")
    return time.fromisoformat(value).isoformat()


def nullable(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def items(check: Check) -> Check:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("Expected array")
        return [check(each) for each in value]

    return read


def mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("Expected object")
    return value


def instant(seconds: float | None) -> str | None:
    """As v2 tells it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def old_instant(seconds: float | None) -> str | None:
    """As v1 tells it: UTC without saying so."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")


def lead_instant(seconds: float | None) -> str | None:
    """As v1 tells it of leads."""
    text = instant(seconds)
    return None if text is None else text.replace("Z", ".000Z")
