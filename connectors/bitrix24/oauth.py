"""Signs calls of an application: the access token goes into the JSON body.

The query works as well in REST 2, but REST 3 ignores it, and addresses end up in logs. A token is
renewed only when the portal says `expired_token`: applications that renew more may be blocked.
"""

import json
from datetime import UTC, datetime

import httpx
import msgspec
from msgspec import Struct
from pydantic import SecretStr

from connectors.auth import OAuth, Token, TokenStore, ask_server, granted
from connectors.bitrix24.refusals import Fault
from connectors.errors import AuthFailed, NotPermitted, Unavailable

CONSENT = "Open the connection and give the application its consent again."


class Granted(Struct, frozen=True):
    """`expires` is Unix time. It is informative: only a refusal makes us renew."""

    access_token: str
    refresh_token: str
    expires: float = 0.0


class Renewal:
    """Spends the refresh token at the authorization server; one answer brings the next pair."""

    def __init__(
        self,
        auth_host: str,
        client_id: str,
        client_secret: SecretStr,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self._auth_host = auth_host
        self._client_id = client_id
        self._client_secret = client_secret
        self._transport = transport

    def __call__(self, spent: Token) -> Token:
        """Raises AuthFailed when the pair is dead, Unavailable when the server cannot be asked."""
        query = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
            "refresh_token": spent.refresh_token,
        }
        request = httpx.Request("GET", f"{self._auth_host}/oauth/token/", params=query)
        return _token(ask_server(request, self._transport))


def oauth(tokens: TokenStore, renewal: Renewal) -> OAuth:
    return OAuth(tokens, sign=sign, expired=expired, renew=renewal)


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
        if code == "PAYMENT_REQUIRED":
            raise NotPermitted(
                "The portal's subscription does not cover the application.",
                next_step="Renew the subscription of the portal, then run a check.",
            )
        raise AuthFailed(
            f"The authorization server refuses to renew the token ({fault.code}).",
            next_step=CONSENT,
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
