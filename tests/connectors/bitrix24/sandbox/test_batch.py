"""`batch`: chained commands, errors of single ones, PHP's empty maps."""

import pytest

from tests.connectors.bitrix24.sandbox.client import Client, keyset_pull
from tests.connectors.bitrix24.sandbox.conftest import Start

IDS = "crm.item.list?entityTypeId=2&select[0]=id"


def test_a_chained_pull_reads_every_readable_row_once(seeded: Client) -> None:
    rows = keyset_pull(seeded, IDS, "[items]", "id")
    found = [row["id"] for row in rows]
    assert len(found) == 121
    assert found == sorted(set(found))


def test_a_chained_pull_reads_lists_without_items_too(seeded: Client) -> None:
    rows = keyset_pull(seeded, "crm.activity.list?select[0]=ID", "", "ID")
    assert {row["ID"] for row in rows} == {row["id"] for row in seeded.truth("activities")}


@pytest.mark.quirk(2)
def test_after_a_short_page_the_chain_starts_again_from_the_first_row(seeded: Client) -> None:
    first = seeded.result("crm.item.list", {"entityTypeId": 2, "select": ["id"], "start": 100})
    bound = first["items"][0]["id"]
    answer = seeded.batch(
        {
            "c00": f"{IDS}&filter[%3Eid]={bound}&order[id]=ASC&start=-1",
            "c01": f"{IDS}&filter[%3Eid]=$result[c00][items][49][id]&order[id]=ASC&start=-1",
        }
    )
    short, again = (answer["result"][name]["items"] for name in ("c00", "c01"))
    assert len(short) == 20
    assert again[0]["id"] < bound


@pytest.mark.quirk(4)
def test_a_failed_command_is_named_under_status_200_and_the_rest_goes_on(seeded: Client) -> None:
    bad = "crm.item.list?entityTypeId=2&filter[nope]=1"
    answer = seeded.batch({"bad": bad, "time": "server.time"})
    assert answer["result_error"]["bad"]["error"] == "INVALID_ARG_VALUE"
    assert list(answer["result"]) == ["time"]


def test_halt_stops_at_the_first_error(seeded: Client) -> None:
    answer = seeded.batch({"a": "server.time", "b": "no.such", "c": "server.time"}, halt=1)
    assert list(answer["result"]) == ["a"]
    assert answer["result_error"]["b"]["error"] == "ERROR_METHOD_NOT_FOUND"


@pytest.mark.quirk(6)
def test_empty_maps_are_lists_and_numbered_ones_lose_their_names(seeded: Client) -> None:
    answer = seeded.batch({"a": "server.time"})
    assert answer["result_error"] == []
    assert answer["result_next"] == []
    numbered = seeded.batch({"0": "server.time", "1": "server.time"})
    assert isinstance(numbered["result"], list)


def test_commands_beyond_fifty_fail_one_by_one(seeded: Client) -> None:
    answer = seeded.batch({f"c{n:02}": "server.time" for n in range(52)})
    assert len(answer["result"]) == 50
    assert set(answer["result_error"]) == {"c50", "c51"}
    assert answer["result_error"]["c50"]["error"] == "ERROR_BATCH_LENGTH_EXCEEDED"


def test_a_batch_in_a_batch_is_refused(seeded: Client) -> None:
    answer = seeded.batch({"a": "batch?cmd[x]=server.time"})
    assert answer["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


@pytest.mark.quirk(7)
def test_a_plus_that_is_not_encoded_spoils_the_filter(seeded: Client) -> None:
    """Encoded the moment is read; bare, the zone is gone with the plus."""
    command = "crm.item.list?entityTypeId=2&select[0]=id&start=-1&filter[%3EupdatedTime]="
    answer = seeded.batch(
        {
            "right": command + "2026-02-01T00:00:00%2B03:00",
            "wrong": command + "2026-02-01T00:00:00+03:00",
        }
    )
    assert answer["result"]["right"]["items"]
    assert answer["result_error"]["wrong"]["error"] == "INVALID_ARG_VALUE"


def test_writes_in_a_batch_can_use_what_was_made_before(start: Start) -> None:
    client = start()
    answer = client.batch(
        {
            "deal": "crm.item.add?entityTypeId=2&fields[title]=A%26B",
            "note": "crm.timeline.comment.add?fields[ENTITY_TYPE]=deal&fields[COMMENT]=x"
            "&fields[ENTITY_ID]=$result[deal][item][id]",
        }
    )
    assert answer["result_error"] == []
    deal = answer["result"]["deal"]["item"]
    assert deal["title"] == "A&B"
    listed = {"filter": {"ENTITY_TYPE": "deal", "ENTITY_ID": deal["id"]}}
    assert len(client.result("crm.timeline.comment.list", listed)) == 1


def test_a_list_shows_rows_as_they_were_when_it_ran(start: Start) -> None:
    client = start()
    first = client.result("crm.item.list", {"entityTypeId": 2, "start": -1})["items"][0]
    one = f"crm.item.list?entityTypeId=2&select[0]=title&filter[id]={first['id']}&start=-1"
    answer = client.batch(
        {
            "before": one,
            "edit": f"crm.item.update?entityTypeId=2&id={first['id']}&fields[title]=changed",
            "after": one,
        }
    )
    titles = [answer["result"][name]["items"][0]["title"] for name in ("before", "after")]
    assert titles == [first["title"], "changed"]
