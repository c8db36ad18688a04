"""Credentials: the inbound webhook, and tokens of an app with rotating refresh tokens.

The sandbox answers for the authorization server as well, under `/oauth/token/`.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from connectors.bitrix24.portal.answers import Credential
from connectors.bitrix24.portal.errors import PortalError, expired_token, no_auth
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.portal.querystring import parse_query
from connectors.bitrix24.portal.routing import Route
from connectors.sandbox.asgi import Request, Response, html_response, json_response
from connectors.sandbox.clock import Clock
from connectors.sandbox.consents import BadCode, Consents, NoPage

REFRESH_SECONDS = 180 * 86400
AUTH_SERVER = "oauth.bitrix.info"


@dataclass(frozen=True)
class App:
    """What an admin reads off the card of a local app, and the first code of the consent."""

    client_id: str
    client_secret: str
    code: str


def secret(options: SandboxOptions, name: str, length: int = 16) -> str:
    """A repeatable made-up secret of this portal."""
    seed = f"{options.seed}:{options.member_id}:{name}"
    return hashlib.sha256(seed.encode()).hexdigest()[:length]


def webhook_code(options: SandboxOptions) -> str:
    return options.webhook_code or secret(options, "webhook")


def application_token(options: SandboxOptions) -> str:
    return options.application_token or secret(options, "application", 32)


def app_of(options: SandboxOptions) -> App:
    return App(
        f"local.{secret(options, 'client', 14)}",
        secret(options, "client secret", 50),
        secret(options, "consent", 32),
    )


class OAuth:
    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._app = app_of(options)
        self._access: dict[str, float] = {}
        self._refresh: dict[str, float] = {}
        self._issued = 0
        self._consents = Consents(
            clock,
            client_id=self._app.client_id,
            redirects=options.redirects,
            code=self._app.code,
            seconds=options.code_seconds,
            denied={},
            card=True,
        )

    def credential(self, route: Route, params: Any, request: Request) -> Credential:
        """Who calls. Raises PortalError with 401."""
        if route.code is not None:
            if (route.user, route.code) != (
                str(self._options.user_id),
                webhook_code(self._options),
            ):
                raise no_auth()
            return self._as("webhook")
        named = params if isinstance(params, dict) else {}
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = str(named.get("auth") or named.get("access_token") or bearer)
        expires = self._access.get(token)
        if expires is None:
            raise no_auth()
        if expires <= self._clock.seconds():
            raise expired_token()
        return self._as("app")

    def consent(self, request: Request) -> Response:
        try:
            return self._consents.answer(request)
        except NoPage:
            return html_response(400, "The application was not found")

    def token(self, request: Request) -> Response:
        """`/oauth/token/`: exchange of a code, or refresh. A refresh token works once."""
        params = parse_query(request.query) | parse_query(request.body.decode())
        try:
            return json_response(self._granted(params))
        except PortalError as error:
            return json_response(error.body(), error.status)

    def _granted(self, params: dict[str, Any]) -> dict[str, Any]:
        app = (params.get("client_id"), params.get("client_secret"))
        if app != (self._app.client_id, self._app.client_secret):
            raise PortalError(400, "invalid_client", "Invalid client")
        grant = params.get("grant_type")
        if grant == "authorization_code":
            try:
                self._consents.spend(params)
            except BadCode as error:
                raise PortalError(400, "invalid_grant", "Invalid grant") from error
            return self._issue()
        if grant == "refresh_token":
            expires = self._refresh.pop(str(params.get("refresh_token")), 0.0)
            if expires > self._clock.seconds():
                more = {"expires": int(self._clock.seconds()) + self._options.access_seconds}
                return self._issue() | more | {"user_id": self._options.user_id}
            raise PortalError(400, "invalid_grant", "Invalid grant")
        raise PortalError(400, "invalid_request", "Invalid request")

    def _issue(self) -> dict[str, Any]:
        self._issued += 1
        now = self._clock.seconds()
        access = secret(self._options, f"access {self._issued}", 32)
        refresh = secret(self._options, f"refresh {self._issued}", 32)
        self._access[access] = now + self._options.access_seconds
        self._refresh[refresh] = now + REFRESH_SECONDS
        return {
            "access_token": access,
            "expires_in": self._options.access_seconds,
            "refresh_token": refresh,
            "scope": ",".join(self._options.scopes),
            "domain": AUTH_SERVER,
            "server_endpoint": f"https://{AUTH_SERVER}/rest/",
            "client_endpoint": f"https://{self._options.host}/rest/",
            "member_id": self._options.member_id,
            "status": "L",
        }

    def _as(self, kind: str) -> Credential:
        return Credential(kind, self._options.user_id, frozenset(self._options.scopes))
