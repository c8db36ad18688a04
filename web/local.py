"""Keeps the page on this machine for as long as it has no sign-in.

The server listens on 127.0.0.1 only, but a tunnel or proxy for the webhooks could carry the page
out, and a site open in the same browser could reach in under a name of its own.
"""

from collections.abc import Callable
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
    if not _is_here(request):
        raise HTTPException(403, REFUSAL)


def this_machine_or(public_url: str | None) -> Callable[[Request], None]:
    """Also lets through what a proxy on this machine passes on under the public address: whoever
    set that address answers for who gets there."""
    public = urlsplit(public_url or "").hostname

    def allowed(request: Request) -> None:
        """Raises HTTPException 403."""
        peer = request.client.host if request.client else ""
        by_proxy = peer in LOOPBACK and _host(request.headers.get("host", "")) == public
        if not ((public and by_proxy) or _is_here(request)):
            raise HTTPException(403, REFUSAL)

    return allowed


def not_by_proxy(request: Request) -> None:
    """Raises HTTPException 403. Under a name of its own a site could reach in through a browser on
    this machine; whoever connects from another machine was let in by who set RETRO_HOST."""
    peer = request.client.host if request.client else ""
    forwarded = any(name in request.headers for name in FORWARDED)
    if forwarded or (peer in LOOPBACK and not _is_here(request)):
        raise HTTPException(403, "This is not for the outside; let your proxy leave it out.")


def _is_here(request: Request) -> bool:
    peer = request.client.host if request.client else ""
    asked = _host(request.headers.get("host", ""))
    forwarded = any(name in request.headers for name in FORWARDED)
    return peer in LOOPBACK and asked in LOOPBACK and not forwarded


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
