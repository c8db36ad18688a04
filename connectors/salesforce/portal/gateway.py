"""The org as an ASGI app: tokens, versions, limits, faults, answers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connectors.salesforce.portal import company
from connectors.salesforce.portal.backstage import Backstage
from connectors.salesforce.portal.context import Context
from connectors.salesforce.portal.errors import Refused, bad, broken, down, no_session, used_up
from connectors.salesforce.portal.ids import numbered
from connectors.salesforce.portal.limits import Limits
from connectors.salesforce.portal.queries import no_route
from connectors.salesforce.portal.routing import Match, find
from connectors.salesforce.portal.tokens import Tokens
from connectors.salesforce.portal.writes import composite
from connectors.sandbox.asgi import Request, Response, json_response
from connectors.sandbox.clock import Seconds
from connectors.sandbox.faults import Fault
from connectors.sandbox.gateway import Found, Gateway, Outcome

GRANTS, VERSIONS = "/services/oauth2/token", "/services/data"
CONSENT = "/services/oauth2/authorize"
LONGEST_URL = 16_384
OLDEST_ALIVE = 31


class OrgGateway(Gateway[Match]):
    def __init__(self, backstage: Backstage, monotonic: Seconds) -> None:
        self._org = backstage.org
        super().__init__(backstage, monotonic, self._org.options.latency_ms)
        self._backstage = backstage
        self._limits = Limits(self._org.options, self._org.clock)
        user = numbered("User", company.INTEGRATION)
        self._tokens = Tokens(self._org.options, self._org.clock, self._org.id, user)

    def find(self, request: Request, raw_path: str) -> Found[Match]:
        match = find(request.verb, raw_path.partition("?")[0])
        method = match.method if match else request.path
        body = request.body.decode(errors="replace") if match else ""
        return Found(match, method, request.path, body, method.lower())

    def refusal_of(self, fault: Fault) -> Outcome | None:
        errors = {
            "503": down(),
            "429": used_up("ConcurrentRequests"),
            "500": broken(),
            "expired_token": no_session(),
        }
        if fault.do in errors:
            return _refusal(errors[fault.do])
        if fault.do == "error":
            return _refusal(bad(fault.code, fault.description))
        return None

    async def answer(self, request: Request, route: Match | None) -> Outcome:
        try:
            if request.verb == "POST" and request.path == GRANTS:
                return Outcome(json_response(self._tokens.grant(request, self._address(request))))
            if request.path == CONSENT:
                return Outcome(self._tokens.consent(request))
            if request.verb == "GET" and request.path.rstrip("/") == VERSIONS:
                return Outcome(json_response(self._versions()))
            self._check_host(request)
            self._tokens.check(request)
            if len(request.path) + len(request.query) > LONGEST_URL:
                raise Refused(414, "URI_TOO_LONG", "the address is too long")
            self._limits.admit()
            if route is None:
                raise no_route(request.path)
            return self._performed(request, route)
        except Refused as error:
            return _refusal(error, self._limits.headers())

    def _performed(self, request: Request, route: Match) -> Outcome:
        """Raises Refused."""
        context, answer = self._call(request, route)
        headers = {**self._limits.headers(), **context.headers}
        if isinstance(answer, bytes):
            return Outcome(Response(context.status, answer, headers, media="text/csv"))
        if answer is None:
            return Outcome(Response(context.status, b"", headers))
        return Outcome(replace(json_response(answer, context.status), headers=headers))

    def _call(self, request: Request, route: Match) -> tuple[Context, Any]:
        self._check_version(route.version)
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        jobs, limits = self._backstage.jobs, self._limits
        context = Context(self._org, jobs, limits, request, route.version, query)
        arguments = [unquote(value) for value in route.arguments.values()]
        if route.route.call is composite:
            return context, composite(context, self._part)
        return context, route.route.call(context, *arguments)

    def _part(self, verb: str, url: str, body: Any) -> tuple[int, Any]:
        """One of several calls in a call, which counts as one."""
        parts = urlsplit(url)
        made = b"" if body is None else json_response(body).body
        headers = {"content-type": "application/json"}
        request = Request(verb, parts.path, parts.query, headers, made)
        route = find(verb, parts.path)
        try:
            if route is None:
                raise no_route(parts.path)
            context, answer = self._call(request, route)
        except Refused as error:
            return error.status, error.body
        return context.status, answer

    def _check_version(self, version: str) -> None:
        number = int(version.partition(".")[0])
        if number < OLDEST_ALIVE:
            raise Refused(410, "GONE", "this version is gone")
        oldest, newest = self._org.options.versions
        if not oldest <= number <= newest:
            raise no_route(f"v{version}")

    def _check_host(self, request: Request) -> None:
        """An org answers at its own address, wherever its tokens come from."""
        wanted = self._org.options.instance
        if wanted and urlsplit(f"//{request.headers.get('host', '')}").hostname != wanted:
            raise no_route("this is not the address of the org")

    def _address(self, request: Request) -> str:
        host = request.headers.get("host", "127.0.0.1")
        if self._org.options.instance:
            port = urlsplit(f"//{host}").port
            host = f"{self._org.options.instance}:{port}"
        return f"http://{host}"

    def _versions(self) -> list[dict[str, str]]:
        oldest, newest = self._org.options.versions
        return [
            {"label": f"Release {n}", "url": f"{VERSIONS}/v{n}.0", "version": f"{n}.0"}
            for n in range(oldest, newest + 1)
        ]


def _refusal(error: Refused, headers: Mapping[str, str] | None = None) -> Outcome:
    made = json_response(error.body, error.status)
    refused = error.code == "REQUEST_LIMIT_EXCEEDED"
    return Outcome(replace(made, headers=dict(headers or {})), refused=refused)
