"""An app's tokens: the first pair for the consent in a browser, the next ones by renewal."""

from collections.abc import Mapping
from urllib.parse import urlencode

import httpx

from connectors.auth import Granted, Token, ask_server, granted
from connectors.consent import ANEW, Asked, not_redeemed
from connectors.errors import AuthFailed, Unavailable
from connectors.pipedrive.config import PipedriveConfig

REFUSED = (400, 401, 403)


class Answered(Granted, frozen=True):
    api_domain: str | None = None


class PipedriveServer:
    """What an app may do is in its registration. `told` keeps the address that the last answer
    names for calls."""

    def __init__(self, config: PipedriveConfig, transport: httpx.BaseTransport | None) -> None:
        self._client_id = config.client_id or ""
        secret = config.client_secret.get_secret_value() if config.client_secret else ""
        self._basic = httpx.BasicAuth(self._client_id, secret)
        self._host = config.auth_host
        self._transport = transport
        self.told: str | None = None

    def address(self, asked: Asked) -> str:
        """Without a challenge: the server knows none."""
        query = {
            "client_id": self._client_id,
            "redirect_uri": asked.redirect_uri,
            "state": asked.state,
        }
        return f"{self._host}/oauth/authorize?{urlencode(query)}"

    def redeem(self, code: str, asked: Asked) -> Token:
        """Raises AuthFailed, Unavailable."""
        given = {"code": code, "redirect_uri": asked.redirect_uri}
        response = self._post({"grant_type": "authorization_code", **given})
        if response.status_code in REFUSED:
            raise not_redeemed("Pipedrive", response)
        return self._pair(response)

    def renew(self, spent: Token) -> Token:
        """Raises AuthFailed when the pair is dead, Unavailable when the server cannot be asked."""
        given = {"grant_type": "refresh_token", "refresh_token": spent.refresh_token}
        response = self._post(given)
        if response.status_code in REFUSED:
            raise AuthFailed("Pipedrive refuses to renew the token.", next_step=ANEW)
        return self._pair(response)

    def _post(self, form: Mapping[str, str]) -> httpx.Response:
        request = httpx.Request("POST", f"{self._host}/oauth/token", data=form)
        return ask_server(next(self._basic.sync_auth_flow(request)), self._transport)

    def _pair(self, response: httpx.Response) -> Token:
        if not response.is_success:
            raise Unavailable("The authorization server fails.")
        answer = granted(response, Answered)
        self.told = answer.api_domain
        return answer.pair
