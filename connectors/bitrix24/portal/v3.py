"""REST 3.0 (`/rest/api/`): JSON POST only, its own errors, `Idempotency-Key`."""

from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.bitrix24.portal.answers import Credential, Params
from connectors.bitrix24.portal.calls import Caller
from connectors.bitrix24.portal.errors import V3Error
from connectors.bitrix24.portal.oauth import OAuth
from connectors.bitrix24.portal.routing import Route
from connectors.bitrix24.portal.tasks_v3 import METHODS, MethodV3
from connectors.sandbox.asgi import Request, Response, json_response

KEY_HEADER = "Idempotency-Key"
KEPT_SECONDS = 24 * 3600
MAX_KEY = 255


@dataclass(frozen=True)
class Kept:
    """An answer kept for a repeated request, and the body it answered."""

    body: bytes
    response: Response
    until: float


class RestThree:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._kept: dict[tuple[str, str, str], Kept] = {}

    async def respond(self, request: Request, found: Route, oauth: OAuth) -> Response:
        """Raises PortalError for credentials; its own refusals are answers."""
        key = request.headers.get(KEY_HEADER.lower())
        try:
            response = await self._respond(request, found, oauth, key)
        except V3Error as error:
            response = json_response(error.body(), error.status)
        if key is None:
            return response
        headers = response.headers | {KEY_HEADER: key}
        return Response(response.status, response.body, headers, response.media)

    async def _respond(
        self, request: Request, found: Route, oauth: OAuth, key: str | None
    ) -> Response:
        params = _params(request)
        fields = params if isinstance(params, dict) else {}
        who = oauth.credential(found, fields, request)
        if found.method == "batch":
            return await self._batch(params, who)
        method = self._permitted(found.method, who)
        if key is None or not method.keyed:
            return await self._run(found.method, method, fields, who)
        return await self._keyed(request, found.method, method, fields, who, key)

    async def _keyed(
        self,
        request: Request,
        name: str,
        method: MethodV3,
        fields: Params,
        who: Credential,
        key: str,
    ) -> Response:
        """Two calls with one key at the same time may both run: the answer is kept at the end."""
        if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
            raise V3Error(400, "INVALIDIDEMPOTENCYKEYEXCEPTION", "Invalid idempotency key")
        place = (who.key, name, key)
        now = self._caller.portal.clock.seconds()
        kept = self._kept.get(place)
        if kept is not None and kept.until > now:
            if kept.body != request.body:
                raise V3Error(
                    422,
                    "IDEMPOTENCYKEYREUSEDEXCEPTION",
                    "Idempotency key was used with another request",
                )
            again = kept.response.headers | {"Idempotent-Replayed": "true"}
            return Response(kept.response.status, kept.response.body, again)
        response = await self._run(name, method, fields, who)
        self._kept[place] = Kept(request.body, response, now + KEPT_SECONDS)
        return response

    async def _run(self, name: str, method: MethodV3, fields: Params, who: Credential) -> Response:
        caller = self._caller
        watch = caller.watch()
        async with caller.timed(name, who):
            result = method.run(caller.portal, fields, who)
        return json_response({"result": result, "time": caller.time(watch, name, who)})

    async def _batch(self, params: Any, who: Credential) -> Response:
        """How a failing call inside looks is undocumented; here it fails the whole batch."""
        if not isinstance(params, list):
            raise V3Error(400, "INVALIDJSONEXCEPTION", "A batch is a list of calls")
        caller = self._caller
        watch = caller.watch()
        results = []
        for call in params:
            name = str(call.get("method", "")).lower()
            method = self._permitted(name, who)
            async with caller.timed(name, who):
                results.append(method.run(caller.portal, call.get("query") or {}, who))
        return json_response({"result": results, "time": caller.time(watch, "batch", who)})

    def _permitted(self, name: str, who: Credential) -> MethodV3:
        method = METHODS.get(name)
        if method is None:
            raise V3Error(404, "METHODNOTFOUNDEXCEPTION", f"Method `{name}` is not found")
        if method.scope and method.scope not in who.scopes:
            raise V3Error(403, "INSUFFICIENTSCOPEEXCEPTION", "Insufficient scope")
        if self._caller.limits.blocked(who.key, name):
            raise V3Error(429, "RATELIMITEXCEPTION", "Too many requests")
        return method


def _params(request: Request) -> Any:
    """Query parameters are ignored."""
    if request.verb != "POST":
        raise V3Error(400, "INVALIDJSONEXCEPTION", "Only POST with a JSON body is accepted")
    try:
        return msgspec.json.decode(request.body or b"{}")
    except msgspec.DecodeError:
        raise V3Error(400, "INVALIDJSONEXCEPTION", "The body is not JSON") from None
