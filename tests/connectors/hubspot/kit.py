"""What the tests of this connector share: a running sandbox account."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec

from connectors.hubspot.connector import HubSpot
from connectors.hubspot.sandbox import SandboxOptions, create_app, settings
from connectors.models import Record
from connectors.sandbox.runner import serving
from tests.connectors.running import Running


class Sandbox(Running[HubSpot]):
    def __init__(self, options: SandboxOptions, base: str) -> None:
        super().__init__(HubSpot, settings(options, base), base)
        self.options = options

    def call(self, verb: str, path: str, **given: Any) -> httpx.Response:
        """As another client of the account."""
        headers = {"Authorization": f"Bearer {self.settings['token']}"}
        return self.http.request(verb, path, headers=headers, **given)


@contextmanager
def sandbox(**options: Any) -> Iterator[Sandbox]:
    chosen = SandboxOptions(**{"records": 60, "limit": "off", **options})
    with serving(create_app(chosen)) as base, Sandbox(chosen, base) as running:
        yield running


def plain(record: Record) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(record)
    return values


def like(record: Record, truth: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that the truth tells too."""
    values = plain(record)
    return {name: values[name] for name in truth}
