"""The canonical truth against what the API shows, and rows given instead of seeded."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.bitrix24.portal.data import PortalData
from connectors.models import Account, Activity, Contact, Deal, Lead, RemoteTask, Stage, StageChange
from tests.connectors.bitrix24.sandbox.client import Client, keyset_pull
from tests.connectors.bitrix24.sandbox.conftest import Start

MODELS = {
    "people": Account,
    "pipelines": Stage,
    "contacts": Contact,
    "leads": Lead,
    "deals": Deal,
    "stage_changes": StageChange,
    "activities": Activity,
    "tasks": RemoteTask,
}
WORDS = ("source", "medium", "campaign", "content", "term")


def utc(text: str | None) -> str | None:
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")


def pulled(client: Client, entity_type_id: int) -> list[dict[str, Any]]:
    return keyset_pull(client, f"crm.item.list?entityTypeId={entity_type_id}", "[items]", "id")


def history(client: Client, entity_type_id: int) -> list[dict[str, Any]]:
    command = f"crm.stagehistory.list?entityTypeId={entity_type_id}"
    return keyset_pull(client, command, "[items]", "ID")


def sale(row: dict[str, Any]) -> dict[str, Any]:
    """A deal or lead of the API in canonical words, by this test's own reading."""
    return {
        "id": str(row["id"]),
        "title": row["title"],
        "stage": row["stageId"],
        "amount": f"{row['opportunity']:.2f}",
        "currency": row["currencyId"],
        "source": row["sourceId"],
        "utm": {word: row[f"utm{word.capitalize()}"] or None for word in WORDS},
        "owner": str(row["assignedById"]),
        "contacts": [str(contact) for contact in row["contactIds"]],
        "created_at": utc(row["createdTime"]),
        "updated_at": utc(row["updatedTime"]),
        "deleted_at": None,
    }


def test_exactly_the_asked_number_of_deals_is_to_be_kept(start: Start) -> None:
    client = start(records=300, seed=3)
    rows = pulled(client, 2)
    templates = [row for row in rows if row["isRecurring"] == "Y"]
    assert (len(rows), len(templates)) == (303, 3)
    assert len(client.truth("deals")) == 300
    assert len(client.truth("leads")) == 150
    span = rows[-1]["id"] - rows[0]["id"]
    assert 0.02 < 1 - len(rows) / span < 0.1


@pytest.mark.quirk(14)
def test_deals_of_the_truth_are_those_of_the_api_without_templates(seeded: Client) -> None:
    closes: dict[int, str] = {}
    for row in history(seeded, 2):
        if row["STAGE_SEMANTIC_ID"] == "P":
            closes.pop(row["OWNER_ID"], None)
        elif row["TYPE_ID"] == 3:
            closes.setdefault(row["OWNER_ID"], row["CREATED_TIME"])
    expected = []
    kinds = {"P": "open", "S": "won", "F": "lost"}
    for row in pulled(seeded, 2):
        if row["isRecurring"] == "Y":
            continue
        final = row["stageSemanticId"] != "P"
        custom = {"1747309879", "1747309912"}
        expected.append(
            sale(row)
            | {
                "pipeline": str(row["categoryId"]),
                "stage_kind": kinds[row["stageSemanticId"]],
                "lead": str(row["leadId"]) if row["leadId"] else None,
                "closed_at": utc(closes[row["id"]]) if final else None,
                "extra": {f"UF_CRM_{name}": row[f"ufCrm_{name}"] for name in custom},
            }
        )
    assert seeded.truth("deals", "?custom=all") == expected


def test_seeded_deals_hold_the_cases_that_mislead(start: Start) -> None:
    client = start(records=400, late_moves=True)
    rows = {str(row["id"]): row for row in pulled(client, 2)}
    later = [
        deal
        for deal in client.truth("deals")
        if deal["closed_at"] and deal["closed_at"] != utc(rows[deal["id"]]["movedTime"])
    ]
    assert later
    assert all(deal["closed_at"] < str(utc(rows[deal["id"]]["movedTime"])) for deal in later)
    values = rows.values()
    assert any(len(row["contactIds"]) == 2 for row in values)
    assert any(row["utmSource"] == "" for row in values)
    assert any(row["opportunity"] == 0 for row in values)
    assert {row["currencyId"] for row in values} == {"EUR", "USD"}
    moments = [row["updatedTime"] for row in values]
    assert len(set(moments)) < len(moments)


def test_leads_of_the_truth_are_those_of_the_api(seeded: Client) -> None:
    kinds = {"P": "open", "S": "converted", "F": "disqualified"}
    expected = [
        sale(row)
        | {"status_kind": kinds[row["stageSemanticId"]], "closed_at": utc(row["dateClosed"])}
        | {"extra": {}}
        for row in pulled(seeded, 1)
    ]
    assert seeded.truth("leads") == expected


