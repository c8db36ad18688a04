"""What the wire keeps of an answer, and how long it waits for a budget."""

import gc
import socket
import weakref
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest

from connectors.auth import ask_server
from connectors.budget import Budget
from connectors.errors import RateLimited, Unavailable
from connectors.hosts import of_address
from connectors.http import ApiClient, Wire, retry_after


def test_an_answer_leaves_nothing_behind_that_waits_for_the_garbage_collector() -> None:
    """A pull collects rarely: what holds itself would pile up by megabytes."""
    made: list[weakref.ref[httpx.Response]] = []

    def named(response: httpx.Response) -> None:
        made.append(weakref.ref(response))

    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json={"result": []}))
    wire = Wire(limiter=_no_budget, sleep=lambda _seconds: None, transport=transport)
    api = ApiClient("https://portal.example/", wire=wire, name_refusal=named)
    gc.collect()
    gc.disable()
    try:
        content = api.get("crm.item.list").content
        assert made[0]() is None
    finally:
        gc.enable()
        api.close()
    assert content == b'{"result":[]}'


def _no_budget(_budget: object) -> None:
    raise AssertionError("no budget was given")


@dataclass
class _Always:
    """A limiter that is asked in vain, or in vain before each request."""

    seconds: float
    in_vain: int = 1_000
    asked: int = 0

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        self.asked += 1
        return self.seconds if self.asked % (self.in_vain + 1) else 0.0

    def refused(self, retry_after: float) -> None:
        pass


def _limited(limiter: _Always, slept: list[float], status: int = 200) -> ApiClient:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, json={}))
    wire = Wire(limiter=lambda _budget: limiter, sleep=slept.append, transport=transport)
    return ApiClient("https://portal.example/", wire=wire, budget=Budget("portal", 50, 2.0))


@pytest.mark.promise("G8")
def test_a_call_waits_a_minute_for_its_budget_and_no_longer() -> None:
    slept: list[float] = []
    with closing(_limited(_Always(40.0), slept)) as api, pytest.raises(RateLimited) as error:
        api.get("crm.item.list")
    assert slept == [40.0]
    assert error.value.retry_after == 40.0
    assert api.sent == 0


@pytest.mark.promise("G8")
def test_the_repetitions_of_a_call_share_one_minute_of_waiting() -> None:
    slept: list[float] = []
    limiter = _Always(25.0, in_vain=1)
    with closing(_limited(limiter, slept, 503)) as api, pytest.raises(RateLimited):
        api.get("crm.item.list")
    assert slept.count(25.0) == 2
    assert api.sent == 2


NOON = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.promise("G8")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "90"}, 90.0),
        ({"Retry-After": "Mon, 23 Nov 2026 12:02:00 GMT", "Date": NOON}, 120.0),
        ({"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT", "Date": NOON}, 0.0),
        ({"Retry-After": "Mon, 23 Nov 2026 12:02:00 GMT"}, 60.0),
        ({"Retry-After": "soon", "Date": NOON}, 60.0),
        ({}, 7.0),
    ],
    ids=["seconds", "date", "past", "no date of its own", "words", "none"],
)
def test_a_pause_is_as_long_as_the_answer_asks(headers: dict[str, str], seconds: float) -> None:
    answer = httpx.Response(429, headers=headers)
    assert retry_after(answer, otherwise=7.0) == seconds


def test_a_host_that_nobody_knows_is_told_to_who_connects_it() -> None:
    def unknown(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no name") from socket.gaierror(-2, "Name or service not known")

    wire = Wire(
        limiter=_no_budget,
        sleep=lambda _seconds: None,
        transport=httpx.MockTransport(unknown),
    )
    with closing(ApiClient("https://acmme.example/", wire=wire)) as api:
        with pytest.raises(Unavailable) as lost:
            api.get("me")
        with pytest.raises(Unavailable) as asked:
            ask_server(httpx.Request("POST", "https://acmme.example/t"), wire.transport)
    for error in (lost.value, asked.value):
        told = of_address(error, "Acme at acmme.example", 10.0)
        assert told.message == (
            "Acme at acmme.example does not answer: the network does not know its host name."
        )
        assert told.next_step.startswith("Check the address")
    down = Unavailable("The tool answers with status 503.")
    assert of_address(down, "Acme", 10.0) is down
