"""Webhooks of the account's app: signed (version 3), in batches, in the background."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.hubspot.portal.account import Account
from connectors.hubspot.portal.store import Entry
from connectors.sandbox.delivery import Courier, Delivery

APP_ID, SUBSCRIPTION = 3001, 9001
NAMED = {"contacts": "contact", "deals": "deal"}


@dataclass
class Events:
    """`wanted` empty means all. The signature's moment is machine time: that is what a receiver
    compares it with."""

    account: Account
    secret: str
    courier: Courier = field(default_factory=Courier)
    url: str | None = None
    wanted: frozenset[str] = frozenset()
    copies: int = 1
    last: int = 40

    def happened(self, kind: str, entry: Entry, what: str) -> None:
        """`creation`, `deletion`, `merge` or `restore`."""
        self._send([self._event(kind, entry, what)])

    def changed(self, kind: str, entry: Entry, names: Sequence[str]) -> None:
        self._send([self._event(kind, entry, "propertyChange", name) for name in names])

    def _event(self, kind: str, entry: Entry, what: str, name: str = "") -> dict[str, Any]:
        self.last += 1
        subject = NAMED.get(kind, "object")
        event: dict[str, Any] = {
            "eventId": self.last,
            "subscriptionId": SUBSCRIPTION,
            "portalId": self.account.options.portal_id,
            "appId": APP_ID,
            "occurredAt": int(self.account.clock.seconds() * 1000),
            "subscriptionType": f"{subject}.{what}",
            "attemptNumber": 0,
            "objectId": entry.id,
            "changeSource": "CRM_UI",
        }
        if subject == "object":
            event["objectTypeId"] = self.account.stores[kind].type_id
        if name:
            event |= {"propertyName": name, "propertyValue": entry.values.get(name) or ""}
        return event

    def _send(self, events: list[dict[str, Any]]) -> None:
        if self.url is None:
            return
        wanted = self.wanted
        events = [one for one in events if not wanted or one["subscriptionType"].upper() in wanted]
        if not events:
            return
        body = json.dumps(events).encode()
        moment = str(int(time.time() * 1000))
        source = b"POST" + self.url.encode() + body + moment.encode()
        signed = hmac.new(self.secret.encode(), source, hashlib.sha256).digest()
        headers = {
            "X-HubSpot-Signature-v3": base64.b64encode(signed).decode(),
            "X-HubSpot-Request-Timestamp": moment,
        }
        delivery = Delivery(self.url, body, "application/json", self.copies, headers)
        self.courier.send(delivery)
