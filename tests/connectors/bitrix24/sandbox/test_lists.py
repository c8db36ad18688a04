"""`crm.item.list` and its siblings: pages, order, filters, hidden rows."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.connectors.bitrix24.sandbox.client import Client
from tests.connectors.bitrix24.sandbox.conftest import Start

DEALS = {"entityTypeId": 2}


def items(client: Client, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.result("crm.item.list", {**DEALS, **params})["items"]
    return found


def ids(client: Client, **params: Any) -> list[int]:
    return [row["id"] for row in items(client, **params)]


def test_pages_hold_fifty_rows_and_say_where_the_next_one_starts(seeded: Client) -> None:
    first = seeded.post("crm.item.list", {**DEALS, "select": ["id"]}).json()
    assert (len(first["result"]["items"]), first["next"]) == (50, 50)
    # 120 kept and one recurring template; the hidden one is not counted.
    assert first["total"] == 121
    last = seeded.post("crm.item.list", {**DEALS, "select": ["id"], "start": 100}).json()
    assert len(last["result"]["items"]) == 21
    assert "next" not in last


@pytest.mark.quirk(3)
def test_without_a_count_total_is_zero_and_there_is_no_next(seeded: Client) -> None:
    answer = seeded.post("crm.item.list", {**DEALS, "select": ["id"], "start": -1}).json()
    assert len(answer["result"]["items"]) == 50
    assert answer["total"] == 0
    assert "next" not in answer


def test_only_chosen_fields_come_back_and_all_without_a_choice(seeded: Client) -> None:
    row = items(seeded, select=["id", "utmSource", "noSuchField"], start=-1)[0]
    assert set(row) == {"id", "utmSource"}
    everything = items(seeded, start=-1)[0]
    fields = seeded.result("crm.item.fields", DEALS)["fields"]
    assert set(everything) == set(fields)


def test_list_get_and_truth_tell_the_same_row(seeded: Client) -> None:
    for row in items(seeded, select=["*"], start=-1)[:20]:
        single = seeded.result("crm.item.get", {**DEALS, "id": row["id"]})["item"]
        assert single == {**row, "entityTypeId": 2}


def test_ids_have_holes_and_a_range_is_kept_to(seeded: Client) -> None:
    all_ids = ids(seeded, select=["id"], start=-1)
    assert all_ids[-1] - all_ids[0] > len(all_ids) - 1
    low, high = all_ids[10], all_ids[20]
    found = ids(seeded, filter={">id": low, "<=id": high}, select=["id"], start=-1)
    assert found == all_ids[11:21]


def test_descending_order_begins_at_the_highest_id(seeded: Client) -> None:
    down = ids(seeded, order={"id": "DESC"}, select=["id"], start=-1)
    up = ids(seeded, order={"id": "ASC"}, select=["id"], start=100)
    assert down[:21] == up[::-1]


def test_a_list_of_ids_is_answered_by_those_that_can_be_read(seeded: Client) -> None:
    some = ids(seeded, select=["id"], start=-1)[5:8]
    assert ids(seeded, filter={"@id": [*some, 999999]}, select=["id"], start=-1) == some


@pytest.mark.parametrize(
    "filters",
    [
        {"stageSemanticId": "S"},
        {"categoryId": 9, "utmSource": "google"},
        {">=updatedTime": "2026-03-01T00:00:00+03:00"},
        {">=updatedTime": "2025-12-01T00:00:00+03:00", "<movedTime": "2026-02-01T00:00:00+03:00"},
        {">opportunity": 20000, "currencyId": "EUR"},
        {"%title": "renewal"},
        {"0": {"logic": "OR", "0": {"stageId": "NEW"}, "1": {"utmMedium": "email"}}},
        {">contactId": 0, "isRecurring": "N"},
        {"originId": "K-1", "originatorId": "retro-roi"},
        {">=updatedTime": "2031-01-01T00:00:00Z"},
        {"<=updatedTime": "2031-01-01T00:00:00Z"},
    ],
)
def test_quick_ways_through_a_filter_find_what_a_look_at_each_row_finds(
    seeded: Client, filters: dict[str, Any]
) -> None:
    """Seeded rows are judged by shape and column; a counted and a sorted list must agree."""
    by_key: list[int] = []
    while True:
        page = ids(
            seeded, filter={**filters, ">id": by_key[-1] if by_key else 0}, select=["id"], start=-1
        )
        by_key += page
        if len(page) < 50:
            break
    sorted_ids: list[int] = []
    total = None
    while total is None or len(sorted_ids) < total:
        answer = seeded.post(
            "crm.item.list",
            {
                **DEALS,
                "filter": filters,
                "order": {"createdTime": "ASC"},
                "select": ["id"],
                "start": len(sorted_ids),
            },
        ).json()
        total = answer["total"]
        sorted_ids += [row["id"] for row in answer["result"]["items"]]
    assert sorted(sorted_ids) == by_key
    assert total == len(by_key)


def test_dates_may_be_filtered_by_their_own_value(seeded: Client) -> None:
    row = items(seeded, select=["id", "updatedTime"], start=-1)[3]
    own = {"id": row["id"], ">=updatedTime": row["updatedTime"]}
    assert ids(seeded, filter=own, select=["id"], start=-1) == [row["id"]]
    assert ids(seeded, filter={**own, ">updatedTime": row["updatedTime"]}, start=-1) == []


@pytest.mark.quirk(20)
def test_some_portals_filter_dates_right_only_with_a_space(start: Start) -> None:
    client = start(moments="date_only")
    row = items(client, select=["id", "updatedTime"], start=-1)[3]
    moment = row["updatedTime"]
    # Of an ISO text only the date is read, so that "later than itself" finds the row.
    iso = {"id": row["id"], ">updatedTime": moment}
    assert ids(client, filter=iso, select=["id"], start=-1) == [row["id"]]
    spaced = {"id": row["id"], ">updatedTime": moment[:19].replace("T", " ")}
    assert ids(client, filter=spaced, select=["id"], start=-1) == []


@pytest.mark.quirk(20)
def test_some_portals_take_every_clock_time_for_their_own(start: Start) -> None:
    client = start(zone="-05:00", moments="no_offset")
    row = items(client, select=["id", "updatedTime"], start=-1)[3]
    own = datetime.fromisoformat(row["updatedTime"])
    found = {"id": row["id"], ">=updatedTime": own.isoformat()}
    assert ids(client, filter=found, select=["id"], start=-1) == [row["id"]]
    lost = {"id": row["id"], ">=updatedTime": own.astimezone(UTC).isoformat()}
    assert ids(client, filter=lost, select=["id"], start=-1) == []


def test_a_field_that_is_not_allowed_is_refused(seeded: Client) -> None:
    refused = (400, "INVALID_ARG_VALUE")
    assert seeded.error("crm.item.list", {**DEALS, "filter": {"UTM_SOURCE": "x"}}) == refused
    assert seeded.error("crm.item.list", {**DEALS, "filter": {"contactIds": 1}}) == refused
    assert seeded.error("crm.item.list", {**DEALS, "order": {"nothing": "ASC"}}) == refused


@pytest.mark.quirk(15)
def test_a_row_without_rights_is_missing_from_lists_and_refused_alone(start: Start) -> None:
    client = start()
    chosen = ids(client, select=["id"], start=-1)[4]
    client.edit("deals", chosen, {"hide": True})
    assert chosen not in ids(client, select=["id"], start=-1)
    assert client.error("crm.item.get", {**DEALS, "id": chosen}) == (400, "ACCESS_DENIED")
    assert chosen not in [int(row["id"]) for row in client.truth("deals")]
    client.edit("deals", chosen, {"hide": False})
    assert chosen in ids(client, select=["id"], start=-1)


def test_a_deleted_row_leaves_no_trace(start: Start) -> None:
    client = start()
    chosen = ids(client, select=["id"], start=-1)[4]
    before = client.post("crm.item.list", {**DEALS, "select": ["id"]}).json()["total"]
    client.edit("deals", chosen, {"delete": True})
    after = client.post("crm.item.list", {**DEALS, "select": ["id"]}).json()["total"]
    assert after == before - 1
    assert client.error("crm.item.get", {**DEALS, "id": chosen}) == (400, "NOT_FOUND")


def test_a_row_out_of_the_recycle_bin_is_there_as_it_was(start: Start) -> None:
    client = start()
    seeded = ids(client, select=["id"], start=-1)[4]
    added = int(client.edit("deals", "new", {"set": {"title": "Neu"}})["id"])
    before = items(client, select=["id", "title", "updatedTime"], start=-1)
    for chosen in (seeded, added):
        client.edit("deals", chosen, {"delete": True})
        assert chosen not in ids(client, select=["id"], start=-1)
        client.edit("deals", chosen, {"restore": True})
    assert items(client, select=["id", "title", "updatedTime"], start=-1) == before


def test_an_edited_row_keeps_its_place_among_seeded_ones(start: Start) -> None:
    client = start()
    before = items(client, select=["id", "title", "updatedTime"], start=-1)
    chosen = before[7]["id"]
    client.edit("deals", chosen, {"set": {"title": 'New "title"'}})
    after = items(client, select=["id", "title", "updatedTime"], start=-1)
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert after[7]["title"] == 'New "title"'
    assert after[:7] + after[8:] == before[:7] + before[8:]
    delta = {">=updatedTime": after[7]["updatedTime"], ">id": 0}
    assert ids(client, filter=delta, select=["id"], start=-1) == [chosen]


def test_history_activities_and_users_page_by_id(seeded: Client) -> None:
    moves = seeded.result("crm.stagehistory.list", {**DEALS, "filter": {">ID": 9000}, "start": -1})
    numbers = [row["ID"] for row in moves["items"]]
    assert len(numbers) == 50
    assert numbers == sorted(numbers)
    lead_move = seeded.result("crm.stagehistory.list", {"entityTypeId": 1})["items"][0]
    assert {"STATUS_ID", "STATUS_SEMANTIC_ID"} <= lead_move.keys()
    assert "CATEGORY_ID" not in lead_move
    activities = seeded.result("crm.activity.list", {"filter": {">ID": 4010}, "start": -1})
    assert all(int(row["ID"]) > 4010 and isinstance(row["ID"], str) for row in activities)
    active = seeded.result("user.get", {"FILTER": {"ACTIVE": True, ">ID": 8}, "start": -1})
    assert [user["ID"] for user in active] == ["10", "11"]


@pytest.mark.quirk(29)
def test_loose_lists_ignore_a_filter_they_do_not_know(seeded: Client) -> None:
    plain = seeded.result("crm.activity.list", {"start": -1})
    odd = seeded.result("crm.activity.list", {"filter": {"NO_SUCH": 1}, "start": -1})
    assert odd == plain
    legacy = seeded.result("crm.deal.list", {"filter": {"NO_SUCH": 1}, "start": -1})
    assert len(legacy) == 50


def test_the_frozen_twin_speaks_upper_case_and_text(seeded: Client) -> None:
    params = {"filter": {"STAGE_SEMANTIC_ID": "S"}, "select": ["ID", "OPPORTUNITY", "DATE_MODIFY"]}
    row = seeded.result("crm.deal.list", params)[0]
    assert set(row) == {"ID", "OPPORTUNITY", "DATE_MODIFY"}
    modern = seeded.result("crm.item.get", {**DEALS, "id": row["ID"]})["item"]
    assert modern["stageSemanticId"] == "S"
    assert row["OPPORTUNITY"] == f"{modern['opportunity']:.2f}"
    assert row["DATE_MODIFY"] == modern["updatedTime"]
