"""The sandboxes by kind: those that come with the service, one line each, and those that installed
packages bring (see docs/new-connector.md)."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from connectors.bitrix24 import sandbox as bitrix24
from connectors.hubspot import sandbox as hubspot
from connectors.pipedrive import sandbox as pipedrive
from connectors.salesforce import sandbox as salesforce
from connectors.sandbox.asgi import App
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.runner import free_port, serve
from workers.errors import CannotRun

HOST = "127.0.0.1"
GROUP = "retro_roi.sandboxes"

# Gives the app that is to be served at an address, and what `retro sandbox KIND --json` prints: how
# to connect to it.
Make = Callable[[Knobs, str], tuple[App, dict[str, Any]]]

_MAKERS: Mapping[str, Make] = {
    bitrix24.KIND: bitrix24.make,
    hubspot.KIND: hubspot.make,
    pipedrive.KIND: pipedrive.make,
    salesforce.KIND: salesforce.make,
}


@dataclass(frozen=True)
class Served:
    """`description` tells a client how to connect. `serve` calls what it is given once the port is
    ours, and returns when it is stopped; it raises CannotRun when the port is somebody else's."""

    description: dict[str, Any]
    serve: Callable[[Callable[[], None]], None]


def sandbox(kind: str, knobs: Knobs, port: int = 0) -> Served:
    """On a free port when none is given. Raises CannotRun for a tool without a sandbox."""
    make = _maker(kind)
    port = port or free_port()
    app, description = make(knobs, f"http://{HOST}:{port}")

    def served(tell: Callable[[], None]) -> None:
        try:
            serve(app, HOST, port, announce=lambda _base: tell())
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise CannotRun(
                f"Port {port} is taken; leave out --port, or name another one."
            ) from error

    return Served(description, served)


def _maker(kind: str) -> Make:
    if kind in _MAKERS:
        return _MAKERS[kind]
    plugged = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in plugged:
        known = ", ".join([*_MAKERS, *plugged])
        raise CannotRun(f"There is no sandbox of {kind!r}; there is one of {known}.")
    try:
        made: Make = plugged[kind].load()
    except (ImportError, AttributeError) as error:
        raise CannotRun(f"The sandbox of {kind!r} cannot be loaded: {error}.") from error
    return made
