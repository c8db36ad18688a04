"""Records of one kind: their values with history, their archive, and what the search index sees."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Values = dict[str, str | None]


def iso(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass
class Entry:
    """One record. `history` holds (moment, value) of each property, newest last, from the first
    change on; `indexed` older states, as (until, values, archived)."""

    id: int
    values: Values
    created: float
    updated: float
    archived: float | None = None
    history: dict[str, list[tuple[float, str | None]]] = field(default_factory=dict)
    past: list[tuple[float, Values | None]] = field(default_factory=list)

    def versions(self, name: str) -> list[tuple[float, str | None]]:
        if name in self.history:
            return self.history[name]
        value = self.values.get(name)
        return [] if value is None else [(self.created, value)]

    def as_of(self, moment: float) -> Values | None:
        """What an index shows that was last brought up to date then; None is not there."""
        for until, values in self.past:
            if moment < until:
                return values
        return None if self.archived is not None else self.values


class Store:
    """`modified` is the property that moves with every change."""

    def __init__(self, name: str, type_id: str, modified: str, created: str, first: int) -> None:
        self.name = name
        self.type_id = type_id
        self.modified = modified
        self.created = created
        self.entries: dict[int, Entry] = {}
        self._ids: list[int] = []
        self._next = first

    def add(self, values: Values, at: float, *, updated: float | None = None) -> Entry:
        entry = Entry(self._next, dict(values), at, at if updated is None else updated)
        self._next += 1
        entry.values["hs_object_id"] = str(entry.id)
        entry.values.setdefault(self.created, iso(at))
        entry.values[self.modified] = iso(entry.updated)
        self.entries[entry.id] = entry
        insort(self._ids, entry.id)
        return entry

    def born(self, entry: Entry) -> None:
        """Seen by the index only some time after now."""
        entry.past.append((entry.created, None))

    def change(self, entry: Entry, values: Values, at: float) -> list[str]:
        """What changed by it. Writing a value again is no change of it, but of the record."""
        entry.past.append((at, dict(entry.values)))
        changed = [name for name, value in values.items() if entry.values.get(name) != value]
        for name in changed:
            entry.history[name] = [*entry.versions(name), (at, values[name])]
            entry.values[name] = values[name]
        entry.updated = at
        entry.values[self.modified] = iso(at)
        return changed

    def archive(self, entry: Entry, at: float) -> None:
        entry.past.append((at, dict(entry.values)))
        entry.archived = entry.updated = at

    def get(self, id_: str, archived: bool = False) -> Entry | None:
        entry = self.entries.get(int(id_)) if id_.isdecimal() else None
        if entry is None or (entry.archived is not None) != archived:
            return None
        return entry

    def drop(self, id_: int) -> None:
        self._ids.remove(id_)

    def after(self, id_: int) -> Iterator[Entry]:
        for number in self._ids[bisect_right(self._ids, id_) :]:
            yield self.entries[number]


def shown(
    entry: Entry, properties: list[str], history: list[str], values: Values | None = None
) -> dict[str, Any]:
    """As the API shows a record; names that it does not have are left out in silence."""
    held = entry.values if values is None else values
    names = dict.fromkeys([*properties, "hs_object_id"])
    body: dict[str, Any] = {
        "id": str(entry.id),
        "properties": {name: held[name] for name in names if name in held},
        "createdAt": iso(entry.created),
        "updatedAt": iso(entry.updated),
        "archived": entry.archived is not None,
    }
    if entry.archived is not None:
        body["archivedAt"] = iso(entry.archived)
    if history:
        body["propertiesWithHistory"] = {
            name: [
                {"value": value, "timestamp": iso(at), "sourceType": "CRM_UI"}
                for at, value in reversed(entry.versions(name))
            ]
            for name in history
        }
    return body
