"""Rows as Pipedrive shows them, in each version's words."""

from typing import Any

from connectors.pipedrive.portal.company import Row
from connectors.pipedrive.portal.schema import instant, lead_instant, old_instant

TIMES = frozenset(
    ["add_time", "update_time", "stage_change_time", "won_time", "lost_time", "close_time"]
)
INNER = frozenset(["hidden"])
# Shown only where it is asked for.
OPTIONAL = frozenset(["source_lead_id"])


def v2(row: Row, include: list[str] = [], custom: list[str] | None = None) -> Row:  # noqa: B006
    shown = {
        name: instant(value) if name in TIMES else value
        for name, value in row.items()
        if name not in INNER and (name not in OPTIONAL or name in include)
    }
    if "custom_fields" in row and custom is not None:
        shown["custom_fields"] = {key: row["custom_fields"].get(key) for key in custom}
    if "marked_as_done_time" in row:
        shown["marked_as_done_time"] = instant(row["marked_as_done_time"])
    return shown


def lead(row: Row) -> Row:
    shown = {k: v for k, v in row.items() if k not in INNER and k != "is_deleted"}
    for name in ("add_time", "update_time"):
        shown[name] = lead_instant(row[name])
    return shown


def change(entry: tuple[float, str, Any, Any]) -> Row:
    at, name, old, new = entry
    return {
        "field_key": name,
        "old_value": None if old is None else str(old),
        "new_value": None if new is None else str(new),
        "actor_user_id": 21,
        "time": old_instant(at),
        "change_source": "app",
        "change_source_user_agent": None,
        "is_bulk_update_flag": False,
    }
