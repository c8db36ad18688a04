"""The account as an ASGI app: credentials, scopes, limits, faults, answers."""

from dataclasses import replace
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
from connectors.hubspot.portal.routing import Match, find, routes
from connectors.hubspot.portal.tokens import Tokens
from connectors.sandbox.asgi import Request, Response, json_response
from connectors.sandbox.clock import Seconds
from connectors.sandbox.faults import Fault
from connectors.sandbox.gateway import Found, Gateway, Outcome

LONGEST_QUERY = 8000
CONSENT = "/oauth/authorize"
# The limits that a fault 429 may name as its `code`.
POLICIES = ("TEN_SECONDLY_ROLLING", "SECONDLY", "DAILY")


class HubGateway(Gateway[Match]):
    def __init__(self, backstage: Backstage, monotonic: Seconds) -> None:
        account = backstage.account
        super().__init__(backstage, monotonic, account.options.latency_ms)
        self._backstage = backstage
        self._account = account
        self._routes = routes(account.options.version)
        self._limits = Limits(account.options, account.clock, monotonic)
        self._tokens = Tokens(account.options, account.clock)
        self._grants = f"/oauth/{account.options.version}/token"

    def find(self, request: Request, raw_path: str) -> Found[Match]:
        match = find(self._routes, request.verb, raw_path.partition("?")[0])
        method = match.method if match else request.path
        body = request.body.decode(errors="replace") if match else ""
        return Found(match, method, request.path, body, method.lower())

    def refusal_of(self, fault: Fault) -> Outcome | None:
        errors = {
            "503": Refused(503, "SERVICE_UNAVAILABLE", "service unavailable"),
            "429": too_many(fault.code if fault.code in POLICIES else POLICIES[0]),
            "500": server_error(),
            "expired_token": unauthorized(expired=True),
        }
        if fault.do in errors:
            return _refusal(errors[fault.do])
        if fault.do == "error":
            status = int(fault.code) if fault.code.isdecimal() else 400
            return _refusal(Refused(status, "VALIDATION_ERROR", fault.description))
        return None

    async def answer(self, request: Request, route: Match | None) -> Outcome:
        try:
            if request.verb == "POST" and request.path == self._grants:
                return Outcome(json_response(self._tokens.grant(request)))
            if request.path == CONSENT:
                return Outcome(self._tokens.consent(request))
            self._tokens.check(request)
            if len(request.query) > LONGEST_QUERY:
                raise Refused(414, "VALIDATION_ERROR", "URI too long")
            if route is None:
                raise not_found(f"{request.verb} {request.path}")
            told = self._limits.admit(route.route.is_search)
            if route.scope and route.scope not in self._account.options.scopes:
                raise no_scope(route.scope)
            method = route.method.lower()
            context = Context(
                self._account,
                self._backstage.events,
                request,
                # As it is now: the plan may be replaced at any time.
                fault=lambda: self._backstage.faults.pick(method, nested=True),
            )
            arguments = [unquote(value) for value in route.arguments.values()]
            answer = route.route.call(context, *arguments)
        except Refused as error:
            return _refusal(error)
        if answer is None:
            return Outcome(Response(context.status, b"", dict(told)))
        made = json_response(answer, context.status)
        return Outcome(replace(made, headers=dict(told)))


def _refusal(error: Refused) -> Outcome:
    made = json_response(error.body, error.status)
    return Outcome(replace(made, headers=error.headers), refused=error.status == 429)
