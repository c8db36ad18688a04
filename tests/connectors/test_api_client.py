"""What the wire keeps of an answer."""

import gc
import weakref

import httpx

from connectors.http import ApiClient, Wire


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
