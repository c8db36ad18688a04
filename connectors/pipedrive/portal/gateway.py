"""The company as an ASGI app: versions, tokens, limits, faults, envelopes."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any

import msgspec

from connectors.pipedrive.portal import v1, v2
from connectors.pipedrive.portal.access import Access
from connectors.pipedrive.portal.backstage import Backstage
from connectors.pipedrive.portal.company import ME, Company
from connectors.pipedrive.portal.errors import (
    ToolError,
    blocked,
    invalid,
    not_found,
    out_of_tokens,
    too_many,
    unauthorized,
)
from connectors.pipedrive.portal.limits import Limits
from connectors.pipedrive.portal.operations import Call, Operation
from connectors.pipedrive.portal.schema import query_of
from connectors.sandbox.asgi import (
    Receive,
    Request,
    Response,
    Send,
    drop,
    html_response,
    json_response,
    read_request,
    send_half,
    send_response,
)
from connectors.sandbox.clock import Seconds, utc_text
from connectors.sandbox.control import PREFIX, control
from connectors.sandbox.faults import Fault

DROPS = frozenset({"timeout_before", "timeout_after", "crash_after"})
VERSIONS = {"/api/v2/": ("v2", v2.OPERATIONS), "/api/v1/": ("v1", v1.OPERATIONS)}
TOKEN = "/oauth/token"  # noqa: S105 - a path


@dataclass(frozen=True)
class Found:
    name: str
    operation: Operation
    value: str


class Gateway:
    def __init__(
        self,
        company: Company,
        backstage: Backstage,
        access: Access,
        limits: Limits,
        monotonic: Seconds,
    ) -> None:
        self._company = company
        self._backstage = backstage
        self._access = access
        self._limits = limits
        self._monotonic = monotonic
        self._started = monotonic()
        self._down_until = 0.0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request.path.startswith(PREFIX):
            await control(self._backstage, request, send)
            return
        arrived, seconds = self._company.clock.now(), self._monotonic() - self._started
        found = find(request)
        fault = self._backstage.faults.pick(found.name.lower() if found else request.path)
        response = await self._outcome(request, found, fault)
        told = {"Date": format_datetime(self._company.clock.now(), usegmt=True)}
        response = replace(response, headers={**response.headers, **told})
        unanswered = fault is not None and fault.do in DROPS
        self._backstage.log.add(
            time=utc_text(arrived),
            seconds=round(seconds, 6),
            verb=request.verb,
            path=request.path + (f"?{request.query}" if request.query else ""),
            method=found.name if found else "",
            status=0 if unanswered else response.status,
            refused=response.status == 429,
            commands=found.operation.cost if found else 0,
            fault=fault.do if fault else None,
            body=request.body.decode(errors="replace") if found else "",
        )
        if fault and unanswered:
            await drop(send, receive)
        elif fault and fault.do == "cut":
            await send_half(send, receive, response)
        else:
            await send_response(send, response)

    async def _outcome(
        self, request: Request, found: Found | None, fault: Fault | None
    ) -> Response:
        if self._company.options.latency_ms:
            await asyncio.sleep(self._company.options.latency_ms / 1000)
        if self._monotonic() < self._down_until:
            return html_response(502, "Bad Gateway")
        if fault and fault.do == "slow":
            await asyncio.sleep(fault.seconds)
        if fault and not fault.after:
            return self._broken(fault, request)
        response = self._answer(request, found)
        if fault and fault.do == "crash_after":
            self._down_until = self._monotonic() + fault.seconds
        return self._broken(fault, request) if fault and fault.applied else response

    def _broken(self, fault: Fault, request: Request) -> Response:
        if fault.do == "429":
            return replace(too_many().response(), headers={"x-ratelimit-reset": "2"})
        if fault.do == "expired_token":
            return unauthorized().response()
        if fault.do in ("500", "503"):
            return ToolError(int(fault.do), "Internal Server Error").response()
        if fault.do == "error":
            return ToolError(400, fault.description, fault.code).response()
        if fault.do == "rename":
            moved = html_response(302, "Moved")
            return replace(moved, headers={"Location": f"{fault.host}{request.path}"})
        if fault.do == "wrong_json":
            return json_response({"status": "ok", "items": "unexpected"})
        return html_response(502, "Bad Gateway")

    def _answer(self, request: Request, found: Found | None) -> Response:
        if request.path == TOKEN and request.verb == "POST":
            return self._access.token(request, f"http://{request.headers.get('host', '')}")
        if self._limits.is_blocked():
            return blocked()
        headers: dict[str, str] = {}
        try:
            caller = self._access.caller(request)
            headers = self._limits.headers(caller.token, caller.is_app)
            if not self._limits.admit(caller.token, caller.is_app):
                raise too_many()
            if found is None:
                raise not_found("Resource")
            caller.check(found.operation.scope)
            if not self._limits.spend(found.operation.cost):
                headers = self._limits.headers(caller.token, caller.is_app)
                headers["x-daily-ratelimit-token-remaining"] = "0"
                raise out_of_tokens()
            headers = self._limits.headers(caller.token, caller.is_app)
            response = self._run(request, found)
        except ToolError as error:
            response = error.response()
        return replace(response, headers={**response.headers, **headers})

    def _run(self, request: Request, found: Found) -> Response:
        operation = found.operation
        user = self._company.user(ME)
        assert user is not None
        call = Call(
            self._company,
            user,
            self._company.options.admin,
            found.value,
            operation.query.read(query_of(request.query)),
            _body(request, operation),
        )
        result = operation.run(call)
        body = {"success": True, "data": result.data, "additional_data": result.additional}
        return Response(result.status, msgspec.json.encode(body))


def _body(request: Request, operation: Operation) -> dict[str, Any]:
    if operation.body is None:
        if request.body:
            raise invalid("this operation takes no body")
        return {}
    if "json" not in request.headers.get("content-type", ""):
        raise invalid("the body is not JSON")
    try:
        body = msgspec.json.decode(request.body)
    except msgspec.DecodeError as error:
        raise invalid("the body is not JSON") from error
    if not isinstance(body, dict):
        raise invalid("the body is no object")
    return operation.body.read(body)


def find(request: Request) -> Found | None:
    """The operation of a path: its exact one before one with an id in it."""
    for prefix, (version, operations) in VERSIONS.items():
        if not request.path.startswith(prefix):
            continue
        parts = request.path.removeprefix(prefix).split("/")
        names = ["/".join(parts)]
        if len(parts) > 1:
            names.append("/".join([parts[0], "{}", *parts[2:]]))
        for name in names:
            operation = operations.get((request.verb, name))
            if operation is not None:
                value = parts[1] if "{}" in name else ""
                return Found(f"{request.verb} {version}/{name}", operation, value)
    return None
