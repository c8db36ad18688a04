"""Tasks out: created once, stamped, found by key, changed, completed, commented."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from connectors.bitrix24.tasks import header_key
from connectors.errors import (
    AuthFailed,
    NotFound,
    OutcomeUnknown,
    Rejected,
)
from connectors.models import KpiTarget, RemoteTask, Stream, Task, TaskStatus
from connectors.port import Partition, Window
from tests.connectors.bitrix24.kit import (
    CODE,
    Answer,
    Call,
    Sandbox,
    Script,
    bad,
    batched,
    good,
    sandbox,
)

PARIS = timezone(timedelta(hours=1))
V3_ABSENT = {"error": {"code": "BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION", "message": "x"}}


def task(key: str = "D-email-ctr:designer", **change: Any) -> Task:
    fields: dict[str, Any] = {
        "key": key,
        "title": "Nouveau gabarit du bouton",
        "description": "Parce que le taux de clic est faible & reste faible",
        "owner": "7",
        "due_at": datetime(2026, 12, 14, 18, 0, tzinfo=PARIS),
        "tags": ["D-email-ctr"],
        "bind_leads": ["301"],
        "bind_deals": ["1201"],
        **change,
    }
    return Task(**fields)


def held(portal: Sandbox, task_id: str) -> dict[str, Any]:
    select = ["ID", "TITLE", "DESCRIPTION", "STATUS", "RESPONSIBLE_ID", "CREATED_BY", "DEADLINE"]
    select += ["XML_ID", "UF_RETRO_KEY", "UF_CRM_TASK", "TAGS"]
    found: dict[str, Any] = portal.call("tasks.task.get", {"taskId": task_id, "select": select})[
        "task"
    ]
    return found


def count(portal: Sandbox) -> int:
    return len(portal.call("tasks.task.list", {"start": -1})["tasks"])


@pytest.fixture
def v2_portal() -> Iterator[Sandbox]:
    """A key without the scope of REST 3, which is what an older portal amounts to."""
    with sandbox(seed=5, records=20, scopes=("crm", "task", "user_brief")) as running:
        yield running


@pytest.mark.quirk(24)
@pytest.mark.quirk(30)
def test_a_task_is_created_stamped_and_read_back(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    task_id = connector.create_task(task())
    connector.stamp_task(task_id, task())
    found = held(own_portal, task_id)
    assert found["title"] == "Nouveau gabarit du bouton"
    assert found["description"] == "Parce que le taux de clic est faible & reste faible"
    assert (found["responsibleId"], found["createdBy"]) == ("7", "1")
    assert datetime.fromisoformat(found["deadline"]) == task().due_at
    assert (found["xmlId"], found["ufRetroKey"]) == (task().key, task().key)
    assert found["ufCrmTask"] == ["L_301", "D_1201"]
    assert {tag["title"] for tag in found["tags"].values()} == {"retro-roi", "D-email-ctr"}
    (page,) = connector.tasks(Window(), Partition())
    (record,) = page.records
    assert (record.id, record.key, record.owner) == (task_id, task().key, "7")
    assert record.due_at == datetime(2026, 12, 14, 17, 0, tzinfo=UTC)
    assert record.status is TaskStatus.OPEN


def test_stamping_twice_leaves_what_stamping_once_leaves(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    task_id = connector.create_task(task())
    connector.stamp_task(task_id, task())
    once = held(own_portal, task_id)
    own_portal.connector().stamp_task(task_id, task())
    assert held(own_portal, task_id) == once


@pytest.mark.quirk(23)
@pytest.mark.quirk(24)
def test_a_lost_create_is_not_repeated_but_found_and_answered_from_memory(
    own_portal: Sandbox,
) -> None:
    connector = own_portal.connector()
    own_portal.faults({"on": {"method": "tasks.task.add", "nth": 1}, "do": "timeout_after"})
    with pytest.raises(OutcomeUnknown):
        connector.create_task(task())
    assert count(own_portal) == 1
    (found,) = connector.find_task(task().key)
    assert connector.create_task(task()) == found
    assert count(own_portal) == 1


@pytest.mark.quirk(24)
def test_a_create_with_the_key_of_another_text_asks_to_look_it_up(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    made = connector.create_task(task())
    with pytest.raises(OutcomeUnknown):
        connector.create_task(task(title="Another title"))
    assert connector.find_task(task().key) == [made]
    assert count(own_portal) == 1


def test_a_refused_create_may_be_repeated(own_portal: Sandbox) -> None:
    own_portal.faults({"on": {"method": "tasks.task.add", "nth": 1}, "do": "503"})
    assert own_portal.connector().create_task(task())
    assert count(own_portal) == 1


def test_without_rest_3_the_whole_task_is_made_by_rest_2(v2_portal: Sandbox) -> None:
    connector = v2_portal.connector()
    task_id = connector.create_task(task())
    found = held(v2_portal, task_id)
    assert (found["xmlId"], found["ufRetroKey"]) == (task().key, task().key)
    assert found["ufCrmTask"] == ["L_301", "D_1201"]
    assert connector.find_task(task().key) == [task_id]
    assert connector.create_task(task(key="other")) != task_id


@pytest.mark.quirk(23)
def test_a_lost_create_by_rest_2_is_found_by_its_stamp(v2_portal: Sandbox) -> None:
    connector = v2_portal.connector()
    # The first call of the two goes to REST 3, which refuses it.
    v2_portal.faults({"on": {"method": "tasks.task.add", "nth": 2}, "do": "timeout_after"})
    with pytest.raises(OutcomeUnknown):
        connector.create_task(task())
    assert len(connector.find_task(task().key)) == count(v2_portal) == 1


def test_rest_3_is_asked_once_and_then_left_alone() -> None:
    def answer(call: Call) -> httpx.Response | Mapping[str, Any]:
        if call.version == 3:
            return httpx.Response(404, json=V3_ABSENT)
        return good({"task": {"id": "5"}} if call.method == "tasks.task.add" else 1)

    script = Script(answer)
    connector = script.connector()
    assert [connector.create_task(task()), connector.create_task(task("b"))] == ["5", "5"]
    assert [call.version for call in script.calls if call.method == "tasks.task.add"] == [3, 2, 2]


def test_a_dead_key_is_said_to_be_dead() -> None:
    with pytest.raises(AuthFailed):
        Script(lambda _: bad(401, "NO_AUTH_FOUND")).connector().create_task(task())


@pytest.mark.quirk(24)
@pytest.mark.quirk(30)
@pytest.mark.quirk(31)
def test_the_create_carries_key_and_offset_and_no_planned_start() -> None:
    script = Script(lambda _: good({"item": {"id": 3711}}))
    connector = script.connector()
    assert connector.create_task(task()) == "3711"
    (call,) = script.calls
    assert (call.version, call.headers["Idempotency-Key"]) == (3, task().key)
    assert call.body == {
        "fields": {
            "title": task().title,
            "description": task().description,
            "creatorId": 1,
            "responsibleId": 7,
            "deadline": "2026-12-14T17:00:00+00:00",
            "xmlId": task().key,
            "crmItemIds": ["L_301", "D_1201"],
        }
    }


@pytest.mark.parametrize("key", ["é", "a" * 256, "a\nb", ""])
def test_a_key_that_a_header_cannot_carry_is_hashed(key: str) -> None:
    hashed = header_key(key)
    assert hashed.isascii()
    assert len(hashed) == 64
    assert header_key("D-1:x") == "D-1:x"


def test_an_update_changes_what_is_ours_and_leaves_the_teams_tags(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    task_id = connector.create_task(task())
    connector.stamp_task(task_id, task())
    own_portal.call("tasks.task.update", {"taskId": task_id, "fields": {"TAGS": ["urgent"]}})
    later = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
    connector.update_task(task_id, task(title="Neu", owner="5", due_at=later))
    found = held(own_portal, task_id)
    assert (found["title"], found["responsibleId"]) == ("Neu", "5")
    assert datetime.fromisoformat(found["deadline"]) == later
    assert [tag["title"] for tag in found["tags"].values()] == ["urgent"]


def test_an_update_of_one_field_leaves_the_others_to_the_team(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    task_id = connector.create_task(task())
    theirs = {"DEADLINE": "2027-02-01T09:00:00+00:00", "RESPONSIBLE_ID": 5}
    own_portal.edit("tasks", task_id, {"set": theirs})
    connector.update_task(task_id, task(title="Neu"), only=["title"])
    found = held(own_portal, task_id)
    assert (found["title"], found["responsibleId"]) == ("Neu", "5")
    assert datetime.fromisoformat(found["deadline"]) == datetime(2027, 2, 1, 9, tzinfo=UTC)


def test_reopening_twice_is_reopening_once(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    task_id = connector.create_task(task())
    connector.stamp_task(task_id, task())
    connector.complete_task(task_id)
    connector.reopen_task(task_id)
    connector.reopen_task(task_id)
    (record,) = connector.by_ids(Stream.TASKS, [task_id]).records
    assert isinstance(record, RemoteTask)
    assert (record.status, record.closed_at) == (TaskStatus.OPEN, None)


def test_completing_twice_is_completing_once(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    task_id = connector.create_task(task())
    connector.stamp_task(task_id, task())
    connector.complete_task(task_id)
    connector.complete_task(task_id)
    (record,) = connector.by_ids(Stream.TASKS, [task_id]).records
    assert isinstance(record, RemoteTask)
    assert record.status is TaskStatus.DONE
    assert record.closed_at is not None


@pytest.mark.quirk(28)
def test_completing_a_task_that_is_gone_says_so(own_portal: Sandbox) -> None:
    with pytest.raises(NotFound):
        own_portal.connector().complete_task("99999")


def test_a_task_that_cannot_be_completed_is_refused() -> None:
    def answer(call: Call) -> httpx.Response | Mapping[str, Any]:
        if call.method == "tasks.task.get":
            return good({"task": {"id": "5", "status": "3"}})
        return bad(400, "ERROR_CORE", "The action is not available<br>")

    with pytest.raises(Rejected, match="not available"):
        Script(answer).connector().complete_task("5")


@pytest.mark.quirk(37)
def test_a_required_field_of_the_portal_is_named_in_the_refusal() -> None:
    with sandbox(records=20, required_task_fields=("GROUP_ID",)) as running:
        connector = running.connector()
        with pytest.raises(Rejected) as refused:
            connector.create_task(task())
    assert "GROUP_ID" in refused.value.message.upper()


def test_a_comment_is_said_in_the_task_and_found_by_its_marker(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    task_id = connector.create_task(task())
    assert connector.find_comment(task_id, "reminder-1") is None
    connector.comment_task(task_id, "Échéance demain", "reminder-1")
    found = connector.find_comment(task_id, "reminder-1")
    assert found is not None
    assert connector.find_comment(task_id, "reminder-2") is None


def test_a_lost_comment_is_found_before_it_is_said_again(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    task_id = connector.create_task(task())
    send = "tasks.task.chat.message.send"
    own_portal.faults({"on": {"method": send, "nth": 1}, "do": "timeout_after"})
    with pytest.raises(OutcomeUnknown):
        connector.comment_task(task_id, "Échéance demain", "reminder-1")
    assert connector.find_comment(task_id, "reminder-1") is not None


def test_without_rest_3_and_chat_a_comment_is_sent_and_cannot_be_looked_up(
    v2_portal: Sandbox,
) -> None:
    connector = v2_portal.connector()
    task_id = connector.create_task(task())
    assert connector.comment_task(task_id, "Échéance demain", "reminder-1").isdigit()
    assert connector.find_comment(task_id, "reminder-1") is None


def test_a_task_is_bound_to_its_kpi_target(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    with pytest.raises(Rejected, match="no KPI targets"):
        connector.create_task(task(bind_targets=["31"]))
    target = KpiTarget(
        key="T-1",
        title="Clics",
        kpi="click_rate",
        unit="rate",
        decision="D-1",
        baseline=None,
        target=0.028744,
        starts_on=datetime(2026, 11, 23, tzinfo=UTC).date(),
        recheck_on=datetime(2027, 1, 15, tzinfo=UTC).date(),
    )
    target_id = connector.create_target(target)
    task_id = connector.create_task(task(bind_targets=[target_id]))
    connector.stamp_task(task_id, task(bind_targets=[target_id]))
    assert held(own_portal, task_id)["ufCrmTask"][-1] == f"T40e_{target_id}"


@pytest.mark.quirk(4)
def test_writes_are_single_calls_never_batched(own_portal: Sandbox) -> None:
    connector = own_portal.connector()
    before = len(own_portal.log())
    task_id = connector.create_task(task())
    connector.stamp_task(task_id, task())
    methods = {str(entry["method"]).lower() for entry in own_portal.log()[before:]}
    assert "batch" not in methods


def test_a_refused_stamp_of_a_batch_is_told_without_the_secret_it_quotes() -> None:
    def answer(call: Call) -> Answer:
        if call.method != "batch":
            return good(1)
        first, second = call.commands
        fault = {"error": "ERROR_CORE", "error_description": f"Not for {CODE}"}
        return batched({first: {"task": True}}, {second: fault})

    told = Script(answer).connector().stamp_tasks([("1", task("a")), ("2", task("b"))])
    assert told["1"] is None
    assert isinstance(told["2"], Rejected)
    assert CODE not in told["2"].message
