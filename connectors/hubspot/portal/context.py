"""One request on its way through a route."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.hubspot.portal.account import Account
from connectors.hubspot.portal.events import Events
from connectors.hubspot.portal.store import iso
from connectors.sandbox.asgi import Request
from connectors.sandbox.faults import Fault

# Versions from this one on tell in the body alone that a part of a batch went wrong.
ALWAYS_GOOD = "2026-09"
NOT_THERE = "OBJECT_NOT_FOUND"


@dataclass
class Context:
    """`status` is what a route answers with, when that is not 200; `fault` what the plan has for
    the next input of a batch."""

    account: Account
    events: Events
    request: Request
    fault: Callable[[], Fault | None] = lambda: None
    status: int = 200

    def batch(self, results: list[Any]) -> dict[str, Any]:
        now = iso(self.account.clock.seconds())
        return {"status": "COMPLETE", "startedAt": now, "completedAt": now, "results": results}

    def in_parts(
        self, results: list[Any], errors: Sequence[dict[str, Any]], status: int = 200
    ) -> dict[str, Any]:
        """A batch of which some inputs may have failed."""
        partly = bool(errors) and self.account.options.version < ALWAYS_GOOD
        self.status = 207 if partly else status
        told = [{"status": "error", **each, "errors": [], "links": {}} for each in errors]
        more = {"numErrors": len(told), "errors": told} if told else {}
        return self.batch(results) | more


def part(category: str, message: str, **context: list[str]) -> dict[str, Any]:
    """What is told of the inputs of a batch that failed for one reason."""
    return {"category": category, "message": message, "context": context}
