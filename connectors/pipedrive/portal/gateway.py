"""The company as an ASGI app: versions, tokens, limits, faults, envelopes."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from connectors.pipedrive.portal import v1, v2
from connectors.pipedrive.portal.access import Access
from connectors.pipedrive.portal.backstage import Backstage
from connectors.pipedrive.portal.company import ME
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
from connectors.sandbox.asgi import Request, Response
from connectors.sandbox.clock import Seconds
from connectors.sandbox.faults import Fault
from connectors.sandbox.gateway import Found, Gateway, Outcome

VERSIONS = {"/api/v2/": ("v2", v2.OPERATIONS), "/api/v1/": ("v1", v1.OPERATIONS)}
TOKEN, CONSENT = "/oauth/token", "/oauth/authorize"


@dataclass(frozen=True)
class Match:
    """`value` is the id in the path."""

    name: str
    operation: Operation
    value: str


class CompanyGateway(Gateway[Match]):
    def __init__(self, backstage: Backstage, monotonic: Seconds) -> None:
        company = backstage.company
        super().__init__(backstage, monotonic, company.options.latency_ms)
        self._company = company
        self._access = Access(company.options, company.clock)
        self._limits = Limits(company.options, company.clock, monotonic)

    def find(self, request: Request, raw_path: str) -> Found[Match]:
        match = find(request)
        if match is None:
            return Found(None, "", request.path, "", request.path)
        body = request.body.decode(errors="replace")
        return Found(match, match.name, request.path, body, match.name.lower())

    def refusal_of(self, fault: Fault) -> Outcome | None:
        errors = {
            "503": ToolError(503, "Service Unavailable"),
            "429": too_many(),
            "500": ToolError(500, "Internal Server Error"),
            "expired_token": unauthorized(),
        }
        if fault.do in errors:
            headers = {"x-ratelimit-reset": "2"} if fault.do == "429" else {}
            return _outcome(errors[fault.do].response(), headers)
        if fault.do == "error":
            return _outcome(ToolError(400, fault.description, fault.code).response(), {})
        return None

    async def answer(self, request: Request, route: Match | None) -> Outcome:
        if request.path == TOKEN and request.verb == "POST":
            host = f"http://{request.headers.get('host', '')}"
            return Outcome(self._access.token(request, host))
        if request.path == CONSENT:
            return Outcome(self._access.consent(request))
        if self._limits.is_blocked():
            return Outcome(blocked())
        headers: dict[str, str] = {}
        try:
            caller = self._access.caller(request)
            headers = self._limits.headers(caller.token, caller.is_app)
            if not self._limits.admit(caller.token, caller.is_app):
                raise too_many()
            if route is None:
                raise not_found("Resource")
            caller.check(route.operation.scope)
            if not self._limits.spend(route.operation.cost):
                headers = self._limits.headers(caller.token, caller.is_app)
                if self._company.options.daily_headers:
                    headers["x-daily-ratelimit-token-remaining"] = "0"
                raise out_of_tokens()
            headers = self._limits.headers(caller.token, caller.is_app)
            response = self._run(request, route)
        except ToolError as error:
            response = error.response()
        return _outcome(response, headers)

    def _run(self, request: Request, route: Match) -> Response:
        operation = route.operation
        user = self._company.user(ME)
        assert user is not None
        call = Call(
            self._company,
            user,
            self._company.options.admin,
            route.value,
            operation.query.read(query_of(request.query)),
            _body(request, operation),
        )
        result = operation.run(call)
        body = {"success": True, "data": result.data, "additional_data": result.additional}
        return Response(result.status, msgspec.json.encode(body))


def _outcome(response: Response, headers: dict[str, str]) -> Outcome:
    shown = replace(response, headers={**response.headers, **headers})
    return Outcome(shown, refused=response.status == 429)


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


def find(request: Request) -> Match | None:
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
                return Match(f"{request.verb} {version}/{name}", operation, value)
    return None
