"""Very many rows go by Bulk API 2.0, and nobody waits for them in a worker."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.errors import BadResponse, RateLimited
from connectors.models import Record, Stream
from connectors.port import Partition, Window, read
from connectors.salesforce import bulk
from connectors.salesforce.connector import Salesforce
from tests.connectors.running import everything
from tests.connectors.salesforce.kit import Rewriting, Sandbox, plain, sandbox

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MAPPED = {"fields": {"region": "Retro_Region__c"}, "bulk_above": 40}


@pytest.fixture
def own_large(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(bulk, "ROWS_A_PAGE", 25)
    with sandbox(records=60, start_at=START, frozen=True) as running:
        yield running


def begun(connector: Salesforce, stream: Stream) -> str:
    """The position of a read that waits for its job."""
    source = read(connector, stream, Window(), Partition())
    page = next(source)
    assert (page.records, page.remote_now) == ([], START)
    with pytest.raises(RateLimited) as waits:
        next(source)
    assert (waits.value.retry_after, waits.value.of_account) == (30, False)
    return page.position


def rest(connector: Salesforce, stream: Stream, after: str) -> list[tuple[str, list[Record]]]:
    pages = read(connector, stream, Window(), Partition(after=after))
    found = []
    for page in pages:
        assert not page.refused, page.refused[0].reason
        found.append((page.position, list(page.records)))
    return found


def test_a_first_read_of_many_rows_goes_by_bulk_and_holds_the_same(own_large: Sandbox) -> None:
    listed = {
        one.id: plain(one)
        for one in everything(own_large.connector(**MAPPED | {"bulk_above": 1000}), Stream.DEALS)
    }
    assert len(listed) == 60
    position = begun(own_large.connector(**MAPPED), Stream.DEALS)
    own_large.at("2026-11-23T08:02:00+00:00")
    told = rest(own_large.connector(**MAPPED), Stream.DEALS, position)
    assert [len(records) for _, records in told] == [25, 25, 10]
    assert {one.id: plain(one) for _, records in told for one in records} == listed
    methods = own_large.methods()
    assert (methods["bulk.create"], methods["bulk.results"]) == (1, 3)


def test_a_read_by_bulk_goes_on_where_it_stopped(own_large: Sandbox) -> None:
    position = begun(own_large.connector(**MAPPED), Stream.DEALS)
    own_large.at("2026-11-23T08:02:00+00:00")
    first, *_ = rest(own_large.connector(**MAPPED), Stream.DEALS, position)
    more = rest(own_large.connector(**MAPPED), Stream.DEALS, first[0])
    ids = [one.id for _, records in (first, *more) for one in records]
    assert sorted(ids) == sorted(own_large.truth("deals"))
    # The end is a position too.
    assert rest(own_large.connector(**MAPPED), Stream.DEALS, more[-1][0]) == []


def test_a_job_that_is_gone_is_begun_anew(own_large: Sandbox) -> None:
    position = begun(own_large.connector(**MAPPED), Stream.DEALS)
    own_large.at("2026-12-23T08:00:00+00:00")
    source = read(own_large.connector(**MAPPED), Stream.DEALS, Window(), Partition(after=position))
    pages = [next(source), next(source)]
    assert [page.position == "" for page in pages] == [True, False]
    assert pages[1].position not in ("", position)


def test_a_delta_and_a_few_rows_never_go_by_bulk(own_large: Sandbox) -> None:
    connector = own_large.connector(**MAPPED)
    assert len(everything(connector, Stream.DEALS, Window(datetime(2020, 1, 1, tzinfo=UTC)))) == 60
    assert len(everything(connector, Stream.LEADS)) == 30
    assert "bulk.create" not in own_large.methods()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"state": "Failed", "errorMessage": "too wide"}, "too wide"),
        ({"state": "Aborted"}, "Aborted"),
        ({"state": "InProgress", "createdDate": "2026-11-20T08:00:00.000+0000"}, "not finish"),
    ],
)
def test_a_job_that_comes_to_nothing_ends_the_run(
    own_large: Sandbox, change: dict[str, str], told: str
) -> None:
    position = begun(own_large.connector(**MAPPED), Stream.DEALS)

    def spoilt(response: httpx.Response) -> httpx.Response:
        document = response.json()
        if isinstance(document, dict) and "state" in document:
            return httpx.Response(200, json={**document, **change}, headers=dated(response))
        return response

    wire = Rewriting(httpx.HTTPTransport(), spoilt)
    with pytest.raises(BadResponse, match=told):
        rest(own_large.over(wire, **MAPPED), Stream.DEALS, position)


def dated(response: httpx.Response) -> dict[str, str]:
    return {"Date": response.headers["Date"]}


@pytest.mark.parametrize(
    ("content", "locator"),
    [
        (b'"Id","Name"\n"1","2"\n', "null"),
        (b"<html></html>", "null"),
        (b"\xff\xfe", "null"),
        (None, ""),
        (b'"Id"\n"1","2"\n', "null"),
    ],
)
def test_a_table_that_is_none_is_an_error(
    own_large: Sandbox, content: bytes | None, locator: str
) -> None:
    position = begun(own_large.connector(**MAPPED), Stream.DEALS)
    own_large.at("2026-11-23T08:02:00+00:00")

    def spoilt(response: httpx.Response) -> httpx.Response:
        if "csv" not in response.headers["Content-Type"]:
            return response
        kept = {"Sforce-Locator": locator} if locator else {}
        return httpx.Response(200, content=content or response.content, headers=kept)

    wire = Rewriting(httpx.HTTPTransport(), spoilt)
    with pytest.raises(BadResponse):
        rest(own_large.over(wire, **MAPPED), Stream.DEALS, position)


def test_a_table_that_lost_its_end_is_an_error(own_large: Sandbox) -> None:
    position = begun(own_large.connector(**MAPPED), Stream.DEALS)
    own_large.at("2026-11-23T08:02:00+00:00")

    def cut(response: httpx.Response) -> httpx.Response:
        if "csv" not in response.headers["Content-Type"]:
            return response
        head = {name: response.headers[name] for name in (bulk.LOCATOR, bulk.COUNT)}
        lines = response.text.splitlines(keepends=True)
        return httpx.Response(200, text="".join(lines[:-1]), headers=head)

    wire = Rewriting(httpx.HTTPTransport(), cut)
    with pytest.raises(BadResponse, match="not whole"):
        rest(own_large.over(wire, **MAPPED), Stream.DEALS, position)
