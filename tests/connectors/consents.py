"""Accounts whose app is yet to be consented to, and a browser in which somebody does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.bitrix24 import sandbox as bitrix24
from connectors.consent import Asked, code_in
from connectors.hubspot import sandbox as hubspot
from connectors.pipedrive import sandbox as pipedrive
from connectors.registry import tool
from connectors.salesforce import sandbox as salesforce
from connectors.sandbox.asgi import App
from connectors.sandbox.runner import serving
from tests.connectors.hands import Hands

REDIRECT = "http://localhost:8401/oauth/callback"


@dataclass(frozen=True)
class Tool:
    """`life` is the option that says how long an access token lives."""

    kind: str
    make: Callable[..., App]
    options: Callable[..., Any]
    settings: Callable[[Any, str], dict[str, str]]
    life: str
    page: str
    tokens: str
    # Whether it knows a challenge, and whether it is told where the browser is sent on to.
    challenges: bool = True
    is_told: bool = True


TOOLS = [
    Tool(
        "bitrix24",
        bitrix24.create_app,
        bitrix24.SandboxOptions,
        bitrix24.consent_settings,
        life="access_seconds",
        page="/oauth/authorize/",
        tokens="/oauth/token/",
        challenges=False,
        is_told=False,
    ),
    Tool(
        "hubspot",
        hubspot.create_app,
        hubspot.SandboxOptions,
        hubspot.consent_settings,
        life="access_seconds",
        page="/oauth/authorize",
        tokens="/oauth/2026-03/token",
    ),
    Tool(
        "pipedrive",
        pipedrive.create_app,
        pipedrive.SandboxOptions,
        pipedrive.consent_settings,
        life="access_seconds",
        page="/oauth/authorize",
        tokens="/oauth/token",
        challenges=False,
    ),
    Tool(
        "salesforce",
        salesforce.create_app,
        salesforce.SandboxOptions,
        salesforce.consent_settings,
        life="session_seconds",
        page="/services/oauth2/authorize",
        tokens="/services/oauth2/token",
    ),
]


@dataclass(frozen=True)
class Account:
    """`given` are the settings of a connection, without a token."""

    tool: Tool
    base: str
    given: Mapping[str, str]

    def clock(self, now: str) -> None:
        body = {"now": now, "running": False}
        httpx.put(f"{self.base}/_sandbox/clock", json=body, trust_env=False).raise_for_status()

    def faults(self, *plan: Mapping[str, Any]) -> None:
        url = f"{self.base}/_sandbox/faults"
        httpx.put(url, json=list(plan), trust_env=False).raise_for_status()

    def asked(self, path: str) -> int:
        """How many requests there were of this path."""
        log = httpx.get(f"{self.base}/_sandbox/log", trust_env=False).text
        return log.count(f'"path":"{path}"')


@contextmanager
def account(tool: Tool, **options: Any) -> Iterator[Account]:
    """With refresh tokens that are spent by a renewal, and an hour of access."""
    # Two of them always do.
    rotating = {"rotating": True} if tool.kind in ("hubspot", "salesforce") else {}
    known = {"records": 10, "limit": "off", "redirects": (REDIRECT,), **rotating, **options}
    chosen = tool.options(**known)
    with serving(tool.make(chosen)) as base:
        yield Account(tool, base, tool.settings(chosen, base))


def visit(address: str, decision: str = "allow") -> str:
    """Opens the page and presses a button; returns where the browser is sent."""
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(address)
        assert (page.status_code, "Allow" in page.text) == (200, True), page.text
        sent = browser.post(address, data={"decision": decision})
    assert sent.status_code == 302
    return sent.headers["location"]


def refresh_token(there: Account) -> str:
    """Of a consent that was given to another client of the app."""
    found = tool(there.tool.kind)
    made: Any = found(found.Config.model_validate(there.given), Hands().wire())
    server = made.auth_server()
    asked = Asked(REDIRECT)
    token: str = server.redeem(code_in(visit(server.address(asked)), asked), asked).refresh_token
    return token
