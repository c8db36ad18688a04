"""A plain client of the sandbox: it knows addresses and nothing else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import app_settings, create_app, settings
from connectors.sandbox.clock import Seconds
from connectors.sandbox.runner import serving


@dataclass
class Client:
    http: httpx.Client
    base: str
    options: SandboxOptions

    @property
    def webhook(self) -> str:
        return settings(self.options, self.base)["webhook"]

    @property
    def app(self) -> dict[str, str]:
        return app_settings(self.options, self.base)

    def post(self, method: str, params: Any = None) -> httpx.Response:
        return self.http.post(self.webhook + method, json={} if params is None else params)

    def result(self, method: str, params: Any = None) -> Any:
        response = self.post(method, params)
        assert response.status_code == 200, response.text
        return response.json()["result"]

    def error(self, method: str, params: Any = None) -> tuple[int, str]:
        response = self.post(method, params)
        return response.status_code, response.json()["error"]

    def v3(self, method: str, params: Any, key: str | None = None) -> httpx.Response:
        address = self.webhook.replace("/rest/", "/rest/api/") + method
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.http.post(address, json=params, headers=headers)

    def batch(self, commands: dict[str, str], halt: int = 0) -> dict[str, Any]:
        answer: dict[str, Any] = self.result("batch", {"halt": halt, "cmd": commands})
        return answer

    def truth(self, stream: str, query: str = "") -> list[dict[str, Any]]:
        response = self.http.get(f"{self.base}/_sandbox/records/{stream}{query}")
        assert response.status_code == 200, response.text
        return [json.loads(line) for line in response.text.splitlines()]

    def edit(self, stream: str, record_id: object, change: dict[str, Any]) -> Any:
        path = f"{self.base}/_sandbox/records/{stream}/{record_id}"
        response = self.http.post(path, json=change)
        assert response.status_code == 200, response.text
        return response.json()

    def put(self, route: str, body: Any) -> Any:
        response = self.http.put(f"{self.base}/_sandbox/{route}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def log(self) -> list[dict[str, Any]]:
        text = self.http.get(f"{self.base}/_sandbox/log").text
        return [json.loads(line) for line in text.splitlines()]


@contextmanager
def portal(options: SandboxOptions, monotonic: Seconds | None = None) -> Iterator[Client]:
    app = create_app(options) if monotonic is None else create_app(options, monotonic)
    with serving(app) as base, httpx.Client(trust_env=False, timeout=10) as http:
        yield Client(http, base, options)


def keyset_pull(client: Client, command: str, path: str, id_name: str) -> list[dict[str, Any]]:
    """All rows of a list command, by chained batches; `path` leads to the rows of a result."""
    rows: list[dict[str, Any]] = []
    last = 0
    while True:
        chain = {}
        for number in range(50):
            bound = last if number == 0 else f"$result[c{number - 1:02}]{path}[49][{id_name}]"
            chain[f"c{number:02}"] = (
                f"{command}&order[{id_name}]=ASC&filter[%3E{id_name}]={bound}&start=-1"
            )
        result = client.batch(chain)["result"]
        for name in chain:
            page = result[name] if path == "" else result[name][path.strip("[]")]
            rows += page
            if len(page) < 50:
                return rows
        last = rows[-1][id_name]
