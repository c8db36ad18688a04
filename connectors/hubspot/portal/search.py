"""Search: what an index knew some moments ago, at most so many rows, ordered by one property."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from connectors.hubspot.portal.account import Account
from connectors.hubspot.portal.bodies import Filter, SearchBody
from connectors.hubspot.portal.errors import invalid
from connectors.hubspot.portal.store import Entry, Values, shown

MOST_GROUPS, MOST_FILTERS, MOST_IN_ALL = 5, 6, 18
MOST_ROWS, MOST_BODY = 200, 3000
WORDS = re.compile(r"\w+")


def search(account: Account, kind: str, body: SearchBody, size: int) -> dict[str, Any]:
    """Raises Refused."""
    _check(account, kind, body, size)
    seen = account.clock.seconds() - account.options.index_seconds
    found = list(_matching(account, kind, body, seen))
    if body.sorts:
        rule = body.sorts[0]
        found.sort(
            key=lambda pair: _ordered(account, kind, rule.property_name, pair),
            reverse=rule.direction == "DESCENDING",
        )
    start = int(body.after or 0)
    if start + body.limit > account.options.search_cap:
        raise invalid(f"paging past {account.options.search_cap} results is not possible")
    page = found[start : start + body.limit]
    names = body.properties or ["createdate", "hs_lastmodifieddate"]
    answer: dict[str, Any] = {
        "total": len(found),
        "results": [shown(entry, names, [], values) for entry, values in page],
    }
    if start + body.limit < len(found):
        answer["paging"] = {"next": {"after": str(start + body.limit), "link": "?"}}
    return answer


def _check(account: Account, kind: str, body: SearchBody, size: int) -> None:
    groups = body.filter_groups
    counts = [len(group.filters) for group in groups]
    if (
        len(groups) > MOST_GROUPS
        or sum(counts) > MOST_IN_ALL
        or max(counts, default=0) > MOST_FILTERS
    ):
        raise invalid("too many filters")
    if size > MOST_BODY:
        raise invalid("the request body is too long")
    if not 0 < body.limit <= MOST_ROWS:
        raise invalid("limit must be between 1 and 200", ["limit"])
    if len(body.sorts) > 1:
        raise invalid("only one sort rule is allowed", ["sorts"])
    if body.after and not body.after.isdecimal():
        raise invalid("after must be an integer", ["after"])
    known = account.properties[kind]
    for group in groups:
        for each in group.filters:
            if each.property_name not in known:
                raise invalid(f"there is no property {each.property_name}", [each.property_name])
            needs = each.operator not in ("HAS_PROPERTY", "NOT_HAS_PROPERTY", "IN", "NOT_IN")
            if needs and each.value is None:
                raise invalid(f"{each.operator} needs a value", [each.property_name])


def _matching(
    account: Account, kind: str, body: SearchBody, seen: float
) -> Iterator[tuple[Entry, Values]]:
    types = {name: one.type for name, one in account.properties[kind].items()}
    for entry in account.stores[kind].after(_lowest(body)):
        values = entry.as_of(seen)
        if values is None:
            continue
        if not body.filter_groups or any(
            all(_fits(each, values, types) for each in group.filters)
            for group in body.filter_groups
        ):
            yield entry, values


def _lowest(body: SearchBody) -> int:
    """Below this id nothing fits, whatever its group: there is no need to look."""
    lows = [
        max(
            (
                int(each.value)
                for each in group.filters
                if (each.property_name, each.operator) == ("hs_object_id", "GT")
                and (each.value or "").isdecimal()
                and each.value
            ),
            default=0,
        )
        for group in body.filter_groups
    ]
    return min(lows, default=0)


def _fits(each: Filter, values: Values, types: dict[str, str]) -> bool:
    held = values.get(each.property_name)
    operator = each.operator
    if operator == "HAS_PROPERTY":
        return bool(held)
    if operator == "NOT_HAS_PROPERTY":
        return not held
    if not held:
        return operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN")
    if operator in ("IN", "NOT_IN"):
        return (held in (each.values or [])) == (operator == "IN")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        wanted = {word.lower() for word in WORDS.findall(each.value or "")}
        has = wanted <= {word.lower() for word in WORDS.findall(held)}
        return has == (operator == "CONTAINS_TOKEN")
    kind = types[each.property_name]
    try:
        one, other = _comparable(held, kind), _comparable(each.value or "", kind)
        high = _comparable(each.high_value or "", kind) if operator == "BETWEEN" else other
    except ValueError:
        raise invalid(f"{each.value!r} is no {kind}", [each.property_name]) from None
    told: dict[str, bool] = {
        "EQ": one == other,
        "NEQ": one != other,
        "LT": one < other,
        "LTE": one <= other,
        "GT": one > other,
        "GTE": one >= other,
        "BETWEEN": other <= one <= high,
    }
    return told[operator]


def _comparable(value: str, kind: str) -> Any:
    if kind == "number":
        return float(value)
    if kind == "datetime":
        if value.isdecimal():
            return int(value)
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    return value


def _ordered(account: Account, kind: str, name: str, pair: tuple[Entry, Values]) -> Any:
    value = pair[1].get(name)
    type_ = account.properties[kind][name].type
    return (value is not None, _comparable(value, type_) if value is not None else 0)
