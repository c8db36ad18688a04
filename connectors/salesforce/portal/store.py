"""Records of one object: what they are, what was, and what can be seen of it."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.salesforce.portal.ids import LONG, long, numbered

Values = dict[str, Any]
BIN_SECONDS = 15 * 86_400.0


def stamp(seconds: float) -> str:
    """Moments are told with milliseconds that are always zero."""
    at = datetime.fromtimestamp(int(seconds), UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


@dataclass
class Entry:
    """`past` holds (until, values) of states that others still see: None is not there."""

    id: str
    values: Values
    deleted: float | None = None
    past: list[tuple[float, Values | None]] = field(default_factory=list)

    def seen(self, now: float) -> Values | None:
        for until, values in self.past:
            if now < until:
                return values
        return self.values


class Store:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.entries: dict[str, Entry] = {}
        self._ids: list[str] = []
        self._next = 1

    def add(
        self, values: Values, at: float, visible_at: float = 0.0, id_: str | None = None
    ) -> Entry:
        if id_ is None:
            # Ids have holes.
            self._next += 1 + self._next % 3
            id_ = numbered(self.kind, self._next)
        moments = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), stamp(at))
        entry = Entry(id_, {**values, "Id": id_, "IsDeleted": False, **moments})
        if visible_at > at:
            entry.past.append((visible_at, None))
        self.entries[id_] = entry
        insort(self._ids, id_)
        return entry

    def change(self, entry: Entry, values: Values, at: float, visible_at: float = 0.0) -> None:
        if visible_at > at:
            entry.past.append((visible_at, dict(entry.values)))
        entry.values |= values
        entry.values |= dict.fromkeys(("LastModifiedDate", "SystemModstamp"), stamp(at))

    def delete(self, entry: Entry, at: float, visible_at: float = 0.0) -> None:
        self.change(entry, {"IsDeleted": True}, at, visible_at)
        entry.deleted = at

    def restore(self, entry: Entry, at: float) -> None:
        self.change(entry, {"IsDeleted": False}, at)
        entry.deleted = None

    def purge(self, entry: Entry) -> None:
        del self.entries[entry.id]
        self._ids.remove(entry.id)

    def get(self, id_: str) -> Entry | None:
        """One that is not deleted."""
        entry = self.entries.get(long(id_))
        return None if entry is None or entry.values["IsDeleted"] else entry

    def after(self, id_: str) -> Iterator[Entry]:
        """Above this id, in order of ids."""
        start = bisect_right(self._ids, long(id_).ljust(LONG)) if id_ else 0
        for each in self._ids[start:]:
            yield self.entries[each]

    def in_bin(self, entry: Entry, now: float) -> bool:
        return entry.deleted is not None and now - entry.deleted < BIN_SECONDS
