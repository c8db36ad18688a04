"""The Bitrix24 sandbox: an ASGI app, and what a client needs to connect to it."""

import time
from typing import Any

from connectors.bitrix24.portal.backstage import Backstage
from connectors.bitrix24.portal.build import build_portal
from connectors.bitrix24.portal.data import PortalData
from connectors.bitrix24.portal.gateway import PortalGateway
from connectors.bitrix24.portal.oauth import app_of, application_token, webhook_code
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.sandbox.asgi import App
from connectors.sandbox.clock import Clock, Seconds
from connectors.sandbox.delivery import Courier
from connectors.sandbox.knobs import Knobs

__all__ = [
    "PortalData",
    "SandboxOptions",
    "app_settings",
    "create_app",
    "describe",
    "make",
    "settings",
]

KIND = "bitrix24"


def create_app(
    options: SandboxOptions,
    monotonic: Seconds = time.monotonic,
    courier: Courier | None = None,
) -> App:
    """`monotonic` drives limits and the running clock, `courier` delivers what the portal sends of
    itself; a test may pass its own."""
    clock = Clock(options.start_at, not options.frozen, monotonic)
    portal = build_portal(options, clock, courier or Courier())
    return PortalGateway(portal, Backstage(portal), monotonic)


def settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect to a sandbox that listens at `base` (`http://127.0.0.1:9001`).

    Without limits it is like a portal on a server of one's own, which a client may be told.
    """
    return {
        "webhook": f"{base}/rest/{options.user_id}/{webhook_code(options)}/",
        "plan": "self_hosted" if options.limit == "off" else options.plan,
        "application_token": application_token(options),
    }


def app_settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect as an OAuth app; `code` is what the consent in a browser would bring."""
    app = app_of(options)
    return {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": app.code,
        "token_url": f"{base}/oauth/token/",
        "client_endpoint": f"{base}/rest/",
        "application_token": application_token(options),
    }


def make(knobs: Knobs, base: str) -> tuple[App, dict[str, Any]]:
    """The app that is to be served at `base`, and how to connect to it."""
    options = SandboxOptions(**vars(knobs))
    return create_app(options), describe(options, base)


def describe(options: SandboxOptions, base: str) -> dict[str, Any]:
    """The one line that `retro sandbox bitrix24 --json` prints."""
    return {
        "kind": KIND,
        "settings": settings(options, base),
        "app": consent_settings(options, base),
        "control": f"{base}/_sandbox",
    }


def consent_settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect as an application that is yet to be consented to."""
    app = app_of(options)
    return {
        "portal": base,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "auth_host": base,
        "plan": "self_hosted" if options.limit == "off" else options.plan,
        "application_token": application_token(options),
    }
