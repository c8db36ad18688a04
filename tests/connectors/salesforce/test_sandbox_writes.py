"""Writes of the sandbox by themselves: alone, in collections, and as parts of one call."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.salesforce.portal import company
from connectors.salesforce.portal.ids import numbered
from tests.connectors.salesforce.kit import VERSION, Sandbox, code, sandbox

NADIA = numbered("User", 1)
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DEAL = {"Name": "New", "StageName": "Prospecting", "CloseDate": "2026-12-01"}


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("Opportunity", {"Name": "x"}, "REQUIRED_FIELD_MISSING"),
        ("Opportunity", {**DEAL, "Nowhere": 1}, "INVALID_FIELD"),
        ("Opportunity", {**DEAL, "IsWon": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Opportunity", {**DEAL, "Amount": "12"}, "JSON_PARSER_ERROR"),
        ("Opportunity", {**DEAL, "CloseDate": "2026-12-01T00:00:00Z"}, "JSON_PARSER_ERROR"),
        ("Opportunity", {**DEAL, "Name": "x" * 121}, "STRING_TOO_LONG"),
        ("Opportunity", {**DEAL, "OwnerId": numbered("User", 4)}, "INACTIVE_OWNER_OR_USER"),
        ("Opportunity", {**DEAL, "OwnerId": "005x"}, "INVALID_CROSS_REFERENCE_KEY"),
        ("Task", {"Status": "Done"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Task", {"IsClosed": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("User", {"Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_a_record_that_cannot_be_is_refused(
    org: Sandbox, kind: str, values: dict[str, Any], told: str
) -> None:
    answer = org.call("POST", f"/sobjects/{kind}", json=values)
    assert (answer.status_code, code(answer)) == (400, told)


def test_a_task_of_a_lead_takes_no_other_relation(org: Sandbox) -> None:
    lead, deal = next(iter(org.truth("leads"))), next(iter(org.truth("deals")))
    answer = org.call("POST", "/sobjects/Task", json={"WhoId": lead, "WhatId": deal})
    assert code(answer) == "FIELD_INTEGRITY_EXCEPTION"


def test_an_upsert_makes_then_changes_and_takes_no_key_in_its_body(own: Sandbox) -> None:
    path = "/sobjects/Task/Retro_Key__c/a%2Fb"
    made = own.call("PATCH", path, json={"Subject": "One"})
    assert (made.status_code, made.json()["created"]) == (201, True)
    again = own.call("PATCH", path, json={"Subject": "Two"})
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    assert (
        own.query("SELECT Retro_Key__c FROM Task WHERE Subject = 'Two'")[0]["Retro_Key__c"] == "a/b"
    )
    keyed = own.call("PATCH", path, json={"Retro_Key__c": "a/b"})
    assert code(keyed) == "INVALID_FIELD"
    assert own.call("PATCH", "/sobjects/Task/Subject/x", json={}).status_code == 404
    twin = own.call("POST", "/sobjects/Task", json={"Retro_Key__c": "A/B"})
    assert code(twin) == "DUPLICATE_VALUE"


def test_a_patch_answers_nothing_and_null_clears(own: Sandbox) -> None:
    made = own.call("POST", "/sobjects/Task", json={"Subject": "x", "OwnerId": NADIA}).json()["id"]
    answer = own.call("PATCH", f"/sobjects/Task/{made}", json={"Subject": None})
    assert (answer.status_code, answer.content) == (204, b"")
    told = own.call("GET", f"/sobjects/Task/{made}", params={"fields": "Subject,Status"}).json()
    assert (told["Subject"], told["Status"]) == (None, "Not Started")
    assert own.call("DELETE", f"/sobjects/Task/{made}").status_code == 204
    gone = own.call("DELETE", f"/sobjects/Task/{made}")
    assert (gone.status_code, code(gone)) == (404, "ENTITY_IS_DELETED")


def test_parts_of_one_call_have_each_a_status_and_count_as_one() -> None:
    with sandbox(records=2, limit="published") as own:
        parts = [
            {"method": "GET", "url": f"{VERSION}/sobjects/Nothing/describe", "referenceId": "a"},
            {"method": "GET", "url": f"{VERSION}/query?q=SELECT+Id+FROM+Lead", "referenceId": "b"},
        ]
        answer = own.call("POST", "/composite", json={"compositeRequest": parts})
        told = answer.json()["compositeResponse"]
        assert [one["httpStatusCode"] for one in told] == [404, 200]
        assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/15000"
        assert (
            own.call("POST", "/composite", json={"compositeRequest": parts * 13}).status_code == 400
        )


def test_quotas_have_one_row_of_an_owner_and_a_period(own: Sandbox) -> None:
    row = {
        "QuotaOwnerId": NADIA,
        "ForecastingTypeId": company.QUOTA_TYPE,
        "StartDate": "2026-12-01",
        "QuotaAmount": 5.0,
    }
    made = own.call("POST", "/sobjects/ForecastingQuota", json=row)
    assert made.status_code == 201
    assert code(own.call("POST", "/sobjects/ForecastingQuota", json=row)) == "DUPLICATE_VALUE"
    path = f"/sobjects/ForecastingQuota/{made.json()['id']}"
    fixed = own.call("PATCH", path, json={"StartDate": "2027-01-01"})
    assert code(fixed) == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_all_or_none_takes_back_what_went_well(own: Sandbox) -> None:
    parts = [
        {
            "method": "POST",
            "url": f"{VERSION}/sobjects/Task",
            "referenceId": f"r{number}",
            "body": one,
        }
        for number, one in enumerate(({"Subject": "a"}, {"Status": "Nowhere"}))
    ]
    answer = own.call("POST", "/composite", json={"allOrNone": True, "compositeRequest": parts})
    statuses = [one["httpStatusCode"] for one in answer.json()["compositeResponse"]]
    assert statuses == [400, 400]
    assert "PROCESSING_HALTED" in answer.text
    assert own.query("SELECT Id FROM Task WHERE Subject = 'a'") == []


def test_a_part_may_name_what_one_before_it_made(own: Sandbox) -> None:
    url = f"{VERSION}/sobjects"
    parts = [
        {"method": "POST", "url": f"{url}/Opportunity", "referenceId": "deal", "body": DEAL},
        {
            "method": "POST",
            "url": f"{url}/Task",
            "referenceId": "task",
            "body": {"Subject": "x", "WhatId": "@{deal.id}"},
        },
        {"method": "DELETE", "url": f"{url}/Task/@{{task.id}}", "referenceId": "gone"},
    ]
    told = own.call("POST", "/composite", json={"compositeRequest": parts}).json()
    assert [one["httpStatusCode"] for one in told["compositeResponse"]] == [201, 201, 204]
    wrong = [{**parts[1], "body": {"WhatId": "@{nobody.id}"}}]
    assert code(own.call("POST", "/composite", json={"compositeRequest": wrong})) == (
        "PROCESSING_HALTED"
    )


def test_changes_and_deletes_are_logged_for_a_while() -> None:
    with sandbox(records=6, start_at=START, frozen=True) as own:
        first, second, *_ = own.truth("deals")
        own.at("2026-11-23T09:00:00+00:00")
        own.edit("deals", first, {"set": {"Name": "Changed"}})
        own.edit("deals", second, {"delete": True})
        own.at("2026-11-23T09:10:00+00:00")
        span = {"start": "2026-11-23T08:30:00+00:00", "end": "2026-11-23T09:10:00+00:00"}
        updated = own.call("GET", "/sobjects/Opportunity/updated", params=span).json()
        assert updated == {"ids": [first], "latestDateCovered": "2026-11-23T09:09:00.000+0000"}
        deleted = own.call("GET", "/sobjects/Opportunity/deleted", params=span).json()
        assert [one["id"] for one in deleted["deletedRecords"]] == [second]
        assert deleted["earliestDateAvailable"] == "2026-11-08T09:10:00.000+0000"
        for wrong in (
            {**span, "start": "2026-11-01T00:00:00+00:00"},
            {**span, "end": "2026-11-23T08:30:30+00:00"},
            {**span, "end": "today"},
        ):
            answer = own.call("GET", "/sobjects/Opportunity/deleted", params=wrong)
            assert code(answer) == "INVALID_REPLICATION_DATE"
