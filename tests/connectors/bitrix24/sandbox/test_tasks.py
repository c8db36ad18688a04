"""`tasks.task.*` in both versions, task fields, comments."""

from typing import Any

import pytest

from tests.connectors.bitrix24.sandbox.client import Client
from tests.connectors.bitrix24.sandbox.conftest import Start

NEW = {"TITLE": "Cut weak keywords", "RESPONSIBLE_ID": 7}
V3 = {"title": "Cut weak keywords", "creatorId": 1, "responsibleId": 7}


def add(client: Client, **fields: Any) -> dict[str, Any]:
    task: dict[str, Any] = client.result("tasks.task.add", {"fields": {**NEW, **fields}})["task"]
    return task


def found(client: Client, **filters: Any) -> list[str]:
    params = {"filter": filters, "select": ["ID", "TITLE"], "start": -1}
    return [task["id"] for task in client.result("tasks.task.list", params)["tasks"]]


def code(response: Any) -> str:
    return str(response.json()["error"]["code"]).removeprefix("BITRIX_REST_V3_EXCEPTION_")


def test_title_and_responsible_are_required_and_users_must_exist(start: Start) -> None:
    client = start(required_task_fields=("UF_AUTO_1",))
    for fields in (
        {"RESPONSIBLE_ID": 7},
        {"TITLE": "x"},
        {**NEW, "RESPONSIBLE_ID": 99, "UF_AUTO_1": "x"},
        NEW,
    ):
        assert client.error("tasks.task.add", {"fields": fields}) == (400, "ERROR_CORE")
    assert client.result("tasks.task.getFields")["fields"]["TITLE"]["required"]
    assert client.truth("tasks") == []


@pytest.mark.quirk(30)
def test_a_deadline_without_offset_is_read_in_the_portals_zone(start: Start) -> None:
    client = start(zone="Europe/Paris")
    bare = add(client, DEADLINE="2026-12-14T18:00:00")
    exact = add(client, DEADLINE="2026-12-14T18:00:00Z")
    assert bare["deadline"] == "2026-12-14T18:00:00+01:00"
    assert exact["deadline"] == "2026-12-14T19:00:00+01:00"


@pytest.mark.quirk(31)
def test_planned_dates_are_saved_together_or_not_at_all(start: Start) -> None:
    client = start()
    alone = add(client, START_DATE_PLAN="2026-12-01T09:00:00Z")
    assert alone["startDatePlan"] is None
    both = add(client, START_DATE_PLAN="2026-12-01T09:00:00Z", END_DATE_PLAN="2026-12-02T09:00:00Z")
    assert both["endDatePlan"] == "2026-12-02T12:00:00+03:00"


def test_a_task_is_found_by_its_own_field_its_tag_and_its_link(start: Start) -> None:
    client = start(task_filters="any")
    field = {"USER_TYPE_ID": "string", "FIELD_NAME": "UF_RETRO_KEY"}
    client.result("task.item.userfield.add", {"PARAMS": field})
    assert client.error("task.item.userfield.add", {"PARAMS": field}) == (400, "ERROR_CORE")
    add(client)
    stamped = add(client, UF_RETRO_KEY="K-1", TAGS=["retro-roi", "q4"], UF_CRM_TASK=["D_1201"])
    assert found(client, UF_RETRO_KEY="K-1") == [stamped["id"]]
    assert found(client, TAG="retro-roi") == [stamped["id"]]
    assert found(client, UF_CRM_TASK="D_1201") == [stamped["id"]]
    assert found(client, **{"%TITLE": "WEAK"}) == ["3711", "3712"]
    select = ["ID", "UF_RETRO_KEY", "TAGS", "UF_CRM_TASK"]
    task = client.result("tasks.task.get", {"taskId": stamped["id"], "select": select})["task"]
    assert task["ufRetroKey"] == "K-1"
    assert [tag["title"] for tag in task["tags"].values()] == ["retro-roi", "q4"]
    assert task["ufCrmTask"] == ["D_1201"]


def test_links_and_own_fields_come_back_only_when_asked_for(start: Start) -> None:
    client = start()
    task = add(client, UF_CRM_TASK=["D_1201"], TAGS=["x"])
    whole = client.result("tasks.task.get", {"taskId": task["id"]})["task"]
    assert "ufCrmTask" not in whole
    assert "tags" not in whole


