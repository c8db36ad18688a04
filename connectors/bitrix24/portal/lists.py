"""The list methods of CRM: filter, order, page, select."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from connectors.bitrix24.portal.answers import Answer, Paging, Params, Rows, mapped, paging
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.entity import Entity
from connectors.bitrix24.portal.errors import invalid_argument
from connectors.bitrix24.portal.filters import Condition, Filter
from connectors.bitrix24.portal.table import PAGE, UNBOUNDED

BOUNDS = frozenset({"gt", "ge", "lt", "le", "eq"})


def list_rows(entity: Entity, params: Params, strict: bool = True) -> tuple[Rows, Answer]:
    """A page of readable rows. Raises PortalError for a filter or order the method refuses.

    The answer carries total and next only; its result is for the method to shape.
    """
    wanted = entity.reader(strict).read(params.get("filter", params.get("FILTER")))
    order = _order(entity, params, strict)
    page = paging(params)
    names = entity.names(params.get("select", params.get("SELECT")))
    if len(order) > 1 or (order and order[0][0] != entity.id_name):
        ids, total = _sorted_page(entity, wanted, order, page)
    else:
        descending = bool(order) and order[0][1]
        ids, total = _page_by_id(entity, wanted, descending, page)
    following = page.start + PAGE
    more = page.counted and following < total
    return Rows(entity.table, ids, names), Answer(None, total, following if more else None)


def _page_by_id(
    entity: Entity, wanted: Filter, descending: bool, page: Paging
) -> tuple[list[int], int]:
    low, high, rest = _id_range(entity.id_name, wanted)
    table = entity.table
    chosen = _chosen_ids(entity.id_name, rest)
    if chosen is not None:
        ids = sorted((id_ for id_ in chosen if low <= id_ <= high), reverse=descending)
        found = [id_ for id_ in ids if _readable_match(entity, id_, rest)]
    elif not page.counted:
        return list(islice(table.matching(rest, low, high, descending), PAGE)), 0
    elif not rest.conditions and not rest.groups:
        run = islice(table.ids(low, high, descending), page.start, page.start + PAGE)
        return list(run), table.count(low, high)
    else:
        found = list(table.matching(rest, low, high, descending))
    if not page.counted:
        return found[:PAGE], 0
    return found[page.start : page.start + PAGE], len(found)


def _sorted_page(
    entity: Entity, wanted: Filter, order: list[tuple[str, bool]], page: Paging
) -> tuple[list[int], int]:
    rows = [row for row in entity.table.rows() if wanted.holds(row)]
    for name, descending in reversed(order):
        rows.sort(key=_sort_key(name), reverse=descending)
    ids = [row[entity.id_name] for row in rows]
    if not page.counted:
        return ids[:PAGE], 0
    return ids[page.start : page.start + PAGE], len(ids)


def _sort_key(name: str) -> Callable[[Row], tuple[bool, Any]]:
    return lambda row: (row[name] is not None, 0 if row[name] is None else row[name])


def _chosen_ids(id_name: str, wanted: Filter) -> set[int] | None:
    """The ids that an IN condition names, None without one."""
    for condition in wanted.conditions if not wanted.either else ():
        if condition.field == id_name and condition.operator == "in":
            return {int(item or 0) for item in condition.value}
    return None


def _readable_match(entity: Entity, row_id: int, wanted: Filter) -> bool:
    row = entity.table.get(row_id)
    return row is not None and not entity.table.is_hidden(row_id) and wanted.holds(row)


def _order(entity: Entity, params: Params, strict: bool) -> list[tuple[str, bool]]:
    """(field, descending) pairs."""
    found = []
    for name, direction in mapped(params.get("order", params.get("ORDER"))).items():
        if name not in entity.schema.by_name:
            if strict:
                raise invalid_argument(f"Invalid order: field '{name}' is not allowed in order")
            continue
        found.append((name, str(direction).upper() == "DESC"))
    return found


def _id_range(id_name: str, wanted: Filter) -> tuple[int, int, Filter]:
    """Inclusive bounds that the id conditions set, and the filter without them."""
    low, high = UNBOUNDED
    if wanted.either:
        return low, high, wanted
    rest: list[Condition] = []
    for condition in wanted.conditions:
        value = condition.value
        if condition.field != id_name or condition.operator not in BOUNDS:
            rest.append(condition)
        elif condition.operator == "gt":
            low = max(low, int(value or 0) + 1)
        elif condition.operator == "ge":
            low = max(low, int(value or 0))
        elif condition.operator == "lt":
            high = min(high, int(value or 0) - 1)
        elif condition.operator == "le":
            high = min(high, int(value or 0))
        else:
            low, high = max(low, int(value or 0)), min(high, int(value or 0))
    return low, high, Filter(tuple(rest), wanted.groups)
