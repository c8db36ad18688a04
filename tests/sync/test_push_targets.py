"""A KPI target whose values the tool does not keep is never taken for delivered."""

from typing import Any

import pytest

from sync.store import by_hand
from sync.tables.outbox import Outbox, OutboxState
from sync.tables.runs import PUSH, Mode, RunStatus
from tests.connectors.bitrix24.kit import Sandbox
from tests.faults.push_case import TARGET, queue_push
from tests.portal import Mirrored


def make_field_of_two_decimals(portal: Sandbox) -> str:
    """As somebody did who made the smart process by hand; its name in items."""
    fields = {"title": "Retro ROI KPI targets", "entityTypeId": 1038, "isStagesEnabled": "Y"}
    links = {"isUseInUserfieldEnabled": "Y", "linkedUserFields": {"TASKS_TASK|UF_CRM_TASK": "true"}}
    kind = portal.call("crm.type.add", {"fields": {**fields, **links}})["type"]
    field = {"entityId": f"CRM_{kind['id']}", "fieldName": f"UF_CRM_{kind['id']}_TARGET"}
    shape = {"userTypeId": "double", "multiple": "N", "settings": {"PRECISION": 2}}
    portal.call("userfieldconfig.add", {"moduleId": "crm", "field": {**field, **shape}})
    return f"ufCrm{kind['id']}Target"


def the_item(portal: Sandbox) -> dict[str, Any]:
    (item,) = portal.call("crm.item.list", {"entityTypeId": 1038, "select": ["id", "*"]})["items"]
    found: dict[str, Any] = item
    return found


def the_write(mirrored: Mirrored) -> Outbox:
    with mirrored.database.reading() as session:
        return session.get_one(Outbox, TARGET)


def push_again(mirrored: Mirrored) -> RunStatus:
    with mirrored.database.writing() as session:
        assert by_hand.retry(session, TARGET)
    return mirrored.finish(mirrored.queue(PUSH, Mode.PUSH)).status


@pytest.mark.promise("G5")
def test_a_target_whose_value_was_not_kept_is_refused_each_time(
    mirrored: Mirrored,
) -> None:
    name = make_field_of_two_decimals(mirrored.portal)
    assert mirrored.finish(queue_push(mirrored)).status is RunStatus.INCOMPLETE
    item, told = the_item(mirrored.portal), the_write(mirrored)
    assert item[name] == 0.03
    assert (told.state, told.may_exist) == (OutboxState.REFUSED, True)
    assert told.error is not None
    assert told.error["kind"] == "Rejected"
    assert name in told.error["message"]
    assert f"item {item['id']}" in told.error["next_step"]
    assert push_again(mirrored) is RunStatus.INCOMPLETE
    assert the_write(mirrored).state is OutboxState.REFUSED


@pytest.mark.promise("G5")
def test_a_target_that_was_put_right_is_taken_as_it_is(mirrored: Mirrored) -> None:
    """Its answer was lost, and somebody changed a value before it was looked up."""
    portal = mirrored.portal
    portal.faults({"on": {"method": "crm.item.add", "nth": 1}, "do": "timeout_after"})
    run_id = queue_push(mirrored)
    mirrored.work(run_id)
    item = the_item(portal)
    (name,) = (name for name in item if name.endswith("Target"))
    change = {"entityTypeId": 1038, "id": item["id"], "fields": {name: 1}}
    portal.call("crm.item.update", change)
    assert mirrored.finish(run_id).status is RunStatus.INCOMPLETE
    assert the_write(mirrored).state is OutboxState.REFUSED
    portal.call("crm.item.update", {**change, "fields": {name: item[name]}})
    assert push_again(mirrored) is RunStatus.SUCCEEDED
    assert the_write(mirrored).remote_id == str(item["id"])
    assert the_write(mirrored).state is OutboxState.DONE