@pytest.mark.quirk(29)
def test_an_undocumented_filter_is_ignored_and_finds_everything(start: Start) -> None:
    client = start()
    add(client), add(client, XML_ID="K-1")
    assert found(client, UF_NOT_THERE="K-1") == ["3711", "3712"]
    assert found(client, XML_ID="K-1") == ["3711", "3712"]
    assert found(client, CREATED_BY=1, XML_ID="K-1") == ["3711", "3712"]


@pytest.mark.quirk(15)
def test_a_task_without_rights_is_like_one_that_is_not_there(start: Start) -> None:
    client = start()
    hidden, shown = add(client)["id"], add(client)["id"]
    client.edit("tasks", hidden, {"hide": True})
    assert found(client) == [shown]
    assert [task["id"] for task in client.truth("tasks")] == [shown]
    assert client.result("tasks.task.get", {"taskId": hidden}) == []
    assert client.error("tasks.task.complete", {"taskId": hidden}) == (400, "ERROR_CORE")
    listed = client.v3("tasks.task.list", {}).json()["result"]["items"]
    assert [str(item["id"]) for item in listed] == [shown]
    client.edit("tasks", hidden, {"hide": False})
    assert found(client) == [hidden, shown]


@pytest.mark.quirk(28)
def test_a_missing_task_is_an_empty_list(start: Start) -> None:
    client = start()
    task = add(client)
    client.result("tasks.task.delete", {"taskId": task["id"]})
    assert client.result("tasks.task.get", {"taskId": task["id"]}) == []
    assert client.error("tasks.task.update", {"taskId": task["id"]}) == (400, "ERROR_CORE")


def test_statuses_go_through_their_methods(start: Start) -> None:
    client = start()
    task = {"taskId": add(client)["id"]}
    for method, status in (("start", "3"), ("defer", "6"), ("renew", "2"), ("complete", "5")):
        assert client.result(f"tasks.task.{method}", task)["task"]["status"] == status
    assert client.error("tasks.task.complete", task) == (400, "ERROR_CORE")
    assert client.truth("tasks")[0]["status"] == "done"
    controlled = {"taskId": add(client, TASK_CONTROL="Y")["id"]}
    assert client.result("tasks.task.complete", controlled)["task"]["status"] == "4"


def test_an_overdue_task_shows_it_in_its_sub_status(start: Start) -> None:
    client = start()
    late = add(client, DEADLINE="2020-01-01T00:00:00Z")
    assert (late["status"], late["subStatus"]) == ("2", "-1")
    assert found(client, STATUS=-1) == [late["id"]]
    assert found(client, REAL_STATUS=2) == [late["id"]]


def test_changed_tasks_are_found_by_their_date(start: Start) -> None:
    client = start()
    client.put("clock", {"now": "2026-11-23T08:00:00Z", "running": False})
    first, _ = add(client), add(client)
    client.put("clock", {"now": "2026-11-23T08:00:05Z", "running": False})
    client.result("tasks.task.update", {"taskId": first["id"], "fields": {"TITLE": "New"}})
    client.result("tasks.task.update", {"taskId": "3712", "fields": {"TITLE": NEW["TITLE"]}})
    assert found(client, **{">=CHANGED_DATE": "2026-11-23T08:00:05Z"}) == [first["id"]]


def test_old_methods_take_a_plain_list_in_their_order(start: Start) -> None:
    client = start()
    task = add(client)
    number = client.result("task.commentitem.add", [task["id"], {"POST_MESSAGE": "Reminder"}])
    assert isinstance(number, int)
    assert client.error("task.commentitem.add", [1, {}, 3, 4]) == (400, "100")


