"""Who calls: an API token, or an app with its pair of tokens."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from connectors.pipedrive.portal.errors import forbidden, unauthorized
from connectors.pipedrive.portal.options import SandboxOptions
from connectors.sandbox.asgi import Request, Response, json_response
from connectors.sandbox.clock import Clock
from connectors.sandbox.consents import BadCode, Consents, NoPage

CLIENT_ID = "app-0001"
# https://pipedrive.readme.io/docs/marketplace-oauth-and-api-proxy-status-codes
BAD_CODES = {
    "unknown": "Invalid grant: authorization_code is invalid",
    "expired": "Invalid grant: authorization_code has expired",
    "redirect_uri": "Invalid request: redirect_uri is invalid",
}


@dataclass(frozen=True)
class Caller:
    token: str
    is_app: bool
    scopes: Sequence[str]

    def check(self, scope: str) -> None:
        """Raises ToolError. `full` holds `read`; an API token has the rights of its user."""
        wide = scope.replace(":read", ":full")
        if self.is_app and scope not in self.scopes and wide not in self.scopes:
            raise forbidden()


def secret(options: SandboxOptions, name: str) -> str:
    return hashlib.sha256(f"{name}:{options.seed}".encode()).hexdigest()[:40]


class Access:
    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._count = 0
        self._refresh = {secret(options, "refresh")}
        self._live: dict[str, float] = {}
        self._consents = Consents(
            clock,
            client_id=CLIENT_ID,
            redirects=options.redirects,
            code=secret(options, "code"),
            seconds=options.code_seconds,
            denied={"error": "user_denied"},
        )
        self.api_token = secret(options, "token")

    def caller(self, request: Request) -> Caller:
        """Raises ToolError."""
        given = request.headers.get("x-api-token")
        if given is not None:
            if given != self.api_token:
                raise unauthorized()
            return Caller(given, False, ())
        word, _, token = request.headers.get("authorization", "").partition(" ")
        if word != "Bearer" or self._live.get(token, 0.0) <= self._clock.seconds():
            raise unauthorized()
        return Caller(token, True, self._options.scopes)

    def token(self, request: Request, base: str) -> Response:
        """A code once; a refresh token as long as it is not replaced by the next one."""
        pair = f"{CLIENT_ID}:{secret(self._options, 'client')}"
        basic = base64.b64encode(pair.encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return _refused("Invalid client: client is invalid")
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") == "authorization_code":
            try:
                self._consents.spend(form)
            except BadCode as error:
                return _refused(BAD_CODES[str(error)])
            return json_response(self._issue(base))
        if form.get("grant_type") != "refresh_token":
            return _refused("Unsupported grant type: grant_type is invalid")
        if form.get("refresh_token") not in self._refresh:
            return _refused("Invalid grant: refresh_token is invalid")
        self._refresh.discard(form["refresh_token"])
        return json_response(self._issue(base))

    def consent(self, request: Request) -> Response:
        try:
            return self._consents.answer(request)
        except NoPage as error:
            return _refused(f"Invalid request: {error} is invalid")

    def _issue(self, base: str) -> dict[str, Any]:
        self._count += 1
        access = secret(self._options, f"access{self._count}")
        refresh = secret(self._options, f"refresh{self._count}")
        self._live[access] = self._clock.seconds() + self._options.access_seconds
        self._refresh.add(refresh)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "bearer",
            "expires_in": self._options.access_seconds,
            "scope": ",".join(self._options.scopes),
            "api_domain": base,
        }


def _refused(message: str) -> Response:
    """All with one status; the documents name `error`, the examples show `message`."""
    return json_response({"success": False, "message": message, "error": message}, 400)
