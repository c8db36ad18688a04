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

CLIENT_ID = "app-0001"


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
        self._codes = {secret(options, "code")}
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
            return _refused(401, "Invalid client")
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        kept = self._codes if form.get("grant_type") == "authorization_code" else self._refresh
        name = "code" if kept is self._codes else "refresh_token"
        if form.get(name) not in kept:
            return _refused(400, "Invalid grant")
        kept.discard(form[name])
        return json_response(self._issue(base))

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


def _refused(status: int, message: str) -> Response:
    return json_response({"success": False, "message": message}, status)
