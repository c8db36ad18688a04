"""An app's tokens: the first pair for the consent in a browser, the next ones by renewal."""

from collections.abc import Mapping
from urllib.parse import urlencode

import httpx

from connectors.auth import Granted, Token, ask_server, granted
from connectors.consent import ANEW, Asked, not_redeemed
from connectors.errors import AuthFailed, Unavailable
from connectors.hubspot.config import HubSpotConfig

NEEDED = (
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "crm.objects.owners.read",
)
# What an account may be without.
OPTIONAL = ("crm.schemas.contacts.write",)


class HubSpotServer:
    """Asks the token address of the same version, in a body: addresses end up in logs."""

    def __init__(self, config: HubSpotConfig, transport: httpx.BaseTransport | None) -> None:
        self._config = config
        self._transport = transport

    def address(self, asked: Asked) -> str:
        query = {
            "client_id": self._config.client_id or "",
            "redirect_uri": asked.redirect_uri,
            "scope": " ".join(scopes(self._config)),
            "optional_scope": " ".join(OPTIONAL),
            "state": asked.state,
            "code_challenge": asked.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._config.consent_host}/oauth/authorize?{urlencode(query)}"

    def redeem(self, code: str, asked: Asked) -> Token:
        """Raises AuthFailed, Unavailable."""
        given = {"code": code, "redirect_uri": asked.redirect_uri, "code_verifier": asked.verifier}
        response = self._post({"grant_type": "authorization_code", **given})
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise not_redeemed("HubSpot", response)
        return granted(response, Granted).pair

    def renew(self, spent: Token) -> Token:
        """Raises AuthFailed when the refresh token is dead, Unavailable."""
        given = {"grant_type": "refresh_token", "refresh_token": spent.refresh_token}
        response = self._post(given)
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise AuthFailed("HubSpot refuses to renew the token.", next_step=ANEW)
        return granted(response, Granted).pair

    def _post(self, given: Mapping[str, str]) -> httpx.Response:
        config = self._config
        secret = config.client_secret.get_secret_value() if config.client_secret else ""
        form = {**given, "client_id": config.client_id or "", "client_secret": secret}
        address = f"{config.base_url}/oauth/{config.api_version}/token"
        response = ask_server(httpx.Request("POST", address, data=form), self._transport)
        if response.status_code in (429, 423) or response.status_code >= 500:
            raise Unavailable("The authorization server does not answer now.")
        return response


def scopes(config: HubSpotConfig) -> list[str]:
    """Those that the settings cannot do without."""
    goals = ("crm.objects.goals.read", "crm.objects.goals.write") if config.goal_template else ()
    return [
        *NEEDED,
        *(["crm.objects.leads.read"] if config.leads else []),
        *(["marketing.campaigns.read"] if config.campaigns else []),
        *goals,
    ]
