"""Webhooks that the sandbox sends are taken, and lead to the records they are about."""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.errors import AuthFailed
from connectors.hubspot.sandbox import app_settings
from connectors.models import Stream
from connectors.sandbox.asgi import (
    Receive,
    Request,
    Send,
    json_response,
    read_request,
    send_response,
)
from connectors.sandbox.runner import serving
from tests.connectors.hubspot.kit import Sandbox
from tests.connectors.hubspot.test_tasks import task
from tests.waiting import eventually


@dataclass
class Receiver:
    """Takes what is posted to it."""

    taken: list[Request] = field(default_factory=list)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.taken.append(await read_request(scope, receive))
        await send_response(send, json_response({}))


@dataclass(frozen=True)
class Hooked:
    receiver: Receiver
    url: str


@pytest.fixture
def hooked(own: Sandbox) -> Iterator[Hooked]:
    receiver = Receiver()
    with serving(receiver) as base:
        yield Hooked(receiver, f"{base}/hooks/portal?from=hubspot")


def _listen(own: Sandbox, url: str | None, events: list[str], copies: int = 1) -> None:
    body = {"url": url, "events": events, "copies": copies}
    own.http.put("/_sandbox/outgoing-webhook", json=body).raise_for_status()


def test_an_event_of_the_sandbox_is_proven_and_names_its_record(
    own: Sandbox, hooked: Hooked
) -> None:
    secret = app_settings(own.options, own.base)["client_secret"]
    connector = own.connector(client_secret=secret, hook_url=hooked.url)
    _listen(own, hooked.url, ["deal.propertyChange", "object.creation"], copies=2)
    (deal, *_) = own.truth("deals")
    own.edit("deals", deal, {"set": {"dealstage": "closedwon"}})
    made = connector.create_task(task())
    sent = eventually(lambda: len(hooked.receiver.taken) >= 4 and hooked.receiver.taken)
    assert isinstance(sent, list)
    hints = [hint for each in sent for hint in connector.verify_hook(each.headers, each.body)]
    assert {(hint.stream, *hint.ids) for hint in hints} == {
        (Stream.DEALS, deal),
        (Stream.TASKS, made),
    }
    # The copy of an event is the same event.
    assert len({hint.dedupe for hint in hints}) == 2
    (read,) = connector.by_ids(hints[0].stream, hints[0].ids).records
    assert read.id == deal
    other = own.connector(client_secret="another", hook_url=hooked.url)
    elsewhere = own.connector(client_secret=secret, hook_url=f"{hooked.url}&x=1")
    for each in (other, elsewhere):
        with pytest.raises(AuthFailed, match="not signed"):
            each.verify_hook(sent[0].headers, sent[0].body)
