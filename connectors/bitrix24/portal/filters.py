"""Filters of list methods: operator prefixes, AND by default, OR groups under digits."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import PortalError, invalid_argument
from connectors.bitrix24.portal.schema import TIMES, Field
from connectors.bitrix24.portal.zone import PortalZone

# Longest first. The key is the prefix, the value the operator it means.
PREFIXES = {
    "!=%": "unlike",
    "!%=": "unlike",
    ">=": "ge",
    "<=": "le",
    "!@": "not_in",
    "!%": "lacks",
    "!=": "ne",
    "=%": "like",
    "%=": "like",
    ">": "gt",
    "<": "lt",
    "@": "in",
    "%": "contains",
    "=": "eq",
    "!": "ne",
}
NUMBERS = frozenset(
    {
        "integer",
        "digits",
        "double",
        "user",
        "crm_category",
        "crm_company",
        "crm_contact",
        "crm_entity",
    }
)
YES_NO = {"1": "y", "0": "n", "true": "y", "false": "n"}


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    value: Any

    def holds(self, row: Row) -> bool:
        found = row[self.field]
        if isinstance(found, list):
            hits = (_compare(self.operator, item, self.value) for item in found)
            return any(hits) if self.operator not in NEGATIVE else all(hits)
        return _compare(self.operator, found, self.value)

    def holds_for(self, found: Any) -> bool:
        return _compare(self.operator, found, self.value)


@dataclass(frozen=True)
class Filter:
    """All conditions and groups must hold, or any of them when `either`."""

    conditions: tuple[Condition, ...] = ()
    groups: tuple["Filter", ...] = ()
    either: bool = False

    def holds(self, row: Row) -> bool:
        parts = [condition.holds(row) for condition in self.conditions]
        parts += [group.holds(row) for group in self.groups]
        return any(parts) if self.either else all(parts)


NEGATIVE = frozenset({"ne", "not_in", "lacks", "unlike"})


@dataclass(frozen=True)
class FilterReader:
    """Reads the filters of one list method. `strict` refuses what it does not know."""

    fields: dict[str, Field]
    zone: PortalZone
    forbidden: frozenset[str] = frozenset()
    strict: bool = True

    def read(self, raw: object) -> Filter:
        """Raises PortalError for a filter that is no map and, when strict, for unknown fields."""
        if raw is None or raw == "":
            return Filter()
        if isinstance(raw, list):
            raw = {str(number): item for number, item in enumerate(raw)}
        if not isinstance(raw, dict):
            raise PortalError(400, "", "Parameter 'filter' must be array.")
        conditions, groups = [], []
        for key, value in raw.items():
            if key == "logic":
                continue
            if key.isdigit():
                groups.append(self.read(value))
            elif condition := self._condition(key, value):
                conditions.append(condition)
        either = str(raw.get("logic", "AND")).upper() == "OR"
        return Filter(tuple(conditions), tuple(groups), either)

    def _condition(self, key: str, value: Any) -> Condition | None:
        prefix = next((prefix for prefix in PREFIXES if key.startswith(prefix)), "")
        name = key.removeprefix(prefix)
        known = self.fields.get(name)
        if known is None or name in self.forbidden:
            if self.strict:
                raise invalid_argument(f"Invalid filter: field '{name}' is not allowed in filter")
            return None
        operator = PREFIXES.get(prefix, "eq")
        if isinstance(value, list | dict):
            operator = {"eq": "in", "ne": "not_in"}.get(operator, operator)
        if operator in {"in", "not_in"}:
            listed = list(value.values()) if isinstance(value, dict) else value
            items = listed if isinstance(listed, list) else [listed]
            return Condition(name, operator, tuple(self._value(known, item) for item in items))
        if operator in {"contains", "lacks", "like", "unlike"}:
            return Condition(name, operator, str(value))
        return Condition(name, operator, self._value(known, value))

    def _value(self, known: Field, value: Any) -> Any:
        if value is None or value == "":
            return None
        try:
            if known.kind in TIMES:
                return self.zone.parse_filter(str(value))
            if known.kind in NUMBERS:
                number = float(value)
                return int(number) if number.is_integer() else number
        except ValueError:
            raise invalid_argument(f"Invalid filter: wrong value of '{known.name}'") from None
        if known.kind == "boolean":
            return YES_NO.get(str(value).lower(), str(value).lower())
        return str(value).lower()


def _compare(operator: str, found: Any, wanted: Any) -> bool:
    return OPERATORS[operator](found, wanted)


def _equal(found: Any, wanted: Any) -> bool:
    if wanted is None:
        return found in (None, "", 0)
    return bool(_plain(found) == wanted)


def _plain(found: Any) -> Any:
    return found.lower() if isinstance(found, str) else found


def _less(found: Any, wanted: Any) -> bool:
    """An empty bound counts as the lowest value, a null field is never below or above."""
    if found is None:
        return False
    if wanted is None:
        wanted = 0 if not isinstance(found, str) else ""
    return bool(_plain(found) < wanted)


def _more(found: Any, wanted: Any) -> bool:
    if found is None:
        return False
    if wanted is None:
        wanted = 0 if not isinstance(found, str) else ""
    return bool(_plain(found) > wanted)


def _contains(found: Any, wanted: str) -> bool:
    return wanted.lower() in str(found or "").lower()


def _like(found: Any, wanted: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in wanted.lower().split("%"))
    return re.fullmatch(pattern, str(found or "").lower(), re.DOTALL) is not None


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _equal,
    "ne": lambda found, wanted: not _equal(found, wanted),
    "in": lambda found, wanted: any(_equal(found, item) for item in wanted),
    "not_in": lambda found, wanted: not any(_equal(found, item) for item in wanted),
    "gt": _more,
    "ge": lambda found, wanted: _more(found, wanted) or _equal(found, wanted),
    "lt": _less,
    "le": lambda found, wanted: _less(found, wanted) or _equal(found, wanted),
    "contains": _contains,
    "lacks": lambda found, wanted: not _contains(found, wanted),
    "like": _like,
    "unlike": lambda found, wanted: not _like(found, wanted),
}
