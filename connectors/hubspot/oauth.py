"""An app's token: renewed by its refresh token when the account refuses the old one."""

import httpx
from pydantic import SecretStr

from connectors.auth import Granted, Token, ask_server, granted
from connectors.errors import AuthFailed, Unavailable

CONSENT = "Open the connection and give the app its consent again."


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
        return granted(response, Granted).pair
