"""An app's token: bearer on each call, renewed when Pipedrive says that it expired."""

import httpx
from pydantic import SecretStr

from connectors.auth import Granted, Token, ask_server, granted
from connectors.errors import AuthFailed, Unavailable

CONSENT = "Open the connection and give the app its consent again."


class Answered(Granted, frozen=True):
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
        answer = granted(response, Answered)
        self.told = answer.api_domain
        return answer.pair
