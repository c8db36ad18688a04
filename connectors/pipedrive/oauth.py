"""An app's token: bearer on each call, renewed when Pipedrive says that it expired."""

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
    expires_in: float = 3600.0
    api_domain: str | None = None


class Renewal:
    """Spends the refresh token. `told` keeps the address that the answer names."""

    def __init__(
        self,
        auth_host: str,
        client_id: str,
        client_secret: SecretStr,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self._address = f"{auth_host}/oauth/token"
        self._basic = httpx.BasicAuth(client_id, client_secret.get_secret_value())
        self._transport = transport
        self.told: str | None = None

    def __call__(self, spent: Token) -> Token:
        """Raises AuthFailed when the pair is dead, Unavailable when the server cannot be asked."""
        form = {"grant_type": "refresh_token", "refresh_token": spent.refresh_token}
        request = httpx.Request("POST", self._address, data=form)
        signed = next(self._basic.sync_auth_flow(request))
        response = ask_server(signed, self._transport)
        if response.status_code in (400, 401, 403):
            raise AuthFailed("Pipedrive refuses to renew the token.", next_step=CONSENT)
        if not response.is_success:
            raise Unavailable("The authorization server fails.")
        try:
            granted = msgspec.json.decode(response.content, type=Granted)
        except msgspec.MsgspecError as error:
            raise BadResponse("The authorization server's answer could not be read.") from error
        self.told = granted.api_domain
        ends = datetime.now(UTC) + timedelta(seconds=granted.expires_in)
        return Token(granted.access_token, granted.refresh_token, ends)


def oauth(tokens: TokenStore, renewal: Renewal) -> OAuth:
    return OAuth(tokens, sign=_sign, expired=_expired, renew=renewal)


def _sign(request: httpx.Request, token: Token) -> None:
    request.headers["Authorization"] = f"Bearer {token.access_token}"


def _expired(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.UNAUTHORIZED
