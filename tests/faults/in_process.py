"""A sandbox without sockets: its ASGI app behind httpx's transport, at a tenth of the time."""

import asyncio
from collections.abc import Callable, MutableMapping
from selectors import DefaultSelector, SelectorKey
from threading import Lock
from typing import Any

import httpx

from connectors.sandbox.asgi import App

# The address of an app that is not behind a socket.
NOWHERE = "http://127.0.0.1:1"


class InProcess(httpx.BaseTransport):
    """One request at a time, whichever thread it comes from. Nobody waits where the app does:
    `on_delay` is told how many seconds an answer took."""

    def __init__(self, app: App, on_delay: Callable[[float], None] = lambda _seconds: None) -> None:
        self.app = app
        self._on_delay = on_delay
        self._loop = _Loop()
        self._lock = Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # As a network would: who signed the request may have put another body under it.
        body = b"".join(request.stream)  # type: ignore[arg-type]
        with self._lock:
            wire = _Wire(body)
            scope = {
                "type": "http",
                "method": request.method,
                "path": request.url.path,
                "query_string": request.url.query,
                "headers": [(name.lower(), value) for name, value in request.headers.raw],
            }
            before = self._loop.skipped
            self._loop.run_until_complete(self.app(scope, wire.receive, wire.send))
            delay = self._loop.skipped - before
        if delay:
            self._on_delay(delay)
        if delay > request.extensions["timeout"]["read"]:
            raise httpx.ReadTimeout("the answer came too late", request=request)
        return wire.response(request)

    def close(self) -> None:
        """Left open: clients come and go, the portal stays until `end`."""

    def end(self) -> None:
        self._loop.close()


class _Skipping(DefaultSelector):  # type: ignore[misc,valid-type]  # which it is, the system says
    """Nothing here comes from outside, so whoever waits waits for time alone."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        self.seconds += timeout or 0.0
        found: list[tuple[SelectorKey, int]] = super().select(0)
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    @property
    def skipped(self) -> float:
        return self._skipping.seconds

    def time(self) -> float:
        return super().time() + self.skipped


class _Wire:
    """What uvicorn is to the app, with the transport that lets it hang up."""

    def __init__(self, body: bytes) -> None:
        self.transport = self
        self._body = body
        self._status: int | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._content = bytearray()
        self._ended = False

    async def receive(self) -> MutableMapping[str, Any]:
        if self._ended:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], message["headers"]
        else:
            self._content += message.get("body", b"")

    def abort(self) -> None:
        self._ended = True

    close = abort

    def response(self, request: httpx.Request) -> httpx.Response:
        if self._status is None:
            raise httpx.ReadError("the portal hung up", request=request)
        if self._ended:
            raise httpx.RemoteProtocolError("half an answer", request=request)
        return httpx.Response(self._status, headers=self._headers, content=bytes(self._content))
