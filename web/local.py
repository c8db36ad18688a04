"""Keeps the page on this machine for as long as it has no sign-in.

The server listens on 127.0.0.1 only, but a tunnel or proxy for the webhooks could carry the page
out, and a site open in the same browser could reach in under a name of its own.
"""

from urllib.parse import urlsplit

from fastapi import HTTPException, Request

from config.settings import LOOPBACK

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
REFUSAL = (
    "This page has no sign-in yet and is shown on the machine of the service only: "
    "open http://127.0.0.1 with its port there."
)


def only_this_machine(request: Request) -> None:
    """Raises HTTPException 403."""
    peer = request.client.host if request.client else ""
    asked = _host(request.headers.get("host", ""))
    forwarded = any(name in request.headers for name in FORWARDED)
    if peer not in LOOPBACK or asked not in LOOPBACK or forwarded:
        raise HTTPException(403, REFUSAL)


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
