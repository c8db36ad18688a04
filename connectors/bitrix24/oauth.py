"""Signs calls of an application: the access token goes into the JSON body.

The query works as well in REST 2, but REST 3 ignores it, and addresses end up in logs. A token is
renewed only when the portal says `expired_token`: applications that renew more may be blocked.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
import msgspec
from msgspec import Struct

from connectors.auth import OAuth, Token, TokenStore, ask_server, granted
from connectors.bitrix24.config import Bitrix24Config
from connectors.bitrix24.refusals import Fault
from connectors.consent import ANEW, Asked, not_redeemed
from connectors.errors import AuthFailed, NotPermitted, Unavailable

UNPAID = "PAYMENT_REQUIRED"


class Granted(Struct, frozen=True):
    """`expires` is Unix time. It is informative: only a refusal makes us renew."""

    access_token: str
    refresh_token: str
    expires: float = 0.0


class BitrixServer:
    """The page of the consent is the portal's; tokens come from a server of their own. Where the
    browser is sent on to is in the card of the application, and not asked for."""

    def __init__(self, config: Bitrix24Config, transport: httpx.BaseTransport | None) -> None:
        self._config = config
        self._transport = transport

    def address(self, asked: Asked) -> str:
        query = {"client_id": self._config.client_id or "", "state": asked.state}
        return f"{self._config.origin}/oauth/authorize/?{urlencode(query)}"

    def redeem(self, code: str, asked: Asked) -> Token:
        """Raises AuthFailed, NotPermitted, Unavailable."""
        response = self._asked({"grant_type": "authorization_code", "code": code})
        fault = _fault(response)
        if fault.is_refusal and fault.code.upper() != UNPAID:
            raise not_redeemed("Bitrix24", response)
        return _token(response)

    def renew(self, spent: Token) -> Token:
        """Raises AuthFailed when the pair is dead, Unavailable when the server cannot be asked."""
        given = {"grant_type": "refresh_token", "refresh_token": spent.refresh_token}
        return _token(self._asked(given))

    def _asked(self, given: Mapping[str, str]) -> httpx.Response:
        config = self._config
        secret = config.client_secret.get_secret_value() if config.client_secret else ""
        query = {**given, "client_id": config.client_id or "", "client_secret": secret}
        request = httpx.Request("GET", f"{config.auth_host}/oauth/token/", params=query)
        return ask_server(request, self._transport)


def oauth(tokens: TokenStore, server: BitrixServer) -> OAuth:
    return OAuth(tokens, sign=sign, expired=expired, renew=server.renew)


def sign(request: httpx.Request, token: Token) -> None:
    body = json.loads(request.content or b"{}") | {"auth": token.access_token}
    content = json.dumps(body, ensure_ascii=False).encode()
    request.stream = httpx.ByteStream(content)
    request.headers["Content-Length"] = str(len(content))


def expired(response: httpx.Response) -> bool:
    if response.status_code != httpx.codes.UNAUTHORIZED:
        return False
    return _fault(response).code.lower() == "expired_token"


def _token(response: httpx.Response) -> Token:
    """A refusal may come with status 200."""
    fault = _fault(response)
    if fault.is_refusal:
        code = fault.code.upper()
        if code == UNPAID:
            raise NotPermitted(
                "The portal's subscription does not cover the application.",
                next_step="Renew the subscription of the portal, then run a check.",
            )
        raise AuthFailed(
            f"The authorization server refuses to renew the token ({fault.code}).",
            next_step=ANEW,
        )
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise Unavailable("The authorization server fails.")
    answer = granted(response, Granted)
    moment = datetime.fromtimestamp(answer.expires, UTC)
    return Token(answer.access_token, answer.refresh_token, moment)


def _fault(response: httpx.Response) -> Fault:
    try:
        return msgspec.json.decode(response.content, type=Fault)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Fault()
