"""The portal as an ASGI app: limits, credentials, faults, envelopes."""

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass
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

ENCODER = msgspec.json.Encoder(enc_hook=encode_hook)
DROPS = frozenset({"timeout_before", "timeout_after", "crash_after"})
LIMIT_CODES = frozenset({"QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"})


@dataclass
class Outcome:
    """An answer and what the log says about it."""

    response: Response
    commands: int = 0
    refused: bool = False


class Gateway:
    def __init__(self, portal: Portal, backstage: Backstage, monotonic: Seconds) -> None:
        self._portal = portal
        self._backstage = backstage
        self._monotonic = monotonic
        self._limits = Limits(portal.options, monotonic)
        self._caller = Caller(portal, self._limits)
        self._oauth = OAuth(portal.options, portal.clock)
        self._three = RestThree(self._caller)
        self._started = monotonic()
        self._down_until = 0.0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request.path.startswith(PREFIX):
            await control(self._backstage, request, send)
            return
        arrived = self._portal.clock.now()
        seconds = self._monotonic() - self._started
        found = route(request.path)
        fault = self._backstage.faults.pick(found.method if found else request.path)
        outcome = await self._outcome(request, found, fault)
        unanswered = fault is not None and fault.do in DROPS
        self._backstage.log.add(
            time=utc_text(arrived),
            seconds=round(seconds, 6),
            verb=request.verb,
            path=found.shown if found else request.path,
            method=found.method if found else "",
            status=0 if unanswered else outcome.response.status,
            refused=outcome.refused,
            commands=outcome.commands,
            fault=fault.do if fault else None,
            body=_without_token(request.body) if found else "",
        )
        if fault and unanswered:
            await drop(send, receive)
        elif fault and fault.do == "cut":
            await send_half(send, receive, outcome.response)
        else:
            await send_response(send, outcome.response)

    async def _outcome(self, request: Request, found: Route | None, fault: Fault | None) -> Outcome:
        if self._portal.options.latency_ms:
            await asyncio.sleep(self._portal.options.latency_ms / 1000)
        if self._monotonic() < self._down_until:
            return Outcome(html_response(502, "Bad Gateway"))
        if fault and fault.do == "slow":
            await asyncio.sleep(fault.seconds)
        if fault and not fault.after:
            return self._broken(fault, request)
        outcome = await self._answer(request, found)
        if fault and fault.do == "crash_after":
            self._down_until = self._monotonic() + fault.seconds
        if fault and fault.applied:
            return Outcome(self._broken(fault, request).response, outcome.commands)
        return outcome

    def _broken(self, fault: Fault, request: Request) -> Outcome:
        """The answer of a fault, whether or not the request was applied."""
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
        if fault.do == "rename":
            moved = html_response(302, "Moved")
            location = {"Location": f"{fault.host}{request.path}"}
            return Outcome(Response(302, moved.body, location, moved.media))
        if fault.do == "wrong_json":
            return Outcome(json_response({"status": "ok", "data": "unexpected"}))
        return Outcome(html_response(502, "Bad Gateway"))

    async def _answer(self, request: Request, found: Route | None) -> Outcome:
        if request.path.startswith("/oauth/token"):
            return Outcome(self._oauth.token(request))
        if found is None:
            return Outcome(html_response(404, "Not Found"))
        if not self._limits.admit():
            return _refusal(too_many()) if found.version == 2 else _refusal_v3()
        try:
            async with asyncio.timeout(self._portal.options.request_seconds):
                if found.version == 3:
                    return Outcome(await self._three.respond(request, found, self._oauth))
                return await self._version_two(request, found)
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
