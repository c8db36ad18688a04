"""Writing CRM items, stages and their history, smart processes."""

from typing import Any

import pytest

from tests.connectors.bitrix24.sandbox.client import Client
from tests.connectors.bitrix24.sandbox.conftest import Start

KPI_TYPE = {
    "title": "KPI targets",
    "entityTypeId": 1038,
    "isUseInUserfieldEnabled": "Y",
    "linkedUserFields": {"TASKS_TASK|UF_CRM_TASK": "true"},
    "relations": {"parent": [{"entityTypeId": 2, "isChildrenListEnabled": "true"}]},
}


def at(client: Client, second: int) -> None:
    client.put("clock", {"now": f"2026-11-23T08:00:{second:02}Z", "running": False})


def update(client: Client, item_id: int, **fields: Any) -> dict[str, Any]:
    params = {"entityTypeId": 2, "id": item_id, "fields": fields}
    item: dict[str, Any] = client.result("crm.item.update", params)["item"]
    return item


def add(client: Client, entity_type_id: int = 2, **fields: Any) -> dict[str, Any]:
    params = {"entityTypeId": entity_type_id, "fields": fields}
    item: dict[str, Any] = client.result("crm.item.add", params)["item"]
    return item


def moves(client: Client, owner: int) -> list[tuple[int, str]]:
    params = {"entityTypeId": 2, "filter": {"OWNER_ID": owner}}
    rows = client.result("crm.stagehistory.list", params)["items"]
    return [(row["TYPE_ID"], row["STAGE_ID"]) for row in rows]


def kpi_type(client: Client, **fields: Any) -> dict[str, Any]:
    answer = client.result("crm.type.add", {"fields": {**KPI_TYPE, **fields}})
    type_: dict[str, Any] = answer["type"]
    return type_


def add_field(client: Client, name: str, kind: str, **settings: Any) -> Any:
    field = {"entityId": "CRM_7", "fieldName": name, "userTypeId": kind, "settings": settings}
    return client.post("userfieldconfig.add", {"moduleId": "crm", "field": field})


def test_a_new_deal_has_the_portals_defaults(start: Start) -> None:
    client = start()
    at(client, 0)
    deal = add(client, title="New")
    assert (deal["stageId"], deal["categoryId"], deal["closed"]) == ("NEW", 0, "N")
    assert deal["createdTime"] == "2026-11-23T11:00:00+03:00"
    # The planned close: a week after the creation.
    assert deal["closedate"] == "2026-11-30T03:00:00+03:00"
    assert deal["id"] > max(int(row["id"]) for row in client.truth("deals")[:-1])


@pytest.mark.quirk(9)
def test_unknown_and_read_only_fields_are_ignored_without_a_word(start: Start) -> None:
    client = start()
    deal = add(client, title="x", nope="y", stageSemanticId="S", createdTime="2020-01-01T00:00:00Z")
    assert deal["stageSemanticId"] == "P"
    assert not deal["createdTime"].startswith("2020")
    assert "nope" not in deal


def test_an_update_that_changes_nothing_saves_nothing(start: Start) -> None:
    client = start()
    at(client, 0)
    deal = add(client, title="x", opportunity=10)
    at(client, 5)
    assert update(client, deal["id"], title="x", opportunity="10.00") == deal
    at(client, 7)
    changed = update(client, deal["id"], opportunity=12.5)
    assert changed["updatedTime"] == "2026-11-23T11:00:07+03:00"
    assert changed["movedTime"] == deal["movedTime"]


@pytest.mark.quirk(13)
def test_the_close_is_the_last_move_into_a_final_stage_not_a_later_move(start: Start) -> None:
    client = start()
    at(client, 0)
    deal = add(client, title="x")["id"]
    at(client, 10)
    won = update(client, deal, stageId="WON")
    assert (won["closed"], won["stageSemanticId"]) == ("Y", "S")
    at(client, 20)
    moved = update(client, deal, categoryId=9, stageId="C9:WON")
    assert moved["movedTime"] == "2026-11-23T11:00:20+03:00"
    assert moves(client, deal) == [(1, "NEW"), (3, "WON"), (5, "C9:WON")]
    truth = client.truth("deals")[-1]
    assert truth["closed_at"] == "2026-11-23T08:00:10Z"
    at(client, 30)
    update(client, deal, stageId="C9:EXECUTING")
    assert client.truth("deals")[-1]["closed_at"] is None
    at(client, 40)
    update(client, deal, stageId="C9:LOSE")
    assert client.truth("deals")[-1]["closed_at"] == "2026-11-23T08:00:40Z"


def test_a_stage_of_another_pipeline_is_refused(start: Start) -> None:
    client = start()
    deal = add(client, title="x")["id"]
    wrong = {"entityTypeId": 2, "id": deal, "fields": {"stageId": "C9:WON"}}
    assert client.error("crm.item.update", wrong) == (400, "INVALID_ARG_VALUE")
    assert moves(client, deal) == [(1, "NEW")]


def test_a_lead_that_is_converted_has_a_close(start: Start) -> None:
    client = start()
    at(client, 0)
    lead = add(client, 1, title="x")
    at(client, 9)
    client.edit("leads", lead["id"], {"set": {"stageId": "CONVERTED"}})
    found = client.truth("leads")[-1]
    assert (found["status_kind"], found["closed_at"]) == ("converted", "2026-11-23T08:00:09Z")


