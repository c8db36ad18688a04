"""What the tests of this connector share: a running sandbox org, and every request checked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from connectors.models import Record
from connectors.salesforce.connector import Salesforce
from connectors.salesforce.sandbox import SandboxOptions, create_app, settings
from connectors.sandbox.runner import serving
from tests.connectors.hands import Tokens
from tests.connectors.running import Running

VERSION = "/services/data/v67.0"


class Sandbox(Running[Salesforce]):
    def __init__(self, options: SandboxOptions, base: str) -> None:
        super().__init__(Salesforce, settings(options, base), base)
        self.options = options

    def over(
        self,
        transport: httpx.BaseTransport | None = None,
        tokens: Tokens | None = None,
        **config: Any,
    ) -> Salesforce:
        """A connector with a network of its own, or a place for its token."""
        wire = self.hands.wire(transport or self.seen, tokens=tokens)
        parsed = Salesforce.Config.model_validate({**self.settings, **config})
        self._made.append(Salesforce(parsed, wire))
        return self._made[-1]

    def token(self) -> str:
        """Of another client of the org."""
        given = self.settings
        form = {name: given[name] for name in ("client_id", "client_secret")}
        answer = self.http.post(
            "/services/oauth2/token", data={"grant_type": "client_credentials", **form}
        )
        return str(answer.raise_for_status().json()["access_token"])

    def call(self, verb: str, path: str, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token()}", **given.pop("headers", {})}
        return self.http.request(verb, f"{VERSION}{path}", headers=headers, **given)

    def query(self, soql: str, path: str = "/query") -> list[dict[str, Any]]:
        answer = self.call("GET", path, params={"q": soql}).raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["records"]
        return rows


@dataclass
class Rewriting(httpx.BaseTransport):
    """What the tool says is replaced."""

    inner: httpx.BaseTransport
    change: Callable[[httpx.Response], httpx.Response]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        response.read()
        return self.change(response)

    def close(self) -> None:
        self.inner.close()


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


def code(answer: httpx.Response) -> str:
    found: str = answer.json()[0]["errorCode"]
    return found
