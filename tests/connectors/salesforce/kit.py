"""What the tests of this connector share: a running sandbox org, and every request checked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from connectors.http import Wire
from connectors.salesforce.connector import Salesforce
from connectors.salesforce.sandbox import SandboxOptions, create_app, settings
from connectors.sandbox.runner import serving
from tests.connectors.running import Running

VERSION = "/services/data/v67.0"


@dataclass
class Sandbox(Running):
    options: SandboxOptions = field(default_factory=SandboxOptions)

    def settings(self) -> Mapping[str, Any]:
        return settings(self.options, self.base)

    def connector(self, wire: Wire | None = None, **config: Any) -> Salesforce:
        made: Salesforce = self.made_of(Salesforce, wire, **config)
        return made

    def token(self) -> str:
        """Of another client of the org."""
        given = self.settings()
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
    with serving(create_app(chosen)) as base:
        running = Sandbox(base, options=chosen)
        try:
            yield running
        finally:
            running.close()


def code(answer: httpx.Response) -> str:
    found: str = answer.json()[0]["errorCode"]
    return found
