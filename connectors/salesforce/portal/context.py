"""One request on its way through a route."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.salesforce.portal.bulk import Jobs
from connectors.salesforce.portal.errors import Refused, bad
from connectors.salesforce.portal.limits import Limits
from connectors.salesforce.portal.org import Org
from connectors.sandbox.asgi import Request

MEDIA = "application/json"


@dataclass
class Context:
    """`status` and `headers` are what a route answers with, beside its document."""

    org: Org
    jobs: Jobs
    limits: Limits
    request: Request
    version: str
    query: dict[str, str]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Raises Refused."""
        if not self.request.headers.get("content-type", "").startswith(MEDIA):
            raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", "the content type must be JSON")
        try:
            found = msgspec.json.decode(self.request.body)
        except msgspec.MsgspecError:
            raise bad("JSON_PARSER_ERROR", "unexpected character") from None
        if not isinstance(found, dict):
            raise bad("JSON_PARSER_ERROR", "expected an object")
        return found

    def only(self, *names: str) -> None:
        """What else is in the address is not known. Raises Refused."""
        for name in self.query:
            if name not in names:
                raise bad("INVALID_QUERY_PARAMETER", f"unknown parameter {name}")

    def accepts(self, media: str) -> None:
        """Raises Refused."""
        accepted = self.request.headers.get("accept", "*/*")
        if media not in accepted and "*/*" not in accepted:
            raise Refused(406, "NOT_ACCEPTABLE", f"this is {media}")

    def need(self, name: str) -> str:
        if not self.query.get(name):
            raise bad("MISSING_ARGUMENT", f"The {name} parameter is required")
        return self.query[name]
