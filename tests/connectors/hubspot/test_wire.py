"""Answers that the sandbox does not give: odd pages, odd rows, links that repeat."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.errors import BadResponse
from connectors.hubspot.connector import HubSpot
from connectors.models import Stream
from connectors.port import Page, Partition, Window
from tests.connectors.hands import Hands
from tests.connectors.hubspot.kit import plain, sandbox
from tests.connectors.running import everything

SINCE = Window(datetime(2026, 1, 1, tzinfo=UTC))
Answers = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


def row(id_: int, **change: Any) -> dict[str, Any]:
    return {
        "id": str(id_),
        "properties": {"firstname": f"n{id_}", "lastmodifieddate": "2026-11-23T08:10:04.120Z"},
        "createdAt": "2026-10-02T07:00:00.000Z",
        "updatedAt": "2026-11-23T08:10:04.120Z",
        "archived": False,
        **change,
    }


def page(*rows: Any, after: str | None = None) -> dict[str, Any]:
    more = {} if after is None else {"paging": {"next": {"after": after}}}
    return {"results": list(rows), **more}


def read(answer: Answers, window: Window = Window()) -> list[Page[Any]]:  # noqa: B008
    """Contacts of a tool that answers by a function of the cursor and the body."""

    def handle(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        after = body.get("after", request.url.params.get("after", ""))
        return httpx.Response(200, json=answer(after, body))

    config = HubSpot.Config.model_validate({"token": "service-key-1", "portal_id": "1"})
    connector = HubSpot(config, Hands().wire(httpx.MockTransport(handle)))
    try:
        return list(connector.contacts(window, Partition()))
    finally:
        connector.close()


def ids(pages: list[Page[Any]]) -> list[str]:
    return [record.id for each in pages for record in each.records]


def test_an_empty_page_with_a_next_link_is_not_the_end() -> None:
    answers = {"": page(row(1), after="a"), "a": page(after="b"), "b": page(row(2))}
    assert ids(read(lambda after, _: answers[after])) == ["1", "2"]


def test_a_short_page_with_a_next_link_is_not_the_end_of_a_search() -> None:
    def answer(after: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        above = body["filterGroups"][0]["filters"][-1]["value"]
        if above == "0":
            return page(row(1), after="200") if after == "0" else {}
        if above == "1":
            return page(after="200") if after == "0" else page(row(7), after="400")
        return page()

    assert ids(read(answer, SINCE)) == ["1", "7"]


@pytest.mark.parametrize("window", [Window(), SINCE])
def test_a_next_link_that_repeats_ends_the_read(window: Window) -> None:
    with pytest.raises(BadResponse):
        read(lambda _after, _body: page(row(1), row(2), after="x"), window)
    with pytest.raises(BadResponse, match="does not move on"):
        read(lambda _after, _body: page(after="x"), window)


def test_an_error_in_a_good_answer_is_no_empty_page() -> None:
    with pytest.raises(BadResponse):
        read(lambda _after, _body: {"status": "error", "message": "odd"})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"createdAt": "2026-10-02T07:00:00"}, "timezone"),
        ({"properties": {"firstname": 5}}, "str"),
        ({"properties": {"createdate": "2026-10-02"}}, "no offset"),
        ({"properties": {"createdate": "soon"}}, "soon"),
    ],
)
def test_an_odd_row_is_set_aside_alone(change: dict[str, Any], reason: str) -> None:
    (only,) = read(lambda _after, _body: page(row(1), row(2, **change), row(3)))
    assert ids([only]) == ["1", "3"]
    (refused,) = only.refused
    assert refused.id == "2"
    assert reason in refused.reason
    assert "2" in refused.raw


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T13:40:04+05:30", "2026-11-23T08:10:04Z"),
        ("2026-11-23T00:10:04-08:00", "2026-11-23T08:10:04Z"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z"),
    ],
)
def test_moments_of_any_zone_become_utc(text: str, moment: str) -> None:
    odd = row(1, properties={"createdate": text})
    (only,) = read(lambda _after, _body: page(odd))
    assert plain(only.records[0])["created_at"] == moment


def test_hundreds_of_mapped_properties_fit_no_address_and_are_read_all_the_same() -> None:
    with sandbox(records=130, index_seconds=0) as own:
        group = {"groupName": "dealsinformation", "type": "string", "fieldType": "text"}
        names = [f"a_rather_long_name_of_a_property_{number}" for number in range(500)]
        for name in names:
            body = {**group, "name": name, "label": name}
            own.call("POST", "/crm/properties/2026-03/deals", json=body).raise_for_status()
        (first, *_) = own.truth("deals")
        own.edit("deals", first, {"set": {names[-1]: "kept"}})
        connector = own.connector(fields={name[-8:]: name for name in names})
        narrow = {one.id: plain(one) for one in everything(own.connector(), Stream.DEALS)}
        for window in (Window(), SINCE):
            found = {one.id: plain(one) for one in everything(connector, Stream.DEALS, window)}
            assert found[first]["extra"][names[-1][-8:]] == "kept"
            assert {one: {**found[one], "extra": {}} for one in found} == {
                one: narrow[one] for one in found
            }
            assert len(found) == (130 if window.is_full else len(found)) > 5
