"""The sandboxes that come with the service, by kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.bitrix24 import sandbox as bitrix24
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.sandbox.runner import free_port, serve
from workers.errors import CannotRun

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Knobs:
    """What every sandbox can be told."""

    port: int
    records: int
    seed: int
    latency_ms: float
    command_ms: float
    limit: str
    faults: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Served:
    """`description` tells a client how to connect; `serve` returns when it is stopped."""

    description: dict[str, Any]
    serve: Callable[[], None]


def sandbox(kind: str, knobs: Knobs) -> Served:
    """Raises CannotRun for a tool without a sandbox."""
    if kind != bitrix24.KIND:
        raise CannotRun(f"There is no sandbox of {kind!r}; there is one of {bitrix24.KIND}.")
    options = SandboxOptions(
        records=knobs.records,
        seed=knobs.seed,
        latency_ms=knobs.latency_ms,
        command_ms=knobs.command_ms,
        limit=knobs.limit,
        faults=knobs.faults,
    )
    port = knobs.port or free_port()
    app = bitrix24.create_app(options)
    return Served(
        bitrix24.describe(options, f"http://{HOST}:{port}"), lambda: serve(app, HOST, port)
    )