def test_which_leads_are_qualified_is_for_the_one_who_asks(seeded: Client) -> None:
    plain = seeded.truth("leads")
    chosen = seeded.truth("leads", "?qualified=PROCESSED,CONVERTED")
    kinds = {(row["stage"], other["status_kind"]) for row, other in zip(plain, chosen, strict=True)}
    assert {row["status_kind"] for row in plain} == {"open", "disqualified", "converted"}
    assert ("PROCESSED", "qualified") in kinds
    assert ("CONVERTED", "converted") in kinds


def test_external_ids_find_their_item_among_many(start: Start) -> None:
    client = start()
    made = add(client, title="x", originatorId="retro-roi", originId="K-1")
    wanted = {"originatorId": "retro-roi", "originId": "K-1"}
    rows = client.result("crm.item.list", {"entityTypeId": 2, "filter": wanted, "start": -1})
    assert [row["id"] for row in rows["items"]] == [made["id"]]


def test_a_smart_process_has_two_ids_and_is_made_once(start: Start) -> None:
    client = start()
    made = kpi_type(client)
    assert (made["id"], made["entityTypeId"]) == (7, 1038)
    assert made["linkedUserFields"]["TASKS_TASK|UF_CRM_TASK"] == "Y"
    again = client.post("crm.type.add", {"fields": KPI_TYPE})
    assert again.status_code == 400
    listed = client.result("crm.type.list", {"filter": {"title": "KPI targets"}})["types"]
    assert [row["id"] for row in listed] == [7]
    assert len(client.result("crm.category.list", {"entityTypeId": 1038})["categories"]) == 1


@pytest.mark.quirk(38)
def test_numbers_of_a_smart_process_round_to_their_precision(start: Start) -> None:
    client = start()
    kpi_type(client)
    assert add_field(client, "UF_CRM_7_TARGET", "double", PRECISION=4).status_code == 200
    assert add_field(client, "UF_CRM_7_PLAIN", "double").status_code == 200
    item = add(client, 1038, title="x", ufCrm7Target=0.02874412, ufCrm7Plain="0.0287")
    assert (item["ufCrm7Target"], item["ufCrm7Plain"]) == (0.0287, 0.03)


def test_a_field_that_exists_is_refused_with_an_empty_code(start: Start) -> None:
    client = start()
    kpi_type(client)
    assert add_field(client, "UF_CRM_7_UNIT", "string").status_code == 200
    again = add_field(client, "UF_CRM_7_UNIT", "string")
    assert (again.status_code, again.json()["error"]) == (400, "")
    assert add_field(client, "UF_CRM_UNIT", "string").status_code == 400
    listed = {"moduleId": "crm", "filter": {"entityId": "CRM_7"}}
    fields = client.result("userfieldconfig.list", listed)["fields"]
    assert [field["fieldName"] for field in fields] == ["UF_CRM_7_UNIT"]


def test_a_field_added_to_deals_shows_on_seeded_rows(start: Start) -> None:
    client = start()
    field = {"entityId": "CRM_DEAL", "fieldName": "UF_CRM_PERSONA", "userTypeId": "string"}
    client.result("userfieldconfig.add", {"moduleId": "crm", "field": field})
    select = {"entityTypeId": 2, "select": ["id", "ufCrmPersona"], "start": -1}
    row = client.result("crm.item.list", select)["items"][0]
    assert row["ufCrmPersona"] is None
    assert update(client, row["id"], ufCrmPersona="CFO")["ufCrmPersona"] == "CFO"
    assert client.truth("deals", "?custom=all")[0]["extra"]["UF_CRM_PERSONA"] == "CFO"


def test_a_link_to_a_smart_process_needs_its_type_to_allow_it(start: Start) -> None:
    client = start()
    task = {"TITLE": "x", "RESPONSIBLE_ID": 7, "UF_CRM_TASK": ["D_1201", "T40e_31"]}
    select = {"select": ["ID", "UF_CRM_TASK"]}
    kpi_type(client, linkedUserFields={"TASKS_TASK|UF_CRM_TASK": "Y"})
    first = client.result("tasks.task.add", {"fields": task})["task"]["id"]
    found = client.result("tasks.task.get", {"taskId": first, **select})["task"]
    assert found["ufCrmTask"] == ["D_1201"]
    other = start()
    kpi_type(other)
    first = other.result("tasks.task.add", {"fields": task})["task"]["id"]
    found = other.result("tasks.task.get", {"taskId": first, **select})["task"]
    assert found["ufCrmTask"] == ["D_1201", "T40e_31"]


def test_plans_restrict_types_and_items(start: Start) -> None:
    client = start(smart_type_limit=1, smart_item_limit=1)
    kpi_type(client)
    more = {"fields": {**KPI_TYPE, "entityTypeId": 1040}}
    assert client.error("crm.type.add", more) == (400, "CREATE_DYNAMIC_TYPE_RESTRICTED")
    add(client, 1038, title="x")
    second = {"entityTypeId": 1038, "fields": {"title": "y"}}
    assert client.error("crm.item.add", second) == (400, "CREATE_DYNAMIC_ITEM_RESTRICTED")


def test_an_added_activity_is_listed_with_its_owner(start: Start) -> None:
    client = start()
    deal = add(client, title="x")["id"]
    fields = {"OWNER_TYPE_ID": 2, "OWNER_ID": deal, "TYPE_ID": 2, "SUBJECT": "Call", "DIRECTION": 2}
    number = client.result("crm.activity.add", {"fields": fields})
    wanted = {"filter": {"OWNER_TYPE_ID": 2, "OWNER_ID": deal}}
    rows = client.result("crm.activity.list", wanted)
    assert [(row["ID"], row["DIRECTION"]) for row in rows] == [(str(number), "2")]
    lost = {"fields": {**fields, "OWNER_ID": 999999}}
    assert client.error("crm.activity.add", lost) == (400, "ERROR_CORE")
