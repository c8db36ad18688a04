"""Reading by key: chains, their end, odd rows, shares, single records."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import pytest

from connectors.bitrix24 import keyset
from connectors.bitrix24.reading import segments
from connectors.bitrix24.wire import Times
from connectors.errors import BadResponse, NotPermitted, Unavailable
from connectors.models import Stream
from connectors.port import Page, Partition, Presence, Window
from tests.connectors.bitrix24.kit import DEAL, Call, Script, batched, good

# It has no moment in UTC.
YEAR_ONE = "0001-01-01T00:00:00+03:00"
SINCE = datetime(2026, 8, 20, 9, 50, tzinfo=UTC)


def deal(number: int, **change: Any) -> dict[str, Any]:
    return {**DEAL, "id": number, **change}


def rows(first: int, count: int) -> dict[str, Any]:
    return {"items": [deal(number) for number in range(first, first + count)]}


EVERYTHING = Window()
WHOLE = Partition()


def pull(
    script: Script, window: Window = EVERYTHING, partition: Partition = WHOLE
) -> list[Page[Any]]:
    return list(script.connector().deals(window, partition))


def ids(pages: list[Page[Any]]) -> list[int]:
    return [int(record.id) for page in pages for record in page.records]


class Chain:
    """A portal with deals of these ids, which understands a chain as the fact sheet tells it.

    `wrap` is what it does behind a short page: a reference that leads nowhere is empty, and the
    command starts again from the first row.
    """

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers

    def __call__(self, call: Call) -> Mapping[str, Any]:
        last: dict[str, int] = {}
        results = {}
        for name, command in call.commands.items():
            text = unquote(command)
            above = re.search(r"filter\[>id\]=(?:\$result\[(\w+)\]|(\d+))", text)
            until = re.search(r"filter\[<=id\]=(\d+)", text)
            assert above
            start = last.get(above[1], 0) if above[1] else int(above[2])
            most = int(until[1]) if until else 10**9
            found = [n for n in self.numbers if start < n <= most][:50]
            if len(found) == 50:
                last[name] = found[-1]
            results[name] = {"items": [deal(number) for number in found]}
        return batched(results)


@pytest.mark.quirk(2)
@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 499, 500, 501, 2999, 3000, 3001])
def test_a_chain_ends_at_its_first_short_page(count: int) -> None:
    numbers = [3 * n + 1 for n in range(count)]
    pages = pull(Script(Chain(numbers)))
    assert ids(pages) == numbers
    assert pages[-1].position == str(numbers[-1] if numbers else 0)


@pytest.mark.quirk(2)
def test_an_exactly_full_chain_goes_on_to_be_certain_of_its_end() -> None:
    script = Script(Chain(list(range(1, 501))))
    pages = pull(script)
    assert [len(page.records) for page in pages] == [500, 0]


@pytest.mark.quirk(2)
def test_a_listing_out_of_order_stops_the_read() -> None:
    answers = iter(
        [batched({"c00": rows(1, 50), "c01": rows(1, 50)}), batched({"c00": rows(1, 0)})]
    )
    with pytest.raises(BadResponse, match="not in order"):
        pull(Script(lambda _: next(answers)))


@pytest.mark.quirk(1)
@pytest.mark.quirk(3)
@pytest.mark.quirk(10)
@pytest.mark.quirk(36)
def test_pages_go_by_ascending_key_and_without_counting() -> None:
    script = Script(Chain(list(range(1, 700))))
    pull(script)
    commands = [unquote(text) for call in script.calls for text in call.commands.values()]
    assert len(commands) > 10
    for text in commands:
        assert text.endswith("&start=-1")
        assert "order[id]=ASC" in text
        assert "useOriginalUfNames" not in text
        assert "select[0]=id" in text
    assert "filter[>id]=$result[c00][items][49][id]" in commands[1]


@pytest.mark.quirk(4)
def test_a_failed_page_stops_the_read_with_its_own_error() -> None:
    errors = {"c01": {"error": "INTERNAL_SERVER_ERROR", "error_description": "x"}}
    with pytest.raises(Unavailable):
        pull(Script(lambda _: batched({"c00": rows(1, 50)}, errors)))


@pytest.mark.quirk(4)
def test_a_missing_page_is_asked_for_again() -> None:
    answers = iter([batched({"c00": rows(1, 50)}), batched({"c00": rows(51, 3)})])
    script = Script(lambda _: next(answers))
    assert ids(pull(script)) == list(range(1, 54))
    assert "filter[%3Eid]=50" in script.calls[1].commands["c00"]


@pytest.mark.quirk(4)
def test_an_error_behind_the_end_counts_for_nothing() -> None:
    errors = {"c01": {"error": "INVALID_ARG_VALUE", "error_description": "x"}}
    assert ids(pull(Script(lambda _: batched({"c00": rows(1, 3)}, errors)))) == [1, 2, 3]


def test_an_answer_without_rows_is_no_empty_listing() -> None:
    with pytest.raises(BadResponse, match="no items"):
        pull(Script(lambda _: batched({"c00": {"deals": []}})))
    empty = iter([batched({}), batched({"c00": rows(1, 0)})])
    with pytest.raises(BadResponse, match="left"):
        pull(Script(lambda _: next(empty)))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("createdTime", "soon", "createdTime"),
        ("movedTime", YEAR_ONE, "out of range"),
        ("updatedTime", YEAR_ONE, "out of range"),
    ],
)
def test_one_odd_row_is_set_aside_and_the_others_go_through(
    name: str, value: str, reason: str
) -> None:
    odd = {"items": [deal(1), deal(2, **{name: value}), deal(3), deal(4, isRecurring="Y")]}
    (page,) = pull(Script(lambda _: batched({"c00": odd})))
    assert [record.id for record in page.records] == ["1", "3"]
    (refused,) = page.refused
    assert refused.id == "2"
    assert reason in refused.reason
    assert f'"{name}":"{value}"' in refused.raw
    assert page.position == "4"


def test_a_row_without_a_readable_id_is_set_aside_too() -> None:
    odd = {"items": [deal(1), {**deal(2), "id": "two"}, "nothing"]}
    (page,) = pull(Script(lambda _: batched({"c00": odd})))
    assert [record.id for record in page.records] == ["1"]
    assert [refused.id for refused in page.refused] == [None, None]


def test_a_whole_page_without_ids_cannot_be_read_past() -> None:
    odd = {"items": [{"title": "x"}] * 50}
    answers = iter([batched({"c00": odd}), batched({"c00": rows(1, 0)})])
    with pytest.raises(BadResponse, match="no ids"):
        pull(Script(lambda _: next(answers)))


@pytest.mark.quirk(20)
def test_a_delta_filters_by_change_with_an_offset_and_checks_it_again() -> None:
    old = deal(1, updatedTime="2026-08-20T12:49:59+03:00")
    edge = deal(2, updatedTime="2026-08-20T12:50:00+03:00")
    script = Script(lambda _: batched({"c00": {"items": [old, edge]}}))
    (page,) = pull(script, Window(SINCE))
    assert ids([page]) == [2]
    command = script.calls[0].commands["c00"]
    assert "filter[%3E%3DupdatedTime]=2026-08-20T09%3A50%3A00%2B00%3A00" in command


@pytest.mark.quirk(20)
@pytest.mark.quirk(21)
def test_a_bound_inside_a_second_asks_for_that_whole_second() -> None:
    """The portal tells whole seconds: what changed later in that second looks older."""
    edge = deal(2, updatedTime="2026-08-20T12:50:00+03:00")
    script = Script(lambda _: batched({"c00": {"items": [edge]}}))
    (page,) = pull(script, Window(SINCE.replace(microsecond=300_000)))
    assert ids([page]) == [2]
    command = script.calls[0].commands["c00"]
    assert "filter[%3E%3DupdatedTime]=2026-08-20T09%3A50%3A00%2B00%3A00" in command


def test_a_delta_without_news_costs_one_request_of_one_command() -> None:
    script = Script(lambda _: batched({"c00": {"items": []}}))
    (page,) = pull(script, Window(SINCE))
    assert (len(script.calls), list(script.calls[0].commands)) == (1, ["c00"])
    assert page.records == []
    assert page.remote_now == datetime.fromtimestamp(1787220000.101, UTC)


def test_batches_grow_while_there_is_more() -> None:
    script = Script(Chain(list(range(1, 4000))))
    pull(script, Window(datetime(2020, 1, 1, tzinfo=UTC)))
    assert [len(call.commands) for call in script.calls] == [1, 8, 50, 50]


@pytest.mark.parametrize(
    ("count", "duration", "expected"),
    [(10, 0.5, 50), (10, 5.0, 40), (10, 10.0, 20), (50, 50.0, 20), (1, 30.0, 1), (1, 0.0, 8)],
)
def test_the_batch_fits_twenty_seconds_of_the_portals_time(
    count: int, duration: float, expected: int
) -> None:
    assert keyset.next_count(count, Times(start=0.0, duration=duration)) == expected


def test_a_closed_share_ends_at_its_bound() -> None:
    pages = pull(Script(Chain(list(range(1, 200)))), partition=Partition("all:2", "20", "120"))
    assert ids(pages) == list(range(21, 121))


def test_a_read_goes_on_from_its_position() -> None:
    script = Script(Chain(list(range(1, 1200))))
    first = next(iter(script.connector().deals(Window(), Partition())))
    rest = pull(script, partition=Partition("all", first.position))
    assert ids([first, *rest]) == list(range(1, 1200))


@pytest.mark.parametrize(
    ("low", "high", "shares"),
    [(0, 0, 1), (1, 4999, 1), (1, 9999, 1), (1, 10_000, 2), (1, 40_000, 8), (5, 10**6, 8)],
)
def test_shares_cover_all_ids_once(low: int, high: int, shares: int) -> None:
    cut = segments("all", low, high, 8)
    assert len(cut) == shares
    assert len({share.name for share in cut}) == shares
    assert cut[0].after == ""
    assert cut[-1].until is None
    for earlier, later in pairwise(cut):
        assert earlier.until == later.after


def test_one_request_finds_both_ends_of_a_full_read() -> None:
    script = Script(
        lambda call: batched(
            {name: rows(400 if "low" in name else 90_000, 1) for name in call.commands}
        )
    )
    shares = script.connector().partitions(Stream.DEALS, Window())
    assert len(shares) == 8
    (call,) = script.calls
    assert [re.search(r"order\[id\]=(\w+)", text)[1] for text in call.commands.values()] == [  # type: ignore[index]  # a command without order fails the test
        "ASC",
        "DESC",
    ]


def test_a_delta_is_one_share_and_asks_nothing() -> None:
    script = Script(lambda _: batched({}))
    connector = script.connector()
    for stream in (Stream.LEADS, Stream.DEALS, Stream.ACTIVITIES, Stream.PEOPLE):
        assert connector.partitions(stream, Window(SINCE)) == (Partition(),)
    names = [share.name for share in connector.partitions(Stream.STAGE_CHANGES, Window(SINCE))]
    assert names == ["leads", "deals"]
    assert script.calls == []


@pytest.mark.quirk(15)
def test_a_record_that_is_missing_is_deleted_or_hidden() -> None:
    errors = {
        "x2": {"error": "NOT_FOUND", "error_description": ""},
        "x3": {"error": "ACCESS_DENIED", "error_description": ""},
    }
    script = Script(lambda _: batched({"x1": {"item": {"id": 1}}}, errors))
    assert script.connector().presence(Stream.DEALS, ["1", "2", "3"]) == {
        "1": Presence.PRESENT,
        "2": Presence.DELETED,
        "3": Presence.HIDDEN,
    }


@pytest.mark.quirk(15)
def test_another_error_proves_no_delete() -> None:
    errors = {"x1": {"error": "insufficient_scope", "error_description": ""}}
    with pytest.raises(NotPermitted):
        Script(lambda _: batched({}, errors)).connector().presence(Stream.DEALS, ["1"])


@pytest.mark.quirk(28)
def test_a_missing_task_is_an_empty_list() -> None:
    script = Script(lambda call: batched({"x7": []} if "x7" in call.commands else {"t7": []}))
    connector = script.connector()
    assert connector.presence(Stream.TASKS, ["7"]) == {"7": Presence.DELETED}
    assert connector.by_ids(Stream.TASKS, ["7"]).records == []


@pytest.mark.parametrize("name", ["deadline", "changedDate"])
def test_an_odd_task_that_is_asked_for_is_set_aside(name: str) -> None:
    odd = {"id": 7, "title": "Odd", "status": 2, "ufRetroKey": "K", name: YEAR_ONE}
    script = Script(lambda _: batched({"t7": {"task": odd}, "t8": {"task": {**odd, name: ""}}}))
    page = script.connector().by_ids(Stream.TASKS, ["7", "8"])
    assert [record.title for record in page.records] == ["Odd"]
    (refused,) = page.refused
    assert (refused.id, YEAR_ONE in refused.raw) == ("7", True)


@pytest.mark.quirk(15)
def test_what_cannot_be_asked_for_alone_is_kept_as_hidden() -> None:
    script = Script(lambda call: batched({name: [] for name in call.commands}))
    connector = script.connector()
    assert connector.presence(Stream.ACTIVITIES, ["9"]) == {"9": Presence.HIDDEN}


def test_stage_changes_are_found_again_by_their_kind() -> None:
    script = Script(lambda call: batched({name: {"items": []} for name in call.commands}))
    script.connector().by_ids(Stream.STAGE_CHANGES, ["leads:5", "deals:5", "deals:6"])
    (call,) = script.calls
    texts = [unquote(text) for text in call.commands.values()]
    assert ["entityTypeId=1" in text for text in texts] == [True, False]
    assert "filter[@ID][0]=5&filter[@ID][1]=6" in texts[1]


@pytest.mark.quirk(11)
@pytest.mark.quirk(33)
def test_custom_fields_are_asked_for_by_the_name_the_portal_gives_them() -> None:
    def answer(call: Call) -> Mapping[str, Any]:
        if call.method == "crm.item.fields":
            field = {"type": "string", "upperName": "UF_CRM_3_DIGIT10"}
            return good({"fields": {"ufCrm_3_DIGIT10": field}})
        return batched({"c00": {"items": [deal(1, ufCrm_3_DIGIT10="x")]}})

    script = Script(answer)
    mapped = {"contract": "UF_CRM_3_DIGIT10", "absent": "UF_CRM_ABSENT"}
    (page,) = script.connector(fields=mapped).deals(Window(SINCE), Partition())
    assert page.records[0].extra == {"contract": "x"}
