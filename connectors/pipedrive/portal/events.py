"""Webhooks of version 2.0: JSON with Basic auth, not signed."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from connectors.pipedrive.portal import render
from connectors.pipedrive.portal.company import COMPANY_ID, ME, Company, Row
from connectors.sandbox.clock import utc_text
from connectors.sandbox.delivery import Courier, Delivery

MEDIA = "application/json"


@dataclass
class Events:
    """`outgoing` is the one the control route sets; others come by `/v1/webhooks`."""

    company: Company
    user: str
    password: str
    courier: Courier = field(default_factory=Courier)
    outgoing: str | None = None
    wanted: frozenset[str] = frozenset()
    copies: int = 1

    def tell(self, action: str, entity: str, row: Row, before: Row) -> None:
        if self.outgoing and (not self.wanted or f"{action}.{entity}".upper() in self.wanted):
            self._send(self.outgoing, (self.user, self.password), 31, action, entity, row, before)
        for hook in self.company.webhooks.rows.values():
            if hook["event_action"] in ("*", action) and hook["event_object"] in ("*", entity):
                pair = (hook.get("http_auth_user") or "", hook.get("http_auth_password") or "")
                url = hook["subscription_url"]
                self._send(url, pair, hook["id"], action, entity, row, before)

    def _send(
        self,
        url: str,
        pair: tuple[str, str],
        hook: int,
        action: str,
        entity: str,
        row: Row,
        before: Row,
    ) -> None:
        show = render.lead if entity == "lead" else render.v2
        meta: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "version": "2.0",
            "action": action,
            "entity": entity,
            "entity_id": str(row["id"]),
            "company_id": str(COMPANY_ID),
            "user_id": str(ME),
            "webhook_id": str(hook),
            "timestamp": utc_text(self.company.clock.now()),
            "correlation_id": str(uuid.uuid4()),
            "attempt": 1,
        }
        data = None if action == "delete" else show(row)
        body = json.dumps({"meta": meta, "data": data, "previous": before or None})
        basic = base64.b64encode(":".join(pair).encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        self.courier.send(Delivery(url, body.encode(), MEDIA, self.copies, headers))
