"""The sandbox by itself: it refuses what the real one refuses, whoever asks."""

from datetime import UTC, datetime

import pytest

from connectors.salesforce.portal.ids import long, numbered
from connectors.salesforce.sandbox import secret_of
from tests.connectors.salesforce.kit import VERSION, Sandbox, code, sandbox

NADIA = numbered("User", 1)
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DEAL = {"Name": "New", "StageName": "Prospecting", "CloseDate": "2026-12-01"}
TOKENS = "/services/oauth2/token"


@pytest.mark.parametrize(
    ("soql", "told"),
    [
        ("SELECT * FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Company = 'o'clock'", "MALFORMED_QUERY"),
        (
            "SELECT Id FROM Lead WHERE SystemModstamp >= 2026-11-23T08:00:00 00:00",
            "MALFORMED_QUERY",
        ),
        ("SELECT Id FROM Lead LIMIT 1 ORDER BY Id", "MALFORMED_QUERY"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Id, Nowhere FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Nowhere = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead ORDER BY Nowhere", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Owner.Nowhere = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Task WHERE Description LIKE '%x%'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp >= '2026-11-23'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE IsWon = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Amount > '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Id > 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead LIMIT 5 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_a_query_that_cannot_be_is_refused(org: Sandbox, soql: str, told: str) -> None:
    answer = org.call("GET", "/query", params={"q": soql})
    assert (answer.status_code, code(answer)) == (400, told)


def test_queries_filter_order_and_count(org: Sandbox) -> None:
    names = [row["Name"] for row in org.query("SELECT Name FROM Opportunity ORDER BY Name DESC")]
    assert names == sorted(names, key=str.casefold, reverse=True)
    won = org.query(
        "SELECT Id FROM Opportunity WHERE IsWon = true AND (Amount > 0 OR Amount = null)"
    )
    assert len(won) == sum(one["stage_kind"] == "won" for one in org.truth("deals").values())
    # Texts are compared without regard to case, and so is LIKE.
    assert org.query("SELECT Id FROM Lead WHERE LastName = 'LAST3'")
    assert org.query("SELECT Id FROM Lead WHERE LastName LIKE 'LAST_'")
    assert org.query("SELECT Id FROM Lead WHERE LastName IN ('last3', 'nobody')")
    count = org.call("GET", "/query", params={"q": "SELECT COUNT() FROM Lead"}).json()
    assert count == {"totalSize": 30, "done": True, "records": []}


def test_ids_have_a_short_form_that_tells_capitals_apart(org: Sandbox) -> None:
    id_ = org.query("SELECT Id FROM Lead ORDER BY Id LIMIT 1")[0]["Id"]
    assert len(id_) == 18
    assert long(id_[:15]) == id_
    assert long("0015000000Gv7qJ") == "0015000000Gv7qJAAR"
    assert org.query(f"SELECT Id FROM Lead WHERE Id = '{id_[:15]}'")[0]["Id"] == id_


def test_pages_end_where_they_say_and_cursors_after_two_days() -> None:
    with sandbox(records=30, page_rows=20, start_at=START, frozen=True) as own:
        first = own.call("GET", "/query", params={"q": "SELECT Id FROM Opportunity"}).json()
        assert (first["totalSize"], first["done"], len(first["records"])) == (30, False, 20)
        path = first["nextRecordsUrl"].removeprefix(VERSION)
        second = own.call("GET", path).json()
        assert (second["done"], len(second["records"])) == (True, 10)
        own.at("2026-11-26T08:00:00+00:00")
        assert code(own.call("GET", path)) == "INVALID_QUERY_LOCATOR"
        assert code(own.call("GET", "/query/0r8nothing-20")) == "INVALID_QUERY_LOCATOR"


@pytest.mark.parametrize("size", ["batchSize=100", "batchSize=5000"])
def test_a_batch_size_is_between_200_and_2000(org: Sandbox, size: str) -> None:
    answer = org.call(
        "GET",
        "/query",
        params={"q": "SELECT Id FROM Lead"},
        headers={"Sforce-Query-Options": size},
    )
    assert code(answer) == "INVALID_BATCH_SIZE"


def test_only_query_all_sees_the_recycle_bin_and_for_fifteen_days() -> None:
    with sandbox(records=6, start_at=START, frozen=True) as own:
        gone = next(iter(own.truth("deals")))
        own.edit("deals", gone, {"delete": True})
        asked = f"SELECT Id, IsDeleted FROM Opportunity WHERE Id = '{gone}'"
        assert own.query(asked) == []
        assert own.query(asked, "/queryAll")[0]["IsDeleted"] is True
        own.at("2026-12-09T08:00:00+00:00")
        assert own.query(asked, "/queryAll") == []


def test_a_field_that_is_hidden_is_nowhere(own: Sandbox) -> None:
    with sandbox(records=2, hidden=frozenset({"Lead.Email"})) as other:
        fields = other.call("GET", "/sobjects/Lead/describe").json()["fields"]
        assert "Email" not in {one["name"] for one in fields}
        answer = other.call("GET", "/query", params={"q": "SELECT Email FROM Lead"})
        assert code(answer) == "INVALID_FIELD"
    assert own.query("SELECT Email FROM Lead")


def test_records_by_id_come_in_their_order_with_holes(org: Sandbox) -> None:
    ids = [row["Id"] for row in org.query("SELECT Id FROM Lead ORDER BY Id LIMIT 2")]
    asked = {"ids": [ids[1], "00QQy0000000zzzAAA", ids[0]], "fields": ["Status"]}
    rows = org.call("POST", "/composite/sobjects/Lead", json=asked).json()
    assert [row and row["Id"] for row in rows] == [ids[1], None, ids[0]]
    wrong = org.call("POST", "/composite/sobjects/Lead", json={"ids": ["1"], "fields": ["Id"]})
    assert code(wrong) == "MALFORMED_ID"


def test_the_requests_of_24_hours_are_counted_and_told() -> None:
    with sandbox(records=2, limit="published", per_day=3, start_at=START, frozen=True) as own:
        token = {"Authorization": f"Bearer {own.token()}"}
        answers = [own.http.get(f"{VERSION}/limits", headers=token) for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 403]
        assert code(answers[3]) == "REQUEST_LIMIT_EXCEEDED"
        assert "TotalRequests" in answers[3].text
        assert answers[2].json()["DailyApiRequests"] == {"Max": 3, "Remaining": 0}
        own.at("2026-11-24T08:00:01+00:00")
        assert own.call("GET", "/limits").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/services/data/v30.0/limits", 410),
        ("/services/data/v99.0/limits", 404),
        ("/services/data/v67.0/nothing", 404),
        (f"/services/data/v67.0/query?q={'x' * 17_000}", 414),
    ],
)
def test_addresses_that_are_not_there_are_refused(org: Sandbox, path: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {org.token()}"}
    answer = org.http.get(path, headers=headers)
    assert answer.status_code == status


def test_sessions_are_asked_for_and_end() -> None:
    with sandbox(records=2, session_seconds=60, start_at=START, frozen=True) as own:
        bare = own.http.get(f"{VERSION}/limits")
        assert (bare.status_code, code(bare)) == (401, "INVALID_AUTH_HEADER")
        headers = {"Authorization": f"Bearer {own.token()}"}
        assert own.http.get(f"{VERSION}/limits", headers=headers).is_success
        own.at("2026-11-23T08:01:00+00:00")
        ended = own.http.get(f"{VERSION}/limits", headers=headers)
        assert (ended.status_code, code(ended)) == (401, "INVALID_SESSION_ID")
        assert own.http.get("/services/data").json()[-1]["version"] == "68.0"


def test_a_spent_refresh_token_is_dead_where_they_rotate() -> None:
    with sandbox(records=2) as own:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": secret_of(own.options, "refresh"),
            "client_id": secret_of(own.options, "client"),
            "client_secret": secret_of(own.options, "secret"),
        }
        first = own.http.post(TOKENS, data=form).json()
        assert first["refresh_token"] != form["refresh_token"]
        assert "expires_in" not in first
        spent = own.http.post(TOKENS, data=form)
        assert (spent.status_code, spent.json()["error"]) == (400, "invalid_grant")
        unknown = own.http.post(TOKENS, data={**form, "grant_type": "password"})
        assert unknown.json()["error"] == "unsupported_grant_type"
        assert own.http.post(TOKENS, json=form).json()["error"] == "invalid_request"


def test_a_bulk_job_takes_its_time_and_gives_its_rows_in_parts() -> None:
    with sandbox(records=10, start_at=START, frozen=True) as own:
        body = {"operation": "query", "query": "SELECT Id, Name, IsWon FROM Opportunity"}
        job = own.call("POST", "/jobs/query", json=body).json()
        results = f"/jobs/query/{job['id']}/results"
        assert (job["state"], code(own.call("GET", results))) == ("InProgress", "INVALIDJOBSTATE")
        own.at("2026-11-23T08:02:00+00:00")
        first = own.call("GET", results, params={"maxRecords": 6})
        assert (first.headers["Sforce-Locator"], first.headers["Sforce-NumberOfRecords"]) == (
            "6",
            "6",
        )
        assert first.text.splitlines()[0] == '"Id","Name","IsWon"'
        rest = own.call("GET", results, params={"locator": "6"})
        assert (rest.headers["Sforce-Locator"], len(rest.text.splitlines())) == ("null", 5)
        assert code(own.call("GET", results, params={"locator": "x"})) == "INVALIDLOCATOR"
        assert own.call("GET", results, headers={"Accept": "application/json"}).status_code == 406
        assert (
            own.call("PATCH", f"/jobs/query/{job['id']}", json={"state": "Aborted"}).json()["state"]
            == "Aborted"
        )
        bad = {"operation": "query", "query": "SELECT COUNT() FROM Lead"}
        assert code(own.call("POST", "/jobs/query", json=bad)) == "INVALIDJOB"


def test_a_late_commit_is_not_seen_before_its_time_but_stamped() -> None:
    with sandbox(records=2, commit_seconds=60, start_at=START, frozen=True) as own:
        deal = next(iter(own.truth("deals")))
        own.edit("deals", deal, {"set": {"Name": "Changed"}})
        asked = f"SELECT Name, SystemModstamp FROM Opportunity WHERE Id = '{deal}'"
        assert own.query(asked)[0]["Name"] != "Changed"
        own.at("2026-11-23T08:01:00+00:00")
        row = own.query(asked)[0]
        assert (row["Name"], row["SystemModstamp"]) == ("Changed", "2026-11-23T08:00:00.000+0000")


def test_stage_history_has_a_row_of_each_change_and_goes_with_its_deal(own: Sandbox) -> None:
    made = own.edit("deals", "new", {"set": DEAL})
    own.edit("deals", made, {"set": {"Amount": 5.0}})
    own.edit("deals", made, {"set": {"StageName": "Closed Lost"}})
    asked = (
        "SELECT StageName, Amount FROM OpportunityHistory "
        f"WHERE OpportunityId = '{made}' ORDER BY CreatedDate, Id"
    )
    rows = [(row["StageName"], row["Amount"]) for row in own.query(asked)]
    assert rows == [("Prospecting", None), ("Prospecting", 5.0), ("Closed Lost", 5.0)]
    parent = "SELECT Id FROM OpportunityHistory WHERE Opportunity.IsWon = true"
    assert len(own.query(parent)) > 3
    own.edit("deals", made, {"delete": True})
    assert own.query(asked) == []
    own.edit("deals", made, {"restore": True})
    assert len(own.query(asked)) == 3


def test_control_edits_that_cannot_be_say_why(org: Sandbox) -> None:
    http = org.http
    for change in ({}, {"set": {"Nowhere": 1}}, {"nothing": True}):
        assert http.post("/_sandbox/records/deals/new", json=change).status_code == 400
    assert http.post("/_sandbox/records/nothing/new", json={"set": {}}).status_code == 404
    assert http.post("/_sandbox/records/deals/006x", json={"delete": True}).status_code == 404
    hook = {"url": "http://127.0.0.1:1/x", "events": []}
    assert http.put("/_sandbox/outgoing-webhook", json=hook).status_code == 400
    assert http.get("/_sandbox/records/nothing").status_code == 404
