"""The account as an ASGI app: credentials, scopes, limits, faults, answers."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from connectors.hubspot.portal.backstage import Backstage
from connectors.hubspot.portal.context import Context
from connectors.hubspot.portal.errors import (
    Refused,
    no_scope,
    not_found,
    server_error,
    too_many,
    unauthorized,
)
from connectors.hubspot.portal.limits import Limits
from connectors.hubspot.portal.routing import Found, find, routes
from connectors.hubspot.portal.tokens import Tokens
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

LONGEST_QUERY = 8000
DROPS = frozenset({"timeout_before", "timeout_after", "crash_after"})


@dataclass(frozen=True)
class Outcome:
    response: Response
    refused: bool = False


class Gateway:
    def __init__(self, backstage: Backstage, monotonic: Seconds) -> None:
        account = backstage.account
        self._backstage = backstage
        self._account = account
        self._monotonic = monotonic
        self._routes = routes(account.options.version)
        self._limits = Limits(account.options, account.clock, monotonic)
        self._tokens = Tokens(account.options, account.clock)
        self._grants = f"/oauth/{account.options.version}/token"
        self._started = monotonic()
        self._down_until = 0.0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request.path.startswith(PREFIX):
            await control(self._backstage, request, send)
            return
        path = scope.get("raw_path", request.path.encode()).decode().partition("?")[0]
        found = find(self._routes, request.verb, path)
        method = found.method if found else request.path
        arrived, seconds = self._account.clock.now(), self._monotonic() - self._started
        fault = self._backstage.faults.pick(method.lower())
        outcome = await self._outcome(request, found, fault)
        unanswered = fault is not None and fault.do in DROPS
        self._backstage.log.add(
            time=utc_text(arrived),
            seconds=round(seconds, 6),
            verb=request.verb,
            path=request.path,
            method=method,
            status=0 if unanswered else outcome.response.status,
            refused=outcome.refused,
            fault=fault.do if fault else None,
            body=request.body.decode(errors="replace") if found else "",
        )
        now = format_datetime(self._account.clock.now(), usegmt=True)
        headers = {**outcome.response.headers, "Date": now}
        response = replace(outcome.response, headers=headers)
        if fault and unanswered:
            await drop(send, receive)
        elif fault and fault.do == "cut":
            await send_half(send, receive, response)
        else:
            await send_response(send, response)

    async def _outcome(self, request: Request, found: Found | None, fault: Fault | None) -> Outcome:
        options = self._account.options
        if options.latency_ms:
            await asyncio.sleep(options.latency_ms / 1000)
        if self._monotonic() < self._down_until:
            return Outcome(html_response(502, "Bad Gateway"))
        if fault and fault.do == "slow":
            await asyncio.sleep(fault.seconds)
        if fault and not fault.after:
            return self._broken(fault, request)
        outcome = self._answer(request, found)
        if fault and fault.do == "crash_after":
            self._down_until = self._monotonic() + fault.seconds
        return self._broken(fault, request) if fault and fault.applied else outcome

    def _broken(self, fault: Fault, request: Request) -> Outcome:
        errors = {
            "503": Refused(503, "SERVICE_UNAVAILABLE", "service unavailable"),
            "429": too_many("TEN_SECONDLY_ROLLING"),
            "500": server_error(),
            "expired_token": unauthorized(expired=True),
        }
        if fault.do in errors:
            return _refusal(errors[fault.do])
        if fault.do == "error":
            status = int(fault.code) if fault.code.isdecimal() else 400
            return _refusal(Refused(status, "VALIDATION_ERROR", fault.description))
        if fault.do == "rename":
            moved = html_response(302, "Moved")
            return Outcome(replace(moved, headers={"Location": f"{fault.host}{request.path}"}))
        if fault.do == "wrong_json":
            return Outcome(json_response({"status": "ok", "data": "unexpected"}))
        return Outcome(html_response(502, "Bad Gateway"))

    def _answer(self, request: Request, found: Found | None) -> Outcome:
        try:
            if request.verb == "POST" and request.path == self._grants:
                return Outcome(json_response(self._tokens.grant(request)))
            self._tokens.check(request)
            if len(request.query) > LONGEST_QUERY:
                raise Refused(414, "VALIDATION_ERROR", "URI too long")
            if found is None:
                raise not_found(f"{request.verb} {request.path}")
            told = self._limits.admit(found.route.is_search)
            if found.scope and found.scope not in self._account.options.scopes:
                raise no_scope(found.scope)
            context = Context(self._account, self._backstage.events, request)
            arguments = [unquote(value) for value in found.arguments.values()]
            answer = found.route.call(context, *arguments)
        except Refused as error:
            return _refusal(error)
        if answer is None:
            return Outcome(Response(context.status, b"", dict(told)))
        made = json_response(answer, context.status)
        return Outcome(replace(made, headers=dict(told)))


def _refusal(error: Refused) -> Outcome:
    made = json_response(error.body, error.status)
    return Outcome(replace(made, headers=error.headers), refused=error.status == 429)
