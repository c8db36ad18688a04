"""The control side of the company: truth, edits as a user would make them, outgoing webhook."""

import uuid
from collections.abc import Iterator
from typing import Any

from connectors.pipedrive.portal.build import custom_field
from connectors.pipedrive.portal.company import Company, Row, Table
from connectors.pipedrive.portal.errors import ToolError
from connectors.pipedrive.portal.events import Events
from connectors.pipedrive.portal.operations import Call
from connectors.pipedrive.portal.truth import truth
from connectors.pipedrive.portal.v1 import edit_lead
from connectors.pipedrive.portal.v2 import (
    ACTIVITY,
    DEAL,
    add_activity,
    add_deal,
    edit_activity,
    edit_deal,
)
from connectors.sandbox.clock import Clock
from connectors.sandbox.faults import FaultPlan
from connectors.sandbox.requestlog import RequestLog

CHANGES = ("set", "delete", "hide", "convert", "merge")
# What a merge takes from the deal that loses.
FILLED = ("person_id", "org_id", "value", "lost_reason", "expected_close_date", "source_lead_id")


class Backstage:
    """Edits take the tool's own field names: `{"set": {"status": "won"}}`, `{"delete": true}`,
    `{"hide": true}`, which takes a row out of the token user's sight, and of leads
    `{"convert": true}`, which deletes it and answers the id of the deal it became; of deals
    `{"merge": id}`, the one that loses: what this one lacks it gets, and the other's activities.
    The record of `properties` is `deals`; what is set are keys of new custom fields, which leads
    share."""

    def __init__(self, company: Company, events: Events) -> None:
        self.company = company
        self.events = events
        self.clock: Clock = company.clock
        self.log = RequestLog()
        self.faults = FaultPlan(company.options.faults, company.options.seed)

    def records(self, stream: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        return truth(self.company, stream, query)

    def edit(self, stream: str, record_id: str, change: dict[str, Any]) -> dict[str, Any]:
        if not change.keys() & set(CHANGES):
            raise ValueError(f"nothing to do: give one of {', '.join(CHANGES)}")
        if stream == "properties":
            self.company.deal_fields += [custom_field(key, key) for key in change["set"]]
            return {"id": record_id}
        entity, table = self._table(stream)
        try:
            if record_id == "new":
                return {"id": str(self._add(entity, dict(change["set"]))["id"])}
            row = table.rows[record_id if entity == "lead" else int(record_id)]
            if change.get("convert"):
                return {"id": str(self._convert(row)["id"])}
            if change.get("merge"):
                self._merge(row, self.company.deals.rows[int(change["merge"])])
            elif change.get("delete"):
                self.company.changed(entity, table, row, {"is_deleted": True})
            elif "hide" in change:
                row["hidden"] = bool(change["hide"])
                table.touch()
            else:
                self._edit(entity, table, row, dict(change["set"]))
        except ToolError as error:
            raise ValueError(error.error) from error
        return {"id": record_id}

    def set_outgoing_webhook(
        self, url: str | None, events: list[str], copies: int
    ) -> dict[str, Any]:
        self.events.outgoing = url
        self.events.wanted = frozenset(events)
        self.events.copies = copies
        told = {"user": self.events.user, "password": self.events.password}
        return {"url": url, "events": events, "copies": copies, **told}

    def _table(self, stream: str) -> tuple[str, Table]:
        company = self.company
        tables = {
            "deals": ("deal", company.deals),
            "leads": ("lead", company.leads),
            "contacts": ("person", company.persons),
            "activities": ("activity", company.activities),
            "tasks": ("activity", company.activities),
        }
        return tables[stream]

    def _add(self, entity: str, fields: Row) -> Row:
        call = Call(self.company, self.company.users[0], True, "", {}, {})
        if entity == "deal":
            # Where it came from is nothing to be written, and it ends once it is there.
            later = ("source_lead_id", "status")
            own: Row = {name: fields.pop(name) for name in later if name in fields}
            call.body = DEAL.read({"title": "Deal", **fields})
            made = dict(add_deal(call).data)
            deals = self.company.deals
            self.company.changed("deal", deals, deals.rows[made["id"]], own)
            return made
        if entity == "activity":
            call.body = ACTIVITY.read(fields)
            return dict(add_activity(call).data)
        if entity == "lead":
            return self.company.added(entity, self.company.leads, self._new_lead(fields))
        raise ValueError(f"a new {entity} cannot be made here")

    def _new_lead(self, fields: Row) -> Row:
        """With an id that is random as the tool's own are, and the same in each company."""
        company = self.company
        now, number = company.now(), company.next_id("lead")
        named = ("person_id", "organization_id", "value", "channel", "channel_id", "origin_id")
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"lead {number}")),
            "title": f"Lead {number}",
            "owner_id": company.users[0]["id"],
            "creator_id": company.users[0]["id"],
            **dict.fromkeys((*named, "expected_close_date")),
            "label_ids": [],
            "source_name": "API",
            "origin": "API",
            **{"is_archived": False, "was_seen": False, "is_deleted": False},
            **{"add_time": now, "update_time": now},
            **fields,
        }

    def _convert(self, lead: Row) -> Row:
        """The deal has what the lead had, and names it."""
        value = lead["value"] or {}
        given = {
            "title": lead["title"],
            "owner_id": lead["owner_id"],
            "value": value.get("amount") or 0,
            "currency": value.get("currency") or "EUR",
            **({"person_id": lead["person_id"]} if lead["person_id"] else {}),
        }
        made = self._add("deal", given)
        deal = self.company.deals.rows[made["id"]]
        deal |= {name: lead[name] for name in ("channel_id", "origin")}
        deal["source_lead_id"] = lead["id"]
        self.company.changed("lead", self.company.leads, lead, {"is_deleted": True})
        return deal

    def _merge(self, deal: Row, loser: Row) -> None:
        """Told as one change and one delete."""
        company = self.company
        lacking = {name: loser[name] for name in FILLED if deal[name] is None}
        custom = {key: value for key, value in loser["custom_fields"].items() if value is not None}
        own = {key: value for key, value in deal["custom_fields"].items() if value is not None}
        company.changed("deal", company.deals, deal, lacking | {"custom_fields": custom | own})
        for activity in company.activities.rows.values():
            if activity["deal_id"] == loser["id"]:
                company.changed("activity", company.activities, activity, {"deal_id": deal["id"]})
        company.changed("deal", company.deals, loser, {"is_deleted": True})

    def _edit(self, entity: str, table: Table, row: Row, fields: Row) -> None:
        if unknown := sorted(fields.keys() - row.keys()):
            raise ValueError(f"these records have no field {', '.join(unknown)}")
        if entity == "deal":
            edit_deal(self.company, row, fields)
        elif entity == "activity":
            edit_activity(self.company, row, fields)
        elif entity == "lead":
            edit_lead(self.company, row, fields)
        else:
            self.company.changed(entity, table, row, fields)
