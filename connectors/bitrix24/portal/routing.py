"""Which method a request calls, with what, and as whom."""

from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.bitrix24.portal.answers import Params
from connectors.bitrix24.portal.querystring import parse_query
from connectors.sandbox.asgi import Request

REST = "/rest/"


@dataclass(frozen=True)
class Route:
    """`user` and `code` of a webhook address; both None for a call with a token."""

    method: str
    version: int
    user: str | None = None
    code: str | None = None

    @property
    def shown(self) -> str:
        """The path without the webhook code."""
        parts = ["/rest"] + (["api"] if self.version == 3 else [])
        parts += [self.user, "***"] if self.user else []
        return "/".join([*parts, self.method])


def route(path: str) -> Route | None:
    """None outside of /rest/."""
    if not path.startswith(REST):
        return None
    parts = [part for part in path.removeprefix(REST).split("/") if part]
    version = 2
    if parts and parts[0] == "api":
        version, parts = 3, parts[1:]
    if not parts:
        return None
    method = parts[-1].lower().removesuffix(".json")
    if len(parts) == 3:
        return Route(method, version, parts[0], parts[1])
    return Route(method, version) if len(parts) == 1 else None


def v2_params(request: Request) -> Params | list[Any]:
    """Query and body together; a body is JSON, a form or nothing. Raises ValueError."""
    query = parse_query(request.query)
    media = request.headers.get("content-type", "")
    if not request.body:
        return query
    if "form-urlencoded" in media:
        return query | parse_query(request.body.decode())
    try:
        body = msgspec.json.decode(request.body)
    except msgspec.DecodeError as error:
        raise ValueError("the body is not JSON") from error
    if isinstance(body, list):
        return body
    return query | body if isinstance(body, dict) else query
