"""The control side of the org: truth, and edits as a user of it would make them."""

from collections.abc import Iterator
from typing import Any

from connectors.salesforce.portal.bulk import Jobs
from connectors.salesforce.portal.errors import Refused
from connectors.salesforce.portal.org import Org
from connectors.salesforce.portal.schema import custom_text
from connectors.salesforce.portal.truth import truth
from connectors.sandbox.clock import Clock
from connectors.sandbox.faults import FaultPlan
from connectors.sandbox.requestlog import RequestLog

CHANGES = {"set", "delete", "restore", "purge", "merge", "convert"}
KINDS = {
    "leads": "Lead",
    "deals": "Opportunity",
    "tasks": "Task",
    "campaigns": "Campaign",
    "members": "CampaignMember",
    "people": "User",
}


class Backstage:
    """Edits take Salesforce's own field names. Beside `set` and `delete` (into the Recycle Bin)
    there are `restore` out of it, `purge` for good, `merge` (the id of the lead that loses) and
    `convert` of a lead (the id of its opportunity). The record of `properties` is a stream; what is
    set are names of new text fields."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.jobs = Jobs(org)
        self.clock: Clock = org.clock
        self.log = RequestLog()
        self.faults = FaultPlan(org.options.faults, org.options.seed)

    def records(self, stream: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        return truth(self.org, stream, query)

    def edit(self, stream: str, record_id: str, change: dict[str, Any]) -> dict[str, Any]:
        if not change.keys() & CHANGES or change.keys() - CHANGES:
            raise ValueError(f"give one of {', '.join(sorted(CHANGES))}")
        if stream == "properties":
            for name in change["set"]:
                self.org.fields(KINDS[record_id])[name] = custom_text(name)
            return {"id": record_id}
        kind = KINDS[stream]
        try:
            return {"id": self._edit(kind, record_id, change)}
        except Refused as error:
            raise ValueError(str(error)) from error

    def set_outgoing_webhook(
        self, url: str | None, events: list[str], copies: int
    ) -> dict[str, Any]:
        raise ValueError("Salesforce posts no webhooks that bear a proof")

    def _edit(self, kind: str, record_id: str, change: dict[str, Any]) -> str:
        org, store = self.org, self.org.store(kind)
        now, late = self.clock.seconds(), self.org.options.commit_seconds
        if record_id == "new":
            return org.create(kind, change.get("set", {}), late).id
        entry = store.entries[record_id]
        if change.get("set"):
            given = dict(change["set"])
            # What only the org itself writes.
            own = {name: given.pop(name) for name in list(given) if self._is_own(kind, name)}
            entry.values |= own
            org.update(kind, entry, given, late)
        elif change.get("delete"):
            org.delete(kind, entry, now, now + late)
        elif change.get("restore"):
            org.restore(kind, entry, now)
        elif change.get("purge"):
            store.purge(entry)
        elif change.get("merge"):
            loser = store.entries[change["merge"]]
            store.delete(loser, now, now + late)
            loser.values["MasterRecordId"] = entry.id
            store.change(entry, {}, now, now + late)
        elif change.get("convert"):
            today = self.clock.now().date().isoformat()
            converted = {"IsConverted": True, "ConvertedDate": today}
            converted |= {"Status": "Closed - Converted"}
            converted |= {"ConvertedOpportunityId": change["convert"]}
            store.change(entry, converted, now, now + late)
        return entry.id

    def _is_own(self, kind: str, name: str) -> bool:
        known = self.org.fields(kind).get(name)
        return known is not None and not known.writable
