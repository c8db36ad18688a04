"""The control side of the account: truth, edits as a user would make them, webhooks."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from connectors.hubspot.portal.account import KINDS, Account, Property
from connectors.hubspot.portal.errors import Refused
from connectors.hubspot.portal.events import Events
from connectors.hubspot.portal.truth import truth
from connectors.sandbox.clock import Clock
from connectors.sandbox.faults import FaultPlan
from connectors.sandbox.requestlog import RequestLog

CHANGES = {"set", "delete", "restore", "merge", "link", "spend"}


class Backstage:
    """Edits take HubSpot's own property names. Beside `set` and `delete` there are `restore`,
    `merge` (the id of the record that loses), `link` ({kind: [ids]}), and `spend` of a campaign
    ({day: amount}). The record of `properties` is a kind; what is set is a name, `unique` or not.
    """

    def __init__(self, account: Account, events: Events) -> None:
        self.account = account
        self.events = events
        self.clock: Clock = account.clock
        self.log = RequestLog()
        self.faults = FaultPlan(account.options.faults, account.options.seed)

    def records(self, stream: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        return truth(self.account, stream, query)

    def edit(self, stream: str, record_id: str, change: dict[str, Any]) -> dict[str, Any]:
        if not change.keys() & CHANGES or change.keys() - CHANGES:
            raise ValueError(f"give one of {', '.join(sorted(CHANGES))}")
        if stream == "campaigns":
            items = self.account.spend.setdefault(record_id, [])
            items += [(_day(day), str(amount)) for day, amount in change["spend"].items()]
            return {"id": record_id}
        if stream == "properties":
            for name, kind in change["set"].items():
                made = Property(name, "string", name, unique=kind == "unique", own=False)
                self.account.properties[record_id][name] = made
            return {"id": record_id}
        if stream not in KINDS:
            raise KeyError(stream)
        try:
            return {"id": str(self._edit(stream, record_id, change))}
        except Refused as error:
            raise ValueError(str(error)) from error

    def set_outgoing_webhook(
        self, url: str | None, events: list[str], copies: int
    ) -> dict[str, Any]:
        self.events.url = url
        self.events.wanted = frozenset(events)
        self.events.copies = copies
        portal = self.account.options.portal_id
        return {"url": url, "events": events, "copies": copies, "portal_id": portal}

    def _edit(self, kind: str, record_id: str, change: dict[str, Any]) -> int:
        account, store, now = self.account, self.account.stores[kind], self.clock.seconds()
        if record_id == "new":
            entry = account.create(kind, change.get("set", {}), now)
            self._link(kind, entry.id, change)
            self.events.happened(kind, entry, "creation")
            return entry.id
        found = store.get(record_id, archived=bool(change.get("restore")))
        if found is None:
            raise KeyError(record_id)
        if change.get("restore"):
            found.archived = None
            self.events.happened(kind, found, "restore")
        elif change.get("delete"):
            store.archive(found, now)
            self.events.happened(kind, found, "deletion")
        elif change.get("merge"):
            # The loser is nowhere any more, not even among the archived.
            del store.entries[int(change["merge"])]
            store.drop(int(change["merge"]))
            store.change(found, {"hs_merged_object_ids": str(change["merge"])}, now)
            self.events.happened(kind, found, "merge")
        elif change.get("set"):
            changed = account.update(kind, found, change["set"], now)
            self.events.changed(kind, found, changed)
        self._link(kind, found.id, change)
        return found.id

    def _link(self, kind: str, id_: int, change: dict[str, Any]) -> None:
        for other, ids in change.get("link", {}).items():
            for each in ids:
                self.account.link(kind, id_, other, int(each), 3)


def _day(text: str) -> date:
    return date.fromisoformat(text)
