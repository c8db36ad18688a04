"""A kind of CRM item: its fields, its rows, how they are shown and filtered."""

from collections.abc import Iterable
from typing import Any

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import invalid_argument
from connectors.bitrix24.portal.filters import FilterReader
from connectors.bitrix24.portal.generated import Generated
from connectors.bitrix24.portal.schema import NOT_IN_FILTER, TIMES, Field, Schema, new_item
from connectors.bitrix24.portal.table import Table
from connectors.bitrix24.portal.zone import PortalZone


class Entity:
    """Rows with a schema: of stage history and activities as they are, of items through Items."""

    id_name = "ID"

    def __init__(
        self,
        schema: Schema,
        zone: PortalZone,
        seeded: Generated | None = None,
        rows: Iterable[Row] = (),
        hidden: Iterable[int] = (),
        first_id: int = 1,
    ) -> None:
        self.schema = schema
        self.zone = zone
        self.seeded = seeded
        native = [self.native(row) for row in rows]
        self.table = Table(self.id_name, self.show, seeded, native, hidden, first_id)

    def show(self, row: Row, names: tuple[str, ...]) -> Row:
        """The row as the API answers it."""
        fields = self.schema.by_name
        return {name: self._shown(fields[name], row[name]) for name in names}

    def native(self, row: Row) -> Row:
        """A native row from one as the API answers it; missing fields get their defaults."""
        native = new_item(self.schema)
        for key, value in row.items():
            known = self.schema.by_name.get(key) or self.schema.by_upper.get(key)
            if known is not None:
                native[known.name] = self.stored_value(known, value)
        return native

    def stored_value(self, known: Field, value: Any) -> Any:
        """A value written through the API, as it is kept. Raises PortalError."""
        if known.multiple:
            listed = value if isinstance(value, list) else [value] if value else []
            return [self._single(known, item) for item in listed]
        return self._single(known, value)

    def reader(self, strict: bool = True) -> FilterReader:
        return FilterReader(self.schema.by_name, self.zone, NOT_IN_FILTER, strict)

    def add_field(self, added: Field) -> None:
        self.schema = self.schema.with_field(added)
        empty: list[Any] | None = [] if added.multiple else None
        for row in self.seeded.shapes if self.seeded else ():
            row[added.name] = empty
        self.table.add_column(added.name, empty)

    def names(self, select: object) -> tuple[str, ...]:
        """Field names of a select list; nothing or `*` means all, unknown names are dropped."""
        listed = list(select.values()) if isinstance(select, dict) else select
        if not isinstance(listed, list) or not listed or "*" in listed:
            return tuple(self.schema.by_name)
        return self._known(tuple(str(name) for name in listed))

    def _known(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        customs = tuple(item.name for item in self.schema.customs) if "uf*" in listed else ()
        known = self.schema.by_name
        return tuple(dict.fromkeys([name for name in listed if name in known] + [*customs]))

    def _shown(self, known: Field, value: Any) -> Any:
        if known.kind in TIMES and value is not None:
            return self.zone.text(value)
        if known.kind == "digits" and value is not None:
            return str(value)
        return value

    def _single(self, known: Field, value: Any) -> Any:
        if value is None:
            return None
        try:
            return self._converted(known, value)
        except (ValueError, TypeError):
            raise invalid_argument(f"Invalid value of field '{known.name}'") from None

    def _converted(self, known: Field, value: Any) -> Any:
        if known.kind in TIMES and value == "":
            return None
        if known.kind == "date":
            return self._date(str(value))
        if known.kind == "datetime":
            return value if isinstance(value, int) else self.zone.parse(str(value))
        if known.kind == "double":
            return None if value == "" else number(value, known.precision)
        if known.kind == "boolean":
            return "Y" if str(value).lower() in {"y", "1", "true"} else "N"
        if known.kind in {"string", "text"} or known.kind == "crm_status":
            return str(value)
        if isinstance(value, str) and known.kind != "crm_currency":
            return int(value or 0)
        return value

    def _date(self, text: str) -> int:
        """A date, or the midnight UTC that a list answer shows for one."""
        if len(text) == len("2026-08-08"):
            return self.zone.parse_date(text)
        return self.zone.parse(text) // 86400 * 86400


class ItemEntity(Entity):
    """Leads, deals, contacts and smart-process items: `crm.item.*`."""

    id_name = "id"

    def native(self, row: Row) -> Row:
        native = super().native(row)
        if native.get("contactId") and not native.get("contactIds"):
            native["contactIds"] = [native["contactId"]]
        for name in ("updatedTime", "movedTime", "lastActivityTime"):
            native[name] = native["createdTime"] if native[name] is None else native[name]
        return native


def number(value: Any, precision: int | None) -> int | float:
    """A number as PHP's JSON shows it: whole ones without a fraction. Raises ValueError."""
    found = float(value)
    if precision is not None:
        found = round(found, precision)
    return int(found) if found.is_integer() else found
