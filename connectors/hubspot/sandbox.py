"""The HubSpot sandbox: an ASGI app, and what a client needs to connect to it."""

import time
from typing import Any

from connectors.hubspot.portal.account import Account
from connectors.hubspot.portal.backstage import Backstage
from connectors.hubspot.portal.events import Events
from connectors.hubspot.portal.gateway import HubGateway
from connectors.hubspot.portal.options import SandboxOptions
from connectors.hubspot.portal.seeded import fill
from connectors.hubspot.portal.tokens import secret_of
from connectors.sandbox.asgi import App
from connectors.sandbox.clock import Clock, Seconds
from connectors.sandbox.knobs import Knobs

__all__ = ["SandboxOptions", "app_settings", "create_app", "make", "settings"]

KIND = "hubspot"


def create_app(options: SandboxOptions, monotonic: Seconds = time.monotonic) -> App:
    """`monotonic` drives limits and the running clock; a test may pass its own."""
    account = Account(options, Clock(options.start_at, not options.frozen, monotonic))
    fill(account)
    events = Events(account, secret_of(options, "secret"))
    return HubGateway(Backstage(account, events), monotonic)


def settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect to a sandbox that listens at `base`, by a service key."""
    return {
        "token": secret_of(options, "service-key"),
        "base_url": base,
        "plan": "unlimited" if options.limit == "off" else options.plan,
        "portal_id": str(options.portal_id),
    }


def app_settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect as an app; `code` is what the consent in a browser would bring."""
    return {
        **consent_settings(options, base),
        "refresh_token": secret_of(options, "refresh"),
        "code": secret_of(options, "code"),
    }


def consent_settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect as an app that is yet to be consented to."""
    return {
        "client_id": secret_of(options, "client"),
        "client_secret": secret_of(options, "secret"),
        "portal_id": str(options.portal_id),
        "base_url": base,
        "consent_host": base,
        "plan": "unlimited" if options.limit == "off" else options.plan,
    }


def make(knobs: Knobs, base: str) -> tuple[App, dict[str, Any]]:
    """The app that is to be served at `base`, and how to connect to it."""
    options = SandboxOptions(**vars(knobs))
    described = {
        "kind": KIND,
        "settings": settings(options, base),
        "app": consent_settings(options, base),
        "control": f"{base}/_sandbox",
    }
    return create_app(options), described