def test_comments_of_both_versions_are_read_back_in_the_chat(start: Start) -> None:
    client = start()
    task = add(client)
    client.result("task.commentitem.add", [task["id"], {"POST_MESSAGE": "one"}])
    sent = {"fields": {"taskId": int(task["id"]), "text": "two"}}
    assert client.v3("tasks.task.chat.message.send", sent).json()["result"] == {"result": True}
    dialog = {"DIALOG_ID": f"chat{task['chatId']}"}
    messages = client.result("im.dialog.messages.get", dialog)["messages"]
    assert [message["text"] for message in messages] == ["two", "one"]
    assert client.error("im.dialog.messages.get", {"DIALOG_ID": "chat1"})[0] == 400
    assert client.error("tasks.task.chat.message.send", sent) == (404, "ERROR_METHOD_NOT_FOUND")


@pytest.mark.quirk(24)
def test_a_repeated_create_with_its_key_is_answered_from_memory_for_a_day(start: Start) -> None:
    client = start()
    client.put("clock", {"now": "2026-11-23T08:00:00Z", "running": False})
    first = client.v3("tasks.task.add", {"fields": V3}, key="K-1")
    again = client.v3("tasks.task.add", {"fields": V3}, key="K-1")
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = client.v3("tasks.task.add", {"fields": {**V3, "title": "Other"}}, key="K-1")
    assert (other.status_code, code(other)) == (422, "IDEMPOTENCYKEYREUSEDEXCEPTION")
    client.put("clock", {"now": "2026-11-24T08:00:01Z", "running": False})
    assert (
        "idempotent-replayed" not in client.v3("tasks.task.add", {"fields": V3}, key="K-1").headers
    )
    assert len(client.truth("tasks")) == 2


def test_a_failed_create_is_not_remembered(start: Start) -> None:
    client = start()
    body = {"fields": {**V3, "responsibleId": 99}}
    assert client.v3("tasks.task.add", body, key="K-1").status_code == 400
    assert client.v3("tasks.task.add", {"fields": V3}, key="K-1").status_code == 200


def test_a_key_that_is_no_plain_text_is_refused(start: Start) -> None:
    client = start()
    refused = client.v3("tasks.task.add", {"fields": V3}, key="x" * 256)
    assert (refused.status_code, code(refused)) == (400, "INVALIDIDEMPOTENCYKEYEXCEPTION")


def test_version_two_does_not_know_keys(start: Start) -> None:
    client = start()
    for _ in range(2):
        client.http.post(
            client.webhook + "tasks.task.add",
            json={"fields": NEW},
            headers={"Idempotency-Key": "K-1"},
        )
    assert len(client.truth("tasks")) == 2


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tasks.task.get", {"id": 99}, "ENTITYNOTFOUNDEXCEPTION"),
        ("tasks.task.get", {"id": 3711, "select": ["group.name"]}, "UNKNOWNDTOPROPERTYEXCEPTION"),
        ("tasks.task.list", {"filter": [["title", "=", "x"]]}, "UNKNOWNDTOPROPERTYEXCEPTION"),
        ("tasks.task.list", {"filter": [["id", "~", 1]]}, "UNKNOWNFILTEROPERATOREXCEPTION"),
        ("tasks.task.list", {"pagination": {"limit": 0}}, "INVALIDPAGINATIONEXCEPTION"),
        ("tasks.task.add", {"fields": {**V3, "nope": 1}}, "UNKNOWNDTOPROPERTYEXCEPTION"),
    ],
)
def test_rest_three_names_what_it_refuses(
    start: Start, method: str, params: dict[str, Any], name: str
) -> None:
    client = start()
    add(client)
    refused = client.v3(method, params)
    assert (refused.status_code, code(refused)) == (400, name)


@pytest.mark.quirk(34)
def test_rest_three_clamps_pages_to_fifty(start: Start) -> None:
    client = start()
    for _ in range(55):
        add(client)
    page = client.v3("tasks.task.list", {"pagination": {"page": 1, "limit": 1000}}).json()
    assert len(page["result"]["items"]) == 50
    rest = {"filter": [["id", ">", page["result"]["items"][-1]["id"]]], "select": ["id", "title"]}
    assert len(client.v3("tasks.task.list", rest).json()["result"]["items"]) == 5


def test_an_unknown_own_field_is_dropped_from_a_select(start: Start) -> None:
    client = start()
    add(client)
    item = client.v3("tasks.task.get", {"id": 3711, "select": ["id", "nope"]}).json()["result"]
    assert item == {"item": {"id": 3711}}
