"""The Pipedrive sandbox: an ASGI app, and what a client needs to connect to it."""

import time
from typing import Any

from connectors.pipedrive.portal.access import CLIENT_ID, secret
from connectors.pipedrive.portal.backstage import Backstage
from connectors.pipedrive.portal.build import build
from connectors.pipedrive.portal.company import COMPANY_ID
from connectors.pipedrive.portal.events import Events
from connectors.pipedrive.portal.gateway import CompanyGateway
from connectors.pipedrive.portal.options import SandboxOptions
from connectors.sandbox.asgi import App
from connectors.sandbox.clock import Clock, Seconds
from connectors.sandbox.knobs import Knobs

__all__ = ["SandboxOptions", "app_settings", "create_app", "make", "settings"]

KIND = "pipedrive"
HOOK_USER = "retro-roi"


def create_app(options: SandboxOptions, monotonic: Seconds = time.monotonic) -> App:
    """`monotonic` drives limits and the running clock; a test may pass its own."""
    company = build(options, Clock(options.start_at, not options.frozen, monotonic))
    events = Events(company, HOOK_USER, secret(options, "hook"))
    company.tell = events.tell
    return CompanyGateway(Backstage(company, events), monotonic)


def settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect to a sandbox that listens at `base` (`http://127.0.0.1:9001`)."""
    return {
        "company": base,
        "api_token": secret(options, "token"),
        "plan": "unlimited" if options.limit == "off" else options.plan,
        "seats": str(options.seats),
        "company_id": str(COMPANY_ID),
        "hook_user": HOOK_USER,
        "hook_password": secret(options, "hook"),
    }


def app_settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect as an app; `code` is what the consent in a browser would bring."""
    return {
        **consent_settings(options, base),
        "refresh_token": secret(options, "refresh"),
        "code": secret(options, "code"),
    }


def consent_settings(options: SandboxOptions, base: str) -> dict[str, str]:
    """How to connect as an app that is yet to be consented to."""
    return {
        "company": base,
        "client_id": CLIENT_ID,
        "client_secret": secret(options, "client"),
        "auth_host": base,
        "plan": "unlimited" if options.limit == "off" else options.plan,
        "seats": str(options.seats),
        "company_id": str(COMPANY_ID),
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
