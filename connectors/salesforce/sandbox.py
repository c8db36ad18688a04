"""The Salesforce sandbox: an ASGI app, and what a client needs to connect to it."""

import time
from typing import Any

from connectors.salesforce.portal.backstage import Backstage
from connectors.salesforce.portal.gateway import OrgGateway
from connectors.salesforce.portal.options import SandboxOptions
from connectors.salesforce.portal.org import Org
from connectors.salesforce.portal.seeded import fill
from connectors.salesforce.portal.tokens import USERNAME, secret_of
from connectors.sandbox.asgi import App
from connectors.sandbox.clock import Clock, Seconds
from connectors.sandbox.knobs import Knobs

__all__ = ["USERNAME", "SandboxOptions", "create_app", "make", "secret_of", "settings"]

KIND = "salesforce"


def create_app(options: SandboxOptions, monotonic: Seconds = time.monotonic) -> App:
    """`monotonic` drives the running clock; a test may pass its own."""
    org = Org(options, Clock(options.start_at, not options.frozen, monotonic))
    fill(org)
    return OrgGateway(Backstage(org), monotonic)


def settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect to a sandbox that listens at `base`, by client credentials."""
    return {
        "base_url": base,
        "client_id": secret_of(options, "client"),
        "client_secret": secret_of(options, "secret"),
        **({} if options.currencies else {"currency": "EUR"}),
        "requests_per_day": "0" if options.limit == "off" else str(options.per_day),
    }


def consent_settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect as an app that a user consents to."""
    return {**settings(options, base), "sign_in": "consent"}


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