def test_stage_changes_of_the_truth_are_those_of_the_api(seeded: Client) -> None:
    expected = {
        f"leads:{row['ID']}": (
            str(row["OWNER_ID"]),
            row["STATUS_ID"],
            utc(row["CREATED_TIME"]),
            row["TYPE_ID"] == 3,
        )
        for row in history(seeded, 1)
    } | {
        f"deals:{row['ID']}": (
            str(row["OWNER_ID"]),
            row["STAGE_ID"],
            utc(row["CREATED_TIME"]),
            row["TYPE_ID"] == 3,
        )
        for row in history(seeded, 2)
    }
    found = {
        row["id"]: (row["entity_id"], row["stage"], row["at"], row["closing"])
        for row in seeded.truth("stage_changes")
    }
    assert found == expected
    readable = {row["id"] for row in seeded.truth("deals")}
    owners = {r["entity_id"] for r in seeded.truth("stage_changes") if r["entity"] == "deals"}
    assert owners == readable


def test_the_last_move_in_the_history_is_the_stage_of_the_deal(seeded: Client) -> None:
    last = {row["OWNER_ID"]: row for row in history(seeded, 2)}
    for deal in pulled(seeded, 2):
        if deal["isRecurring"] == "N":
            move = last[deal["id"]]
            assert (move["STAGE_ID"], move["CREATED_TIME"]) == (deal["stageId"], deal["movedTime"])
            assert move["CATEGORY_ID"] == deal["categoryId"]


@pytest.mark.parametrize("stream", MODELS)
def test_the_truth_speaks_in_the_fields_of_the_canonical_records(
    stream: str, seeded: Client, start: Start
) -> None:
    client = seeded
    if stream == "tasks":
        client = start()
        client.result("tasks.task.add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 7}})
    rows = client.truth(stream)
    assert rows
    beyond = {"deleted_at"} if stream in {"leads", "deals"} else set()
    assert set(rows[0]) == set(MODELS[stream].__struct_fields__) | beyond


def test_a_seed_means_the_same_rows_each_time_and_another_seed_others(start: Start) -> None:
    first, same, other = start(seed=5), start(seed=5), start(seed=6)
    assert first.truth("deals") == same.truth("deals")
    assert first.truth("activities") == same.truth("activities")
    assert first.truth("deals") != other.truth("deals")


def test_tasks_of_the_truth_carry_the_stamp_that_is_asked_for(start: Start) -> None:
    client = start()
    field = {"USER_TYPE_ID": "string", "FIELD_NAME": "UF_RETRO_KEY"}
    client.result("task.item.userfield.add", {"PARAMS": field})
    fields = {"TITLE": "x", "RESPONSIBLE_ID": 7, "XML_ID": "X-1", "UF_RETRO_KEY": "K-1"}
    client.result("tasks.task.add", {"fields": fields})
    assert client.truth("tasks")[0]["key"] == "X-1"
    assert client.truth("tasks", "?key=UF_RETRO_KEY")[0]["key"] == "K-1"


def test_a_portal_can_be_filled_with_given_rows(start: Start) -> None:
    created = "2026-09-02T10:11:00+03:00"
    data = PortalData(
        users=[{"ID": "4", "NAME": "Zoé", "LAST_NAME": "Roy", "EMAIL": "z@portal.example"}],
        leads=[
            {"id": 310, "title": "L", "stageId": "NEW", "stageSemanticId": "P"}
            | {"createdTime": created}
        ],
        deals=[
            {
                "id": 1201,
                "title": "D",
                "categoryId": 9,
                "stageId": "C9:WON",
                "stageSemanticId": "S",
                "opportunity": 15000,
                "contactId": 88,
                "leadId": 310,
                "createdTime": created,
                "movedTime": "2026-09-09T10:00:00+03:00",
                "UF_CRM_PERSONA": "CFO",
            },
            {"id": 1202, "title": "Hidden", "stageId": "NEW", "createdTime": created},
        ],
        deal_history=[
            {
                "TYPE_ID": 3,
                "OWNER_ID": 1201,
                "CREATED_TIME": "2026-09-08T10:00:00+03:00",
                "CATEGORY_ID": 9,
                "STAGE_SEMANTIC_ID": "S",
                "STAGE_ID": "C9:WON",
            }
        ],
        tasks=[
            {
                "ID": 12,
                "TITLE": "Open action",
                "RESPONSIBLE_ID": 4,
                "STATUS": 3,
                "CREATED_DATE": created,
                "UF_RETRO_KEY": "K-9",
            }
        ],
        deal_fields=[
            {"entityId": "CRM_DEAL", "fieldName": "UF_CRM_PERSONA", "userTypeId": "string"}
        ],
        hidden={"deals": frozenset({1202})},
    )
    client = start(data=data)
    (deal,) = client.truth("deals", "?custom=UF_CRM_PERSONA")
    assert (deal["closed_at"], deal["extra"]) == ("2026-09-08T07:00:00Z", {"UF_CRM_PERSONA": "CFO"})
    assert (deal["lead"], deal["contacts"], deal["amount"]) == ("310", ["88"], "15000.00")
    assert [row["id"] for row in pulled(client, 2)] == [1201]
    task = client.result("tasks.task.list", {"filter": {"UF_RETRO_KEY": "K-9"}})["tasks"][0]
    assert (task["id"], task["status"]) == ("12", "3")
    new = client.result("crm.item.add", {"entityTypeId": 2, "fields": {"title": "N"}})["item"]
    assert new["id"] == 1203
    assert client.result("user.get")[0]["NAME"] == "Zoé"
