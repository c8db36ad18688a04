"""Requests and answers over bare ASGI: a framework would cost more per request than the tool."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    verb: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    media: str = "application/json; charset=utf-8"


def json_response(value: object, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(value))


def html_response(status: int, title: str) -> Response:
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(status, page.encode(), media="text/html")


async def read_request(scope: MutableMapping[str, Any], receive: Receive) -> Request:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    query = scope["query_string"].decode("ascii")
    return Request(scope["method"], scope["path"], query, headers, bytes(body))


async def send_response(send: Send, response: Response) -> None:
    await _start(send, response, len(response.body))
    await send({"type": "http.response.body", "body": response.body})


async def send_lines(send: Send, lines: AsyncIterator[bytes]) -> None:
    """Stream a body of unknown length."""
    headers = [(b"content-type", b"application/x-ndjson")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for chunk in lines:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_half(send: Send, receive: Receive, response: Response) -> None:
    """Promise the whole answer, send half of it, hang up."""
    await _start(send, response, len(response.body))
    half = response.body[: len(response.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    await drop(send, receive, at_once=False)


async def drop(send: Send, receive: Receive, at_once: bool = True) -> None:
    """Hang up without (the rest of) an answer.

    ASGI has no word for this; uvicorn's `send` belongs to an object that holds the transport.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("dropping a connection needs uvicorn's transport")
    if at_once:
        transport.abort()
    else:
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, response: Response, length: int) -> None:
    headers = {"content-type": response.media, "content-length": str(length), **response.headers}
    pairs = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": pairs})
