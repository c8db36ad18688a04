"""KPI targets out, as items of a smart process."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest

from connectors.errors import BadResponse, NotPermitted, OutcomeUnknown
from connectors.models import KpiTarget
from tests.connectors.bitrix24.kit import Call, Sandbox, Script, good, sandbox

TITLE = "Retro ROI KPI targets"


def target(**change: Any) -> KpiTarget:
    fields: dict[str, Any] = {
        "key": "T-email-ctr",
        "title": "Taux de clic des e-mails",
        "kpi": "transactional_email_click_rate",
        "segment": "email/transactional",
        "unit": "rate",
        "decision": "D-email-ctr",
        "owner": "7",
        "baseline": 0.0249948,
        "target": 0.028744,
        "starts_on": date(2026, 11, 23),
        "recheck_on": date(2027, 1, 15),
        **change,
    }
    return KpiTarget(**fields)


def types(portal: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = portal.call("crm.type.list", {})["types"]
    return found


def item(portal: Sandbox, item_id: str, entity_type: int = 1038) -> dict[str, Any]:
    params = {"entityTypeId": entity_type, "id": int(item_id)}
    found: dict[str, Any] = portal.call("crm.item.get", params)["item"]
    return found


@pytest.fixture
def portal() -> Iterator[Sandbox]:
    with sandbox(records=20) as running:
        yield running


def test_the_first_use_makes_type_and_fields_and_the_second_none(portal: Sandbox) -> None:
    portal.connector().prepare_targets()
    (made,) = types(portal)
    assert (made["title"], made["entityTypeId"]) == (TITLE, 1038)
    assert made["isUseInUserfieldEnabled"] == "Y"
    fields = portal.call("crm.item.fields", {"entityTypeId": 1038})["fields"]
    uppers = {field["upperName"] for field in fields.values()}
    names = ("METRIC", "SEGMENT", "UNIT", "DECISION", "BASELINE", "TARGET", "ACTUAL")
    assert {f"UF_CRM_7_{name}" for name in names} <= uppers
    before = portal.requests()
    portal.connector().prepare_targets()
    assert portal.requests() - before == 2
    assert len(types(portal)) == 1


@pytest.mark.quirk(38)
def test_a_target_keeps_every_value_and_six_decimals(portal: Sandbox) -> None:
    connector = portal.connector()
    target_id = connector.create_target(target())
    found = item(portal, target_id)
    assert (found["title"], found["xmlId"]) == ("Taux de clic des e-mails", "T-email-ctr")
    assert found["assignedById"] == 7
    assert (found["begindate"][:10], found["closedate"][:10]) == ("2026-11-23", "2027-01-15")
    assert found["ufCrm7Metric"] == "transactional_email_click_rate"
    assert found["ufCrm7Segment"] == "email/transactional"
    assert (found["ufCrm7Unit"], found["ufCrm7Decision"]) == ("rate", "D-email-ctr")
    assert (found["ufCrm7Baseline"], found["ufCrm7Target"]) == (0.024995, 0.028744)
    assert found["ufCrm7Actual"] is None


@pytest.mark.quirk(8)
def test_what_is_not_known_is_left_out(portal: Sandbox) -> None:
    target_id = portal.connector().create_target(target(baseline=None, segment=None, owner=None))
    found = item(portal, target_id)
    assert (found["ufCrm7Baseline"], found["ufCrm7Segment"]) == (None, None)
    assert found["assignedById"] == 1


@pytest.mark.quirk(23)
def test_a_lost_create_is_found_by_its_key(portal: Sandbox) -> None:
    connector = portal.connector()
    connector.prepare_targets()
    portal.faults({"on": {"method": "crm.item.add", "nth": 1}, "do": "timeout_after"})
    with pytest.raises(OutcomeUnknown):
        connector.create_target(target())
    (found,) = connector.find_target("T-email-ctr")
    assert item(portal, found)["xmlId"] == "T-email-ctr"
    assert connector.find_target("T-other") == []


def test_nothing_is_found_before_there_is_a_type(portal: Sandbox) -> None:
    assert portal.connector().find_target("T-email-ctr") == []
    assert types(portal) == []


@pytest.mark.parametrize(
    ("outcome", "stage"),
    [("met", "SUCCESS"), ("missed", "FAIL"), ("unproven", "NEW"), (None, "NEW")],
)
def test_the_outcome_moves_the_stage_when_it_is_clear(
    portal: Sandbox, outcome: str | None, stage: str
) -> None:
    connector = portal.connector()
    target_id = connector.create_target(target())
    portal.call(
        "crm.item.update",
        {"entityTypeId": 1038, "id": int(target_id), "fields": {"title": "Renamed by the team"}},
    )
    connector.update_target(target_id, target(actual=0.031234567, outcome=outcome))
    found = item(portal, target_id)
    assert found["ufCrm7Actual"] == 0.031235
    assert found["stageId"] == f"DT1038_12:{stage}"
    assert found["title"] == "Renamed by the team"


def test_an_update_without_news_calls_nothing(portal: Sandbox) -> None:
    connector = portal.connector()
    target_id = connector.create_target(target())
    before = portal.requests()
    connector.update_target(target_id, target())
    assert portal.requests() == before


def test_a_day_that_moved_is_written_and_nothing_else_unless_people_moved_it(
    portal: Sandbox,
) -> None:
    connector, before, after = portal.connector(), date(2027, 1, 15), date(2027, 1, 9)
    target_id = connector.create_target(target())
    made = item(portal, target_id)
    move = target(title="T-email-ctr", owner=None, moved_from=before, recheck_on=after)
    # Told a second time, as after a lost answer, it is there already.
    assert [connector.update_target(target_id, move) for _ in range(2)] == [before, after]
    moved = item(portal, target_id)
    assert moved.pop("closedate")[:10] == "2027-01-09"
    assert {name for name in moved if moved[name] != made[name]} <= {"updatedTime"}
    theirs = {"closedate": "2027-02-01"}
    change = {"entityTypeId": 1038, "id": int(target_id), "fields": theirs}
    portal.call("crm.item.update", change)
    again = target(moved_from=after, recheck_on=date(2027, 1, 20))
    assert connector.update_target(target_id, again) == date(2027, 2, 1)
    assert item(portal, target_id)["closedate"][:10] == "2027-02-01"
    portal.call("crm.item.update", {**change, "fields": {"closedate": ""}})
    assert connector.update_target(target_id, again) is None
    assert not item(portal, target_id)["closedate"]


def test_an_occupied_number_gives_way_to_the_next(portal: Sandbox) -> None:
    portal.call("crm.type.add", {"fields": {"title": "Ateliers", "entityTypeId": 1038}})
    target_id = portal.connector().create_target(target())
    assert {one["title"]: one["entityTypeId"] for one in types(portal)}[TITLE] == 1040
    assert item(portal, target_id, 1040)["xmlId"] == "T-email-ctr"


def test_a_type_whose_answer_was_lost_is_used_not_made_again(portal: Sandbox) -> None:
    portal.faults({"on": {"method": "crm.type.add", "nth": 1}, "do": "timeout_after"})
    portal.connector().prepare_targets()
    assert [one["entityTypeId"] for one in types(portal)] == [1038]


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"smart_type_limit": 0}, "no further smart process"),
        ({"smart_item_limit": 0}, "no further KPI target"),
    ],
)
def test_a_limit_of_the_plan_is_said_with_what_to_do(limits: Mapping[str, int], text: str) -> None:
    with sandbox(records=20, **limits) as running, pytest.raises(NotPermitted, match=text) as no:
        running.connector().create_target(target())
    assert "plan" in no.value.next_step


def test_a_user_who_may_not_make_types_is_told_who_can() -> None:
    with sandbox(records=20, user_id=7) as running, pytest.raises(NotPermitted) as refused:
        running.connector().prepare_targets()
    assert "CRM administrator" in refused.value.next_step


@pytest.mark.quirk(9)
@pytest.mark.parametrize("lost", ["ufCrm7Target", "xmlId"])
def test_a_value_that_the_portal_dropped_is_noticed(lost: str) -> None:
    names = ("METRIC", "SEGMENT", "UNIT", "DECISION", "BASELINE", "TARGET", "ACTUAL")
    fields = {
        f"ufCrm7{name.capitalize()}": {"type": "string", "upperName": f"UF_CRM_7_{name}"}
        for name in names
    }

    def answer(call: Call) -> Mapping[str, Any]:
        if call.method == "crm.type.list":
            return good({"types": [{"id": 7, "title": TITLE, "entityTypeId": 1038}]})
        if call.method == "crm.item.fields":
            return good({"fields": fields})
        return good({"item": {**call.body["fields"], "id": 31, lost: None}})

    with pytest.raises(BadResponse, match=lost):
        Script(answer).connector().create_target(target())
