"""One request on its way through a route."""

from dataclasses import dataclass
from typing import Any

from connectors.hubspot.portal.account import Account
from connectors.hubspot.portal.events import Events
from connectors.hubspot.portal.store import iso
from connectors.sandbox.asgi import Request


@dataclass
class Context:
    """`status` is what a route answers with, when that is not 200."""

    account: Account
    events: Events
    request: Request
    status: int = 200

    def batch(self, results: list[Any]) -> dict[str, Any]:
        now = iso(self.account.clock.seconds())
        return {"status": "COMPLETE", "startedAt": now, "completedAt": now, "results": results}
