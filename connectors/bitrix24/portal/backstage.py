"""The control side of the portal: truth, edits as a user would make them, outgoing webhook."""

from collections.abc import Iterator
from typing import Any

from connectors.bitrix24.portal.crmlists import add_activity
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.items import add_item, delete_item, update_item
from connectors.bitrix24.portal.schema import CONTACT, DEAL, LEAD
from connectors.bitrix24.portal.state import Portal
from connectors.bitrix24.portal.talk import say
from connectors.bitrix24.portal.truth import truth
from connectors.sandbox.clock import Clock
from connectors.sandbox.faults import FaultPlan
from connectors.sandbox.requestlog import RequestLog

ITEM_STREAMS = {"leads": LEAD, "deals": DEAL, "contacts": CONTACT}

CHANGES = ("set", "delete", "restore", "hide", "comment")


class Backstage:
    """Edits take the portal's own field names: `{"set": {"stageId": "WON"}}`, `{"delete": true}`,
    and `{"restore": true}` out of the recycle bin of leads, deals and contacts.

    A user sees all rows, so hidden ones can be edited as well; `{"hide": true}` takes a row's
    rights from the webhook's user.
    """

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.clock: Clock = portal.clock
        self.log = RequestLog()
        self._bin: dict[tuple[int, str], Row] = {}
        self.faults = FaultPlan(portal.options.faults, portal.options.seed)

    def records(self, stream: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        return truth(self.portal, stream, query)

    def edit(self, stream: str, record_id: str, change: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(change.keys() - {*CHANGES, "by"}):
            raise ValueError(
                f"unknown: {', '.join(unknown)}; there are {', '.join(CHANGES)} and by"
            )
        if not change.keys() & set(CHANGES):
            raise ValueError(f"nothing to do: give one of {', '.join(CHANGES)}")
        user_id = int(change.get("by", 7))
        if stream in ITEM_STREAMS:
            return self._edit_item(ITEM_STREAMS[stream], record_id, change, user_id)
        if stream.isdigit() and int(stream) in self.portal.items:
            return self._edit_item(int(stream), record_id, change, user_id)
        if stream == "tasks":
            return self._edit_task(record_id, change, user_id)
        if stream == "activities" and record_id == "new":
            new_id = add_activity(self.portal, self.portal.activities, change["set"], user_id)
            return {"id": str(new_id)}
        raise KeyError(stream)

    def set_outgoing_webhook(
        self, url: str | None, events: list[str], copies: int
    ) -> dict[str, Any]:
        self.portal.events.url = url
        self.portal.events.wanted = frozenset(events)
        self.portal.events.copies = copies
        return {"url": url, "events": events, "copies": copies} | {
            "application_token": self.portal.events.application_token,
            "member_id": self.portal.options.member_id,
        }

    def _edit_task(self, record_id: str, change: dict[str, Any], user_id: int) -> Row:
        """Fields by their v2 names, among them STATUS: 2, 3, 5, 6; `comment` writes in the chat."""
        tasks = self.portal.tasks
        fields = dict(change.get("set", {}))
        if record_id == "new":
            return {"id": str(tasks.add(fields, user_id)["ID"])}
        task = tasks.tasks.get(int(record_id))
        if task is None:
            raise KeyError(record_id)
        if change.get("delete"):
            tasks.delete(task)
        elif "hide" in change:
            (tasks.hidden.add if change["hide"] else tasks.hidden.discard)(task["ID"])
        else:
            tasks.update(task, fields, user_id)
        if change.get("comment"):
            say(self.portal, task, str(change["comment"]), user_id)
        return {"id": record_id}

    def _edit_item(
        self, entity_type_id: int, record_id: str, change: dict[str, Any], user_id: int
    ) -> Row:
        entity = self.portal.items[entity_type_id]
        fields = dict(change.get("set", {}))
        schema = entity.schema
        if unknown := sorted(fields.keys() - schema.by_name.keys() - schema.by_upper.keys()):
            raise ValueError(f"these records have no field {', '.join(unknown)}")
        if record_id == "new":
            row = add_item(self.portal, entity, fields, user_id)
            return {"id": str(row["id"])}
        if change.get("restore"):
            entity.table.bring_back(self._bin.pop((entity_type_id, record_id)))
            return {"id": record_id}
        found = entity.table.get(int(record_id))
        if found is None:
            raise KeyError(record_id)
        if change.get("delete"):
            self._bin[entity_type_id, record_id] = found
            delete_item(self.portal, entity, found["id"])
        elif "hide" in change:
            entity.table.hide(found["id"], bool(change["hide"]))
        else:
            update_item(self.portal, entity, found, fields, user_id)
        return {"id": record_id}
