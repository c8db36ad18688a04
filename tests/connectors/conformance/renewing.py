"""Workers of one connection, each a process: they know of each other by the database alone.

As a program it is one of them: it reads who it is, then checks the account at each further line.
"""

import asyncio
import inspect
import os
import subprocess
import sys
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from msgspec import Struct

from connectors.errors import ConnectorError
from connectors.port import Connector
from connectors.sandbox.asgi import App, Receive, Send, read_request
from connectors.sandbox.runner import serving
from sync.store.connections import StoredToken
from sync.store.database import Database
from sync.vault import Vault
from tests.conftest import ROOT
from tests.connectors.hands import Hands
from tests.faults.in_process import NOWHERE, InProcess
from workers.clock import machine_now

if TYPE_CHECKING:
    from tests.connectors.conformance.bench import Bench

GOOD = "good"
# So long a renewal takes: the others find out meanwhile that their token has run out too.
RENEWAL = 0.15


class Told(Struct, frozen=True):
    """`address` is where the account is served, None where its settings say so themselves."""

    module: str
    file: str
    name: str
    settings: dict[str, Any]
    database: str
    connection_id: int
    key: str
    address: str | None


@contextmanager
def workers(bench: "Bench", key: str, renewal: str, count: int) -> Iterator["Workers"]:
    """`renewal` is a part of the path at which tokens are renewed. What they send is among the
    requests of the bench."""
    tool = bench.case.tool
    inner = bench.account.transport
    served = (
        serving(_kept(_slow(inner.app, renewal), bench.wires.sent))
        if isinstance(inner, InProcess)
        else nullcontext(None)
    )
    with served as address, ExitStack() as stack:
        told = Told(
            tool.__module__,
            inspect.getfile(tool),
            tool.__name__,
            dict(bench.settings),
            bench.database.url,
            bench.connection_id,
            key,
            address,
        )
        yield Workers([stack.enter_context(_started(told)) for _ in range(count)])


class Workers:
    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes
        assert self._answers() == [GOOD] * len(processes), "a worker did not start"

    def check_at_once(self) -> Sequence[str]:
        """What came of it in each."""
        for each in self._processes:
            assert each.stdin is not None
            each.stdin.write("\n")
            each.stdin.flush()
        return self._answers()

    def _answers(self) -> list[str]:
        return [each.stdout.readline().strip() for each in self._processes if each.stdout]


@contextmanager
def _started(told: Told) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.connectors.conformance.renewing"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(f"{msgspec.json.encode(told).decode()}\n")
        process.stdin.flush()
        # Closing its standard input ends it.
        yield process
        process.stdin.close()


def _slow(app: App, renewal: str) -> App:
    async def slow(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if renewal in scope["path"]:
            await asyncio.sleep(RENEWAL)
        await app(scope, receive, send)

    return slow


def _kept(app: App, sent: list[httpx.Request]) -> App:
    async def kept(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        asked = await read_request(scope, receive)
        url = httpx.URL(NOWHERE, path=asked.path, query=asked.query.encode())
        sent.append(httpx.Request(asked.verb, url, headers=asked.headers, content=asked.body))

        async def again() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": asked.body, "more_body": False}

        await app(scope, again, send)

    return kept


class Elsewhere(httpx.BaseTransport):
    """Everything goes to this address, whatever host it is for."""

    def __init__(self, address: str) -> None:
        self._address = httpx.URL(address)
        self._network = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        there = self._address
        request.url = request.url.copy_with(scheme="http", host=there.host, port=there.port)
        return self._network.handle_request(request)

    def close(self) -> None:
        self._network.close()


def main() -> None:
    told = msgspec.json.decode(sys.stdin.readline(), type=Told)
    transport = Elsewhere(told.address) if told.address else httpx.HTTPTransport()
    with closing(Database(told.database)) as database, closing(transport):
        tokens = StoredToken(
            database, Vault([told.key]), told.connection_id, machine_now, time.sleep
        )
        tool = _tool(told)
        wire = replace(Hands().wire(transport), tokens=tokens)
        connector = tool(tool.Config.model_validate(told.settings), wire)
        _say(GOOD)
        for _ in sys.stdin:
            try:
                connector.check()
            except ConnectorError as error:
                _say(f"{type(error).__name__}: {error.message}")
            else:
                _say(GOOD)
        connector.close()


def _tool(told: Told) -> type[Connector[Any]]:
    """One with a planted fault lies in a file alone."""
    if find_spec(told.module) is not None:
        module = import_module(told.module)
    else:
        spec = spec_from_file_location(told.module, told.file)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    found: type[Connector[Any]] = getattr(module, told.name)
    return found


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
