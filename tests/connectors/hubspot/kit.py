"""What the tests of this connector share: a running sandbox account, and every request checked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from connectors.hubspot.connector import HubSpot
from connectors.hubspot.sandbox import SandboxOptions, create_app, settings
from connectors.sandbox.runner import serving
from tests.connectors.running import Running, everything, like, plain

__all__ = ["Sandbox", "everything", "like", "plain", "sandbox"]


@dataclass
class Sandbox(Running):
    options: SandboxOptions = field(default_factory=SandboxOptions)

    def settings(self) -> Mapping[str, Any]:
        return settings(self.options, self.base)

    def connector(self, **config: Any) -> HubSpot:
        made: HubSpot = self.made_of(HubSpot, **config)
        return made

    def call(self, verb: str, path: str, **given: Any) -> httpx.Response:
        """As another client of the account."""
        key = self.settings()["token"]
        return self.http.request(verb, path, headers={"Authorization": f"Bearer {key}"}, **given)


@contextmanager
def sandbox(**options: Any) -> Iterator[Sandbox]:
    chosen = SandboxOptions(**{"records": 60, "limit": "off", **options})
    with serving(create_app(chosen)) as base:
        running = Sandbox(base, options=chosen)
        try:
            yield running
        finally:
            running.close()
