"""Pages of lists: by an opaque cursor in v2, by offset in v1."""

import base64
import json
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from connectors.pipedrive.portal.company import Row, Table, is_purged
from connectors.pipedrive.portal.errors import invalid
from connectors.pipedrive.portal.operations import Call, Result
from connectors.pipedrive.portal.schema import (
    Check,
    any_text,
    digits,
    limit,
    moment,
    numbers,
    one_of,
)

PAGE = 100
# `filter_id` makes all other filters void, in silence; nobody has saved a filter here.
PAGES: dict[str, Check] = {"limit": limit(500), "cursor": any_text}
ORDER: dict[str, Check] = {
    "sort_by": one_of("id", "update_time", "add_time"),
    "sort_direction": one_of("asc", "desc"),
}
WINDOW: dict[str, Check] = {"updated_since": moment, "updated_until": moment, "ids": numbers(100)}
OFFSET: dict[str, Check] = {"limit": limit(500), "start": digits}


def by_cursor(
    call: Call, table: Table, wanted: Callable[[Row], bool], show: Callable[[Row], Row]
) -> Result:
    """The cursor names the last row that was shown, by what the list is sorted by."""
    query = call.query
    key = query.get("sort_by", "id")
    down = query.get("sort_direction", "asc") == "desc"
    asked = {k: v for k, v in query.items() if k not in ("cursor", "limit")}
    after = _place(query.get("cursor"), asked)
    since, until, ids = (query.get(name) for name in ("updated_since", "updated_until", "ids"))

    def fits(row: Row) -> bool:
        at = row["update_time"] or row["add_time"]
        return (
            not row.get("hidden")
            and (since is None or at >= since)
            and (until is None or at < until)
            and (ids is None or row["id"] in ids)
            and wanted(row)
        )

    rows = table.ordered(key)
    if after is not None:
        rows = _behind(rows, key, after, down)
    elif down:
        rows = rows[::-1]
    size = min(query.get("limit", PAGE), call.company.options.page)
    found = list(islice((row for row in rows if fits(row)), size + 1))
    page, more = found[:size], len(found) > size
    cursor = _cursor([page[-1][key] or 0, page[-1]["id"]], asked) if more else None
    return Result([show(row) for row in page], {"next_cursor": cursor})


def _behind(rows: list[Row], key: str, after: list[Any], down: bool) -> list[Row]:
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        place = [rows[middle][key] or 0, rows[middle]["id"]]
        if place < after or (not down and place == after):
            low = middle + 1
        else:
            high = middle
    return rows[:low][::-1] if down else rows[low:]


def _cursor(place: list[Any], asked: dict[str, Any]) -> str:
    text = json.dumps({"after": place, "of": _print(asked)})
    return base64.urlsafe_b64encode(text.encode()).decode()


def _place(cursor: str | None, asked: dict[str, Any]) -> list[Any] | None:
    if not cursor:
        return None
    try:
        read = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        place, of = list(read["after"]), read["of"]
    except (ValueError, KeyError, TypeError) as error:
        raise invalid("cursor: Invalid cursor") from error
    if of != _print(asked):
        raise invalid("cursor: It belongs to another list")
    return place


def _print(asked: dict[str, Any]) -> str:
    return json.dumps(asked, sort_keys=True)


def by_offset(call: Call, rows: Iterable[Row], show: Callable[[Row], Row]) -> Result:
    """Counts rows from the first one each time: those that move are skipped or shown twice."""
    start, size = call.query.get("start", 0), call.query.get("limit", PAGE)
    size = min(size, call.company.options.page)
    found = list(islice(rows, start, start + size + 1))
    more = len(found) > size
    pages: dict[str, Any] = {"start": start, "limit": size, "more_items_in_collection": more}
    if more:
        pages["next_start"] = start + size
    return Result([show(row) for row in found[:size]], {"pagination": pages})


def is_there(call: Call, row: Row) -> bool:
    return not is_purged(call.company, row)
