"""All that the company holds, and what changes in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.pipedrive.portal.options import SandboxOptions
from connectors.sandbox.clock import Clock

Row = dict[str, Any]
Tell = Callable[[str, str, Row, Row], None]
COMPANY_ID = 900
ME = 21


@dataclass
class Table:
    """Rows by id. `version` moves with every change, so that an order can be kept until then."""

    rows: dict[Any, Row] = field(default_factory=dict)
    version: int = 0
    _orders: dict[str, tuple[int, list[Row]]] = field(default_factory=dict)

    def put(self, row: Row) -> Row:
        self.rows[row["id"]] = row
        self.version += 1
        return row

    def touch(self) -> None:
        self.version += 1

    def ordered(self, key: str) -> list[Row]:
        """All rows by this column, then by id."""
        version, rows = self._orders.get(key, (-1, []))
        if version != self.version:
            rows = sorted(self.rows.values(), key=lambda row: (row[key] or 0, row["id"]))
            self._orders[key] = (self.version, rows)
        return rows

    def shown(self) -> Iterator[Row]:
        return (row for row in self.rows.values() if not row.get("hidden"))


@dataclass
class Company:
    """`tell` reports a change to the webhooks: action, entity, row, what it was before.

    `changelog` has what changed in deals: (moment, field, old, new), by deal.
    """

    options: SandboxOptions
    clock: Clock
    users: list[Row]
    pipelines: list[Row]
    stages: list[Row]
    activity_types: list[Row]
    currencies: list[Row]
    deal_fields: list[Row]
    persons: Table = field(default_factory=Table)
    deals: Table = field(default_factory=Table)
    leads: Table = field(default_factory=Table)
    activities: Table = field(default_factory=Table)
    goals: Table = field(default_factory=Table)
    webhooks: Table = field(default_factory=Table)
    changelog: dict[int, list[tuple[float, str, Any, Any]]] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    tell: Tell = lambda *_: None

    def now(self) -> int:
        return int(self.clock.seconds())

    def next_id(self, kind: str) -> int:
        self.last[kind] = self.last.get(kind, 9000) + 1
        return self.last[kind]

    def user(self, user_id: Any) -> Row | None:
        return next((user for user in self.users if user["id"] == user_id), None)

    def stage(self, stage_id: Any) -> Row | None:
        return next((stage for stage in self.stages if stage["id"] == stage_id), None)

    def changed(self, entity: str, table: Table, row: Row, new: Row) -> None:
        """Write what differs; an unchanged record keeps its moment."""
        before = {name: row.get(name) for name, value in new.items() if row.get(name) != value}
        if not before:
            return
        now = self.now()
        if entity == "deal":
            self._note(row, new, now)
        row.update(new)
        row["update_time"] = now
        table.touch()
        self.tell("delete" if new.get("is_deleted") else "change", entity, row, before)

    def added(self, entity: str, table: Table, row: Row) -> Row:
        table.put(row)
        self.tell("create", entity, row, {})
        return row

    def _note(self, row: Row, new: Row, now: int) -> None:
        log = self.changelog.setdefault(row["id"], [])
        for name in ("stage_id", "status", "value", "owner_id"):
            if name in new and new[name] != row.get(name):
                log.append((now, name, row.get(name), new[name]))
        if "stage_id" in new and new["stage_id"] != row["stage_id"]:
            row["stage_change_time"] = now
            stage = self.stage(new["stage_id"])
            row["pipeline_id"] = stage["pipeline_id"] if stage else row["pipeline_id"]
        if "status" in new and new["status"] != row["status"]:
            for status in ("won", "lost"):
                row[f"{status}_time"] = now if new["status"] == status else None
            row["close_time"] = now if new["status"] in ("won", "lost") else None


def is_purged(company: Company, row: Row) -> bool:
    age = company.now() - (row["update_time"] or 0)
    return bool(row.get("is_deleted")) and age > company.options.purge_days * 86400
