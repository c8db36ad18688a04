"""Webhooks of version 2.0: what is proven, what is a hint, and what is one event."""

import base64
import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from connectors.errors import AuthFailed
from connectors.models import Stream
from tests.connectors.pipedrive.kit import Sandbox, Script

PASSWORD = "h00k-passw0rd"
META: dict[str, Any] = {
    "id": "5c1e0000-0000-4000-8000-000000000001",
    "version": "2.0",
    "action": "change",
    "entity": "deal",
    "entity_id": "4711",
    "company_id": "900",
    "webhook_id": "31",
    "timestamp": "2026-11-23T08:10:04.120Z",
    "attempt": 1,
}


def signed(user: str = "retro-roi", password: str = PASSWORD) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


def body(**changed: Any) -> bytes:
    meta = {k: v for k, v in {**META, **changed}.items() if v is not None}
    return json.dumps({"meta": meta, "data": {"id": 4711}, "previous": {"stage_id": 7}}).encode()


def connector(**config: Any) -> Any:
    given = {"hook_password": PASSWORD, "company_id": 900, **config}
    return Script(lambda _: []).connector(**given)


def test_an_event_names_what_to_read_again() -> None:
    (event,) = connector().verify_hook(signed(), body())
    assert (event.stream, list(event.ids)) == (Stream.DEALS, ["4711"])
    assert event.at == datetime(2026, 11, 23, 8, 10, 4, 120_000, UTC)


def test_an_activity_may_be_a_task_and_a_contact() -> None:
    events = connector().verify_hook(signed(), body(entity="activity"))
    assert [one.stream for one in events] == [Stream.TASKS, Stream.ACTIVITIES]
    assert len({one.dedupe for one in events}) == 2


def test_a_retry_is_the_same_event_and_another_change_is_not() -> None:
    first, retry = (connector().verify_hook(signed(), body(attempt=n))[0] for n in (1, 2))
    assert first.dedupe == retry.dedupe
    (other,) = connector().verify_hook(signed(), body(id="another"))
    assert other.dedupe != first.dedupe
    older, newer = (
        connector().verify_hook(signed(), body(id=None, timestamp=at))[0]
        for at in ("2026-11-23T08:10:04Z", "2026-11-23T08:10:05Z")
    )
    assert older.dedupe != newer.dedupe


@pytest.mark.parametrize("entity", ["note", "product", "organization"])
def test_what_is_not_read_is_no_event(entity: str) -> None:
    assert connector().verify_hook(signed(), body(entity=entity)) == []


@pytest.mark.parametrize(
    ("headers", "changed", "config"),
    [
        ({}, {}, {}),
        (signed(password="wrong"), {}, {}),
        (signed(user="wrong"), {}, {}),
        ({"authorization": "Basic %%%"}, {}, {}),
        ({"authorization": f"Bearer {PASSWORD}"}, {}, {}),
        (signed(), {"company_id": "901"}, {}),
        (signed(), {}, {"hook_password": None}),
    ],
)
def test_a_forged_event_is_refused(
    headers: dict[str, str], changed: dict[str, Any], config: dict[str, Any]
) -> None:
    with pytest.raises(AuthFailed):
        connector(**config).verify_hook(headers, body(**changed))


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"meta": 1}'])
def test_what_cannot_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(AuthFailed):
        connector().verify_hook(signed(), content)


def test_the_sandbox_sends_what_is_understood(own: Sandbox) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            got.append((dict(self.headers), self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.timeout = 5
        url = f"http://127.0.0.1:{server.server_port}/hooks/portal"
        own.http.put("/_sandbox/outgoing-webhook", json={"url": url}).raise_for_status()
        Thread(
            target=lambda: own.edit("deals", "3", {"set": {"title": "Other"}}), daemon=True
        ).start()
        server.handle_request()
    ((headers, content),) = got
    (event,) = own.connector().verify_hook(headers, content)
    assert (event.stream, list(event.ids)) == (Stream.DEALS, ["3"])
    assert json.loads(content)["previous"] == {"title": "Deal 3"}
