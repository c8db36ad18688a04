"""The portal as an ASGI app: limits, credentials, faults, envelopes."""

import asyncio
import json
from typing import Any

import msgspec

from connectors.bitrix24.portal.answers import Answer, Credential, encode_hook
from connectors.bitrix24.portal.backstage import Backstage
from connectors.bitrix24.portal.batch import run_batch
from connectors.bitrix24.portal.calls import Caller, named
from connectors.bitrix24.portal.errors import (
    PortalError,
    V3Error,
    expired_token,
    rest_off,
    server_error,
    too_long,
    too_many,
)
from connectors.bitrix24.portal.limits import Limits
from connectors.bitrix24.portal.oauth import OAuth
from connectors.bitrix24.portal.routing import Route, route, v2_params
from connectors.bitrix24.portal.state import Portal
from connectors.bitrix24.portal.v3 import RestThree
from connectors.sandbox.asgi import Request, Response, html_response, json_response
from connectors.sandbox.clock import Seconds
from connectors.sandbox.faults import Fault
from connectors.sandbox.gateway import Found, Gateway, Outcome

ENCODER = msgspec.json.Encoder(enc_hook=encode_hook)
LIMIT_CODES = frozenset({"QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"})


class PortalGateway(Gateway[Route]):
    def __init__(self, portal: Portal, backstage: Backstage, monotonic: Seconds) -> None:
        super().__init__(backstage, monotonic, portal.options.latency_ms)
        self._portal = portal
        self._backstage = backstage
        self._limits = Limits(portal.options, monotonic, portal.clock.seconds)
        self._caller = Caller(portal, self._limits)
        self._oauth = OAuth(portal.options, portal.clock)
        self._three = RestThree(self._caller)

    def find(self, request: Request, raw_path: str) -> Found[Route]:
        found = route(request.path)
        if found is None:
            return Found(None, "", request.path, "", request.path)
        body = _without_token(request.body)
        return Found(found, found.method, found.shown, body, found.method)

    def refusal_of(self, fault: Fault) -> Outcome | None:
        errors = {
            "503": too_many,
            "429": too_long,
            "500": server_error,
            "expired_token": expired_token,
        }
        if fault.do in errors:
            return _refusal(errors[fault.do]())
        if fault.do == "error":
            return _refusal(PortalError(500, fault.code, fault.description))
        return None

    async def answer(self, request: Request, route: Route | None) -> Outcome:
        if request.path.startswith("/oauth/token"):
            return Outcome(self._oauth.token(request))
        if request.path.startswith("/oauth/authorize"):
            return Outcome(self._oauth.consent(request))
        if route is None:
            return Outcome(html_response(404, "Not Found"))
        if not self._limits.admit():
            return _refusal(too_many()) if route.version == 2 else _refusal_v3()
        try:
            async with asyncio.timeout(self._portal.options.request_seconds):
                if route.version == 3:
                    return Outcome(await self._three.respond(request, route, self._oauth))
                return await self._version_two(request, route)
        except TimeoutError:
            return Outcome(html_response(504, "Gateway Time-out"))
        except PortalError as error:
            return _refusal(error)

    async def _version_two(self, request: Request, found: Route) -> Outcome:
        try:
            params = v2_params(request)
        except ValueError as error:
            raise PortalError(400, "INVALID_REQUEST", "Invalid request.") from error
        who = self._oauth.credential(found, params, request)
        if self._portal.options.rest_disabled:
            raise rest_off()
        watch = self._caller.watch()
        if found.method == "batch":
            return await self._batch(params, who)
        answer = await self._caller.run(found.method, params, who)
        return Outcome(_envelope(answer, self._caller.time(watch, found.method, who)))

    async def _batch(self, params: Any, who: Credential) -> Outcome:
        limits, options = self._limits, self._portal.options
        if limits.blocked(who.key, "batch"):
            raise too_long()
        watch = self._caller.watch()
        fields = named(params, ())
        result = await run_batch(self._caller, fields, who, self._backstage.faults)
        if options.batch_billing == "batch":
            spent = asyncio.get_running_loop().time() - watch.ticked
            limits.spend(who.key, "batch", spent)
        errors = result["result_error"]
        codes = {error["error"] for error in errors.values()} if errors else set()
        body = {"result": result, "time": self._caller.time(watch, "batch", who)}
        response = Response(200, ENCODER.encode(body))
        return Outcome(response, len(fields["cmd"]), bool(codes & LIMIT_CODES))


def _without_token(body: bytes) -> str:
    """An application sends its token in the body; what is not JSON is not kept."""
    try:
        read = msgspec.json.decode(body or b"{}")
    except msgspec.DecodeError:
        return ""
    if not isinstance(read, dict) or "auth" not in read:
        return body.decode()
    return json.dumps({k: v for k, v in read.items() if k != "auth"}, ensure_ascii=False)


def _envelope(answer: Answer, time: dict[str, Any]) -> Response:
    body: dict[str, Any] = {"result": answer.result}
    if answer.next is not None:
        body["next"] = answer.next
    if answer.total is not None:
        body["total"] = answer.total
    return Response(200, ENCODER.encode(body | {"time": time}))


def _refusal_v3() -> Outcome:
    error = V3Error(429, "RATELIMITEXCEPTION", "Too many requests")
    return Outcome(json_response(error.body(), error.status), refused=True)


def _refusal(error: PortalError) -> Outcome:
    return Outcome(json_response(error.body(), error.status), refused=error.code in LIMIT_CODES)
