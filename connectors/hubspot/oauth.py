"""An app's token: renewed by its refresh token when the account refuses the old one."""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
from msgspec import Struct
from pydantic import SecretStr

from connectors.auth import OAuth, Token, TokenStore, ask_server
from connectors.errors import AuthFailed, BadResponse, Unavailable

CONSENT = "Open the connection and give the app its consent again."


class Granted(Struct, frozen=True):
    access_token: str
    refresh_token: str
    expires_in: int = 1800


class Renewal:
    """Asks the token address of the same version, in a body: addresses end up in logs."""

    def __init__(
        self,
        address: str,
        client_id: str,
        client_secret: SecretStr,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self._address = address
        self._client_id = client_id
        self._client_secret = client_secret
        self._transport = transport

    def __call__(self, spent: Token) -> Token:
        """Raises AuthFailed when the refresh token is dead, Unavailable."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
            "refresh_token": spent.refresh_token,
        }
        response = ask_server(httpx.Request("POST", self._address, data=form), self._transport)
        if response.status_code in (429, 423) or response.status_code >= 500:
            raise Unavailable("The authorization server does not answer now.")
        if response.status_code >= 400:
            raise AuthFailed("HubSpot refuses to renew the token.", next_step=CONSENT)
        try:
            granted = msgspec.json.decode(response.content, type=Granted)
        except msgspec.MsgspecError as error:
            raise BadResponse("The authorization server's answer could not be read.") from error
        ends = datetime.now(UTC) + timedelta(seconds=granted.expires_in)
        return Token(granted.access_token, granted.refresh_token, ends)


def oauth(tokens: TokenStore, renewal: Renewal) -> OAuth:
    return OAuth(tokens, sign=_sign, expired=_expired, renew=renewal)


def _sign(request: httpx.Request, token: Token) -> None:
    request.headers["Authorization"] = f"Bearer {token.access_token}"


def _expired(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.UNAUTHORIZED
