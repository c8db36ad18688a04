"""First pages of several streams from one request."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.bitrix24.connector import Bitrix24
from connectors.models import Stream
from connectors.port import Page, Partition, Window, read, readable_streams
from tests.connectors.bitrix24.kit import Sandbox, sandbox

# All that the portal holds was changed since then, more than a page of most streams.
SINCE = Window(datetime(2000, 1, 1, tzinfo=UTC))
NOTHING = Window(datetime(2040, 1, 1, tzinfo=UTC))
READ = tuple(stream for stream in readable_streams(Bitrix24) if stream is not Stream.PIPELINES)


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    with sandbox(seed=7, records=400) as running:
        yield running


def everything(connector: Bitrix24, stream: Stream, window: Window) -> list[Page[Any]]:
    shares = connector.partitions(stream, window)
    return [page for share in shares for page in read(connector, stream, window, share)]


def records(pages: list[Page[Any]]) -> list[Any]:
    return [record for page in pages for record in page.records]


@pytest.mark.parametrize("stream", [each for each in READ if each is not Stream.TASKS])
def test_a_stream_read_ahead_is_what_it_is_without(portal: Sandbox, stream: Stream) -> None:
    plain = everything(portal.connector(), stream, SINCE)
    connector = portal.connector()
    connector.read_ahead({stream: SINCE, Stream.LEADS: SINCE, Stream.DEALS: SINCE})
    ahead = everything(connector, stream, SINCE)
    assert records(ahead) == records(plain) != []
    assert sum(page.requests for page in ahead) <= sum(page.requests for page in plain)


def test_all_streams_without_change_are_one_request(portal: Sandbox) -> None:
    connector = portal.connector()
    connector.read_ahead(dict.fromkeys(readable_streams(Bitrix24), NOTHING))
    pages = [page for stream in READ for page in everything(connector, stream, NOTHING)]
    assert connector.requests == sum(page.requests for page in pages) == 1
    assert all(page.remote_now is not None for page in pages)


def test_another_window_or_share_is_asked_for_anew(portal: Sandbox) -> None:
    connector = portal.connector()
    connector.read_ahead({Stream.DEALS: NOTHING})
    next(connector.deals(SINCE, Partition()))
    list(connector.deals(NOTHING, Partition(after="5")))
    assert connector.requests == 3


def test_an_answer_serves_once(portal: Sandbox) -> None:
    connector = portal.connector()
    connector.read_ahead({Stream.DEALS: NOTHING})
    for _ in range(2):
        list(connector.deals(NOTHING, Partition()))
    assert connector.requests == 2


def test_an_old_answer_is_asked_for_again(portal: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = portal.connector()
    seconds = 0.0
    monkeypatch.setattr(connector._ahead, "clock", lambda: seconds)
    connector.read_ahead({Stream.DEALS: NOTHING})
    seconds = 5.0
    (page,) = connector.deals(NOTHING, Partition())
    assert (connector.requests, page.requests) == (2, 2)


def test_what_was_refused_is_asked_for_again_and_told_by_its_own_read(portal: Sandbox) -> None:
    where = {"method": "crm.stagehistory.list", "nth": 1}
    portal.faults({"do": "error", "nested": True, "on": where})
    connector = portal.connector()
    connector.read_ahead({Stream.STAGE_CHANGES: NOTHING, Stream.DEALS: NOTHING})
    shares = connector.partitions(Stream.STAGE_CHANGES, NOTHING)
    read_of = [list(read(connector, Stream.STAGE_CHANGES, NOTHING, share)) for share in shares]
    assert [page.requests for pages in read_of for page in pages] == [2, 0]
    assert connector.requests == 2


def test_nothing_is_asked_where_nothing_can_be_read_ahead(portal: Sandbox) -> None:
    connector = portal.connector()
    connector.read_ahead({Stream.PIPELINES: NOTHING})
    assert connector.requests == 0


def test_the_tools_clock_is_that_of_the_answer(portal: Sandbox) -> None:
    connector = portal.connector()
    connector.read_ahead({Stream.DEALS: NOTHING})
    (page,) = connector.deals(NOTHING, Partition())
    assert page.remote_now is not None
    (later,) = connector.deals(NOTHING, Partition())
    assert later.remote_now is not None
    assert timedelta(0) <= later.remote_now - page.remote_now < timedelta(seconds=30)
