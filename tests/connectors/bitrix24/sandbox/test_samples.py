"""The documented request and response pairs, replayed: same status, same shape."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24.portal.company import deal_stage_rows, statuses, users
from connectors.bitrix24.portal.data import PortalData
from connectors.bitrix24.portal.options import SandboxOptions
from tests.connectors.bitrix24.sandbox.client import Client, portal

CODE = "w3bh00kc0de"
NOW = datetime.fromisoformat("2026-08-20T13:00:00+03:00")
REPLAYED = [
    "error.no_auth",
    "error.method_not_found",
    "error.invalid_arg",
    "error.falsy_code",
    "server.time",
    "feature.get",
    "scope.v3",
    "crm.settings.mode.get",
    "crm.category.list",
    "crm.status.list.deal_stage_9",
    "crm.status.list.lead",
    "crm.status.list.source",
    "crm.currency.list",
    "user.get",
    "crm.item.list.leads.delta",
    "crm.item.list.deals.keyset",
    "crm.item.list.by_ids",
    "crm.item.list.contacts",
    "crm.item.get.not_found",
    "crm.item.get.access_denied",
    "legacy.crm.lead.list",
    "crm.stagehistory.list",
    "crm.activity.list",
    "batch.mixed_errors",
    "batch.halted",
    "crm.type.add",
    "crm.type.list",
    "crm.enum.ownertype",
    "crm.status.list.dynamic",
    "userfieldconfig.add",
    "userfieldconfig.add.exists",
    "task.item.userfield.add",
    "tasks.task.add.v2",
    "tasks.task.add.v2.error",
    "tasks.task.update.v2",
    "tasks.task.get.v2",
    "tasks.task.get.v2.missing",
    "tasks.task.list.v2.find",
    "tasks.task.list.v2.delta",
    "tasks.task.complete",
    "tasks.task.get.v3",
    "tasks.task.list.v3",
    "tasks.task.update.v3",
    "tasks.task.chat.message.send",
    "tasks.task.add.v3.first",
    "tasks.task.add.v3.replay",
    "tasks.task.add.v3.key_reused",
    "tasks.task.add.v3.validation",
    "batch.v3",
    "crm.item.add.kpi",
    "crm.item.list.kpi.find",
    "crm.item.update.kpi",
    "crm.timeline.comment.add",
    "crm.timeline.comment.list",
    "tasks.task.delete.v2",
    "crm.item.delete",
    "event.wrong_auth",
]
# The KPI fields that the documented item uses beyond the one whose creation is documented.
KPI_FIELDS = {
    "METRIC": "string",
    "SEGMENT": "string",
    "UNIT": "string",
    "BASELINE": "double",
    "ACTUAL": "double",
    "DECISION": "string",
}


def sample_data() -> PortalData:
    """The rows the samples speak of."""
    lead = {
        "title": "Lead 501",
        "opportunity": 1500,
        "currencyId": "EUR",
        "sourceId": "ADVERTISING",
        "webformId": 4,
        "utmSource": "google",
        "createdTime": "2026-08-18T09:12:05+03:00",
        "updatedTime": "2026-08-20T12:58:10+03:00",
        "assignedById": 7,
    }
    deal = {
        "categoryId": 9,
        "opportunity": 12500.5,
        "currencyId": "EUR",
        "closed": "N",
        "createdTime": "2026-08-01T11:00:00+03:00",
        "updatedTime": "2026-08-20T12:57:00+03:00",
        "closedate": "2026-08-08T03:00:00+03:00",
        "begindate": "2026-08-01T03:00:00+03:00",
        "assignedById": 7,
        "contactId": 31,
        "isRecurring": "N",
    }
    won = {"id": 1202, "stageId": "C9:WON", "stageSemanticId": "S"}
    move = {"OWNER_ID": 1202, "CATEGORY_ID": 9, "STAGE_SEMANTIC_ID": "P"}
    return PortalData(
        users=users(),
        statuses=statuses(),
        leads=[
            {**lead, "id": 501, "stageId": "IN_PROCESS", "stageSemanticId": "P"},
            {**lead, "id": 502, "stageId": "CONVERTED", "stageSemanticId": "S"}
            | {"dateClosed": "2026-08-20T12:58:10+03:00"},
        ],
        deals=[
            {**deal, "id": 1201, "title": "Deal 1201", "stageId": "C9:EXECUTING", "leadId": 501}
            | {"stageSemanticId": "P"},
            {**deal, **won, "title": "Deal 1202"},
            {**deal, "id": 1203, "stageId": "C9:EXECUTING", "isRecurring": "Y"},
            {**deal, "id": 1300, "stageId": "C9:EXECUTING"},
        ],
        contacts=[{"id": 31, "name": "Lena", "lastName": "Buyer", "companyId": 12, **lead}],
        activities=[
            {
                "ID": "4001",
                "OWNER_TYPE_ID": "1",
                "OWNER_ID": "501",
                "TYPE_ID": "2",
                "PROVIDER_ID": "VOXIMPLANT_CALL",
                "PROVIDER_TYPE_ID": "CALL",
                "DIRECTION": "2",
                "CREATED": "2026-08-18T09:31:40+03:00",
                "START_TIME": "2026-08-18T09:30:02+03:00",
                "END_TIME": "2026-08-18T09:31:30+03:00",
                "COMPLETED": "Y",
                "RESPONSIBLE_ID": "7",
                "LAST_UPDATED": "2026-08-18T09:31:40+03:00",
            }
        ],
        deal_history=[
            {**move, "ID": 9001, "TYPE_ID": 1, "CREATED_TIME": "2026-08-01T11:00:00+03:00"}
            | {"STAGE_ID": "C9:NEW"}
        ],
        hidden={"deals": frozenset({1300})},
    )


@pytest.fixture(scope="module")
def calls(shared: Path) -> dict[str, Any]:
    document = json.loads((shared / "api" / "bitrix24-samples.json").read_text())
    return {call["name"]: call for call in document["calls"]}


@pytest.fixture(scope="module")
def sample_portal() -> Iterator[Client]:
    options = SandboxOptions(
        data=sample_data(), webhook_code=CODE, limit="off", start_at=NOW, frozen=True
    )
    with portal(options) as client:
        yield client


def replay(client: Client, call: dict[str, Any]) -> Any:
    request = call["request"]
    return client.http.request(
        request["http"],
        client.base + request["path"],
        headers=request["headers"],
        json=request["body"],
    )


def test_the_documented_pairs_come_back_in_the_documented_shape(
    calls: dict[str, Any], sample_portal: Client
) -> None:
    prepare(sample_portal)
    wrong = []
    for name in REPLAYED:
        call = calls[name]
        if name == "crm.item.add.kpi":
            add_kpi_fields(sample_portal)
        if name == "tasks.task.delete.v2":
            # The samples delete task 3712, the second one made.
            assert sample_portal.result("tasks.task.get", {"taskId": 3712}) != []
        if name == "crm.item.delete":
            sample_portal.result("crm.item.add", {"entityTypeId": 1038, "fields": {"title": "x"}})
        response = replay(sample_portal, call)
        wrong += [f"{name}: {fault}" for fault in differences(call["response"], response)]
    assert not wrong, "\n".join(wrong)


def prepare(client: Client) -> None:
    """Smart-process type 7 is the first one of a portal, so nothing needs to be made before."""
    assert client.result("crm.type.list")["types"] == []
    assert deal_stage_rows(9)[0]["STATUS_ID"] == "C9:NEW"


def add_kpi_fields(client: Client) -> None:
    for name, kind in KPI_FIELDS.items():
        field = {"entityId": "CRM_7", "fieldName": f"UF_CRM_7_{name}", "userTypeId": kind}
        client.result("userfieldconfig.add", {"moduleId": "crm", "field": field})


def differences(documented: dict[str, Any], response: Any) -> list[str]:
    if response.status_code != documented["status"]:
        return [f"status {response.status_code}, not {documented['status']}: {response.text[:200]}"]
    missing = [
        header
        for header, value in documented["headers"].items()
        if header.startswith("Idempot") and response.headers.get(header) != value
    ]
    body = documented["body"]
    return [f"header {header}" for header in missing] + compare(body, response.json(), "body")


def compare(wanted: Any, found: Any, at: str) -> list[str]:
    """Documented keys must be there with the same kind of value; answers are abridged."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return [f"{at} is no map: {found!r}"]
        wrong = [f"{at}.{key} is missing" for key in wanted.keys() - found.keys()]
        for key in wanted.keys() & found.keys():
            wrong += compare(wanted[key], found[key], f"{at}.{key}")
        return wrong
    if isinstance(wanted, list):
        if not isinstance(found, list):
            return [f"{at} is no list: {found!r}"]
        if bool(wanted) != bool(found):
            return [f"{at} is {found!r}, documented {wanted!r}"]
        return compare(wanted[0], found[0], f"{at}[0]") if wanted else []
    kinds = {bool: "flag", int: "number", float: "number", str: "text", type(None): "none"}
    if None in (wanted, found) or kinds[type(wanted)] == kinds.get(type(found)):
        return []
    return [f"{at} is {found!r}, documented {wanted!r}"]
