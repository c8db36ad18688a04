"""The control routes under `/_sandbox`: truth, log, clock, faults, edits, outgoing webhook.

GET records/{stream}        what a right connector must hold, as canonical JSON lines; the query
                            goes to the tool
POST records/{stream}/{id}  `{"set": {...}}` or `{"delete": true}`, as a user of the tool would, in
                            its own field names; the id `new` creates
GET log?since=N             requests as JSON lines
GET log/summary             `{"requests", "refused", "commands", "methods"}`
GET clock, PUT clock        `{"now": "...", "running": bool}`
PUT faults                  a fault plan (see `faults`), or `{"plan": [...], "seed": n}`
PUT outgoing-webhook        `{"url": "...", "events": [...], "copies": n}`; url null is off
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec

from connectors.sandbox.asgi import (
    Request,
    Response,
    Send,
    json_response,
    send_lines,
    send_response,
)
from connectors.sandbox.clock import Clock
from connectors.sandbox.faults import FaultPlan
from connectors.sandbox.requestlog import RequestLog

PREFIX = "/_sandbox/"
LINES_PER_CHUNK = 500


class Tool(Protocol):
    """What a tool's sandbox offers to the control routes.

    `records`, `edit` raise KeyError for an unknown stream or record, ValueError for a bad body.
    """

    clock: Clock
    log: RequestLog
    faults: FaultPlan

    def records(self, stream: str, query: dict[str, str]) -> Iterator[dict[str, Any]]: ...
    def edit(self, stream: str, record_id: str, change: dict[str, Any]) -> dict[str, Any]: ...
    def set_outgoing_webhook(
        self, url: str | None, events: list[str], copies: int
    ) -> dict[str, Any]: ...


async def control(tool: Tool, request: Request, send: Send) -> None:
    route = request.path.removeprefix(PREFIX).strip("/")
    query = dict(parse_qsl(request.query))
    try:
        if request.verb == "GET" and route.startswith("records/"):
            lines = tool.records(route.removeprefix("records/"), query)
            await send_lines(send, _chunks(lines))
            return
        if request.verb == "GET" and route == "log":
            entries = tool.log.since(int(query.get("since", 0)))
            await send_lines(send, _chunks(entries))
            return
        response = _answer(tool, request, route)
    except KeyError as error:
        response = json_response({"error": f"not found: {error.args[0]}"}, 404)
    except (ValueError, TypeError, msgspec.DecodeError) as error:
        response = json_response({"error": str(error)}, 400)
    await send_response(send, response)


def _answer(tool: Tool, request: Request, route: str) -> Response:
    parts = route.split("/")
    if request.verb == "GET" and route == "log/summary":
        return json_response(tool.log.summary())
    if request.verb == "GET" and route == "clock":
        return json_response(tool.clock.state())
    body = msgspec.json.decode(request.body or b"{}")
    if request.verb == "PUT" and route == "clock":
        now = datetime.fromisoformat(body["now"]) if "now" in body else tool.clock.now()
        tool.clock.set(now, bool(body.get("running", True)))
        return json_response(tool.clock.state())
    if request.verb == "PUT" and route == "faults":
        plan = body if isinstance(body, list) else body.get("plan", [])
        seed = 0 if isinstance(body, list) else int(body.get("seed", 0))
        tool.faults = FaultPlan(plan, seed)
        return json_response({"faults": len(plan)})
    if request.verb == "PUT" and route == "outgoing-webhook":
        url = _loopback(body.get("url"))
        events = [str(event).upper() for event in body.get("events", [])]
        return json_response(tool.set_outgoing_webhook(url, events, int(body.get("copies", 1))))
    if request.verb == "POST" and parts[0] == "records" and len(parts) == 3:
        return json_response(tool.edit(parts[1], parts[2], body))
    return json_response({"error": f"no such control route: {request.verb} {route}"}, 404)


def _loopback(url: str | None) -> str | None:
    if url is None:
        return None
    if urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError("a sandbox posts to loopback only")
    return url


async def _chunks(records: Iterable[dict[str, Any]]) -> AsyncIterator[bytes]:
    encoder = msgspec.json.Encoder()
    rest = iter(records)
    while chunk := list(islice(rest, LINES_PER_CHUNK)):
        yield encoder.encode_lines(chunk)
        # Other requests go on while a long answer is made.
        await asyncio.sleep(0)
