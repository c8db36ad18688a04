"""The sandboxes by kind: those that come with the service, one line each, and those that installed
packages bring (see docs/new-connector.md)."""

import errno
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from connectors.bitrix24 import sandbox as bitrix24
from connectors.hubspot import sandbox as hubspot
from connectors.pipedrive import sandbox as pipedrive
from connectors.salesforce import sandbox as salesforce
from connectors.sandbox.asgi import App
from connectors.sandbox.knobs import Knobs
from connectors.sandbox.runner import serve
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
INSTEAD = {"tryton": "docs/tools/tryton.md starts a real server of it in five minutes."}


def serve_sandbox(
    kind: str, knobs: Knobs, port: int, tell: Callable[[dict[str, Any]], None]
) -> None:
    """Until it is stopped; on a free port where none is given. `tell` gets what tells a client how
    to connect, once the port is ours. Raises CannotRun for a tool without a sandbox, and for a port
    that is somebody else's."""
    make = _maker(kind)

    def made(base: str) -> App:
        app, description = make(knobs, base)
        tell(description)
        return app

    try:
        serve(made, HOST, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise CannotRun(f"Port {port} is taken; leave out --port, or name another one.") from error


def _maker(kind: str) -> Make:
    if kind in _MAKERS:
        return _MAKERS[kind]
    plugged = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in plugged:
        known = ", ".join([*_MAKERS, *plugged])
        instead = f" {INSTEAD[kind]}" if kind in INSTEAD else ""
        raise CannotRun(f"There is no sandbox of {kind!r}; there is one of {known}.{instead}")
    try:
        made: Make = plugged[kind].load()
    except (ImportError, AttributeError) as error:
        raise CannotRun(f"The sandbox of {kind!r} cannot be loaded: {error}.") from error
    return made
