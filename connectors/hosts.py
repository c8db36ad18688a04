"""Keeps connections from reaching into the network the service runs in.

An address is looked up and every answer is judged before a request leaves. The look-up is repeated
by the transport afterwards, so a name server that lies in between is not caught: run the service
behind an egress filter where that matters.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import httpx

from connectors.errors import NotPermitted, Unavailable

Resolve = Callable[[str], Iterable[str]]
CHECK_ADDRESS = "Check the address for typing errors, and that this machine may reach it."
ADVICE = "Use a public address, or set RETRO_ALLOW_PRIVATE_HOSTS=1 if the tool is your own."


def addresses_of(host: str) -> Iterable[str]:
    return {str(info[4][0]) for info in socket.getaddrinfo(host, None)}


def is_public(address: str) -> bool:
    return ipaddress.ip_address(address.split("%", 1)[0]).is_global


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe(address: str) -> bool:
    """https, or http on this machine only: secrets travel with each call."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    here = parts.scheme == "http" and is_loopback(host)
    return bool(host) and (parts.scheme == "https" or here)


def safe_origin(address: str) -> str:
    """Scheme and host of an address that somebody gave. Raises ValueError for one that is not safe
    to call."""
    if not is_safe(address.strip()):
        raise ValueError("This address is not safe to call: write it with https://.")
    parts = urlsplit(address.strip())
    return f"{parts.scheme}://{parts.netloc}"


class PublicHostsOnly(httpx.BaseTransport):
    """Refuses loopback, private, link-local and other addresses that are not public."""

    def __init__(self, inner: httpx.BaseTransport, resolve: Resolve = addresses_of) -> None:
        self._inner = inner
        self._resolve = resolve

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        try:
            addresses = list(self._resolve(host))
        except OSError as error:
            raise Unavailable(
                f"The address {host} is not known to the network.",
                next_step="Check the spelling of the address and the network connection.",
            ) from error
        if not all(is_public(address) for address in addresses):
            raise NotPermitted(
                f"The address {host} is in a private network, which is not allowed.",
                next_step=ADVICE,
            )
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def why_unreachable(lost: BaseException, patience: float | None) -> str:
    """Why nothing answers, as far as the network says; `patience` is in seconds."""
    if isinstance(lost, httpx.ConnectTimeout | httpx.PoolTimeout):
        return f"no connection came about within {patience or 0:.0f} seconds"
    below: BaseException | None = lost
    while below is not None:
        if isinstance(below, ssl.SSLCertVerificationError):
            return "its certificate is not trusted here"
        if isinstance(below, ssl.SSLError):
            return "it does not speak TLS there, as https:// needs"
        if isinstance(below, socket.gaierror):
            return "the network does not know its host name"
        if isinstance(below, ConnectionRefusedError):
            return "nothing listens at this host and port"
        below = below.__cause__ or below.__context__
    return "the connection failed"


def of_address(error: Unavailable, where: str, patience: float | None) -> Unavailable:
    """What to tell who connects `where`: nobody has to wait for an address that is wrong. An error
    of a tool that was reached stays as it is."""
    lost = error.__cause__
    if not isinstance(lost, httpx.ConnectError | httpx.ConnectTimeout):
        return error
    why = why_unreachable(lost, patience)
    return Unavailable(f"{where} does not answer: {why}.", next_step=CHECK_ADDRESS)
