"""What pydantic says of a value of the wrong kind, said for people."""

from collections.abc import Sequence

from pydantic_core import ErrorDetails

LONGEST = 40
DAY = "a day, such as 2026-12-31"
MOMENT = "a moment with its offset from UTC, such as 2026-12-31T10:00:00+01:00"
# By the beginning of the kind of error; the first that fits counts.
EXPECTED: Sequence[tuple[str, str]] = (
    ("date_", DAY),
    ("datetime_", MOMENT),
    ("timezone_", MOMENT),
    ("int_", "a whole number, such as 15"),
    ("float_", "a number, such as 0.15"),
    ("decimal_", "a number, such as 0.15"),
    ("finite_number", "a number, such as 0.15"),
    ("bool_", "true or false"),
    ("string_type", 'a text; put it in quotes: "…"'),
    ("list_type", "a list, as in [a, b]"),
    ("tuple_type", "a list, as in [a, b]"),
    ("dict_type", "fields, as in name: value"),
    ("model_type", "fields, as in name: value"),
    ("model_attributes_type", "fields, as in name: value"),
)
BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def in_words(detail: ErrorDetails) -> str:
    """One sentence without a full stop; pydantic's own for what is rare."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in BOUNDS:
        name, words = BOUNDS[kind]
        return f"must be {words} {context[name]}"
    if kind in ("string_too_short", "too_short"):
        return "must not be empty"
    if kind == "invalid_key":
        return 'a name was read as true or false: put on, off, yes and no in quotes: "on"'
    for beginning, expected in EXPECTED:
        if kind.startswith(beginning):
            return f"{_shown(detail)}expected {expected}"
    return detail["msg"]


def _shown(detail: ErrorDetails) -> str:
    """Days and moments only: another value may be somebody's pay."""
    value = str(detail["input"])
    if not detail["type"].startswith(("date", "timezone_")) or len(value) > LONGEST:
        return ""
    return f"{value} cannot be: "
