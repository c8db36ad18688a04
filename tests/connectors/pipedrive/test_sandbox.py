"""The sandbox refuses what Pipedrive refuses, in its words, and counts as it does."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.pipedrive.portal.limits import Limits
from connectors.pipedrive.portal.options import SandboxOptions
from connectors.sandbox.clock import Clock
from tests.connectors.pipedrive.kit import Sandbox, sandbox


@dataclass
class Watch:
    """Machine time, moved by hand."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


def limits(**options: Any) -> tuple[Limits, Watch, Clock]:
    watch = Watch()
    clock = Clock(datetime(2026, 11, 23, 23, 0, tzinfo=UTC), True, watch)
    return Limits(SandboxOptions(**options), clock, watch), watch, clock


@pytest.mark.parametrize(
    ("verb", "path", "given", "told"),
    [
        ("GET", "v2/deals", {"params": {"updated_after": "x"}}, "updated_after: Unknown"),
        ("GET", "v2/deals", {"params": {"limit": 501}}, "limit"),
        ("GET", "v2/deals", {"params": {"limit": "many"}}, "limit"),
        ("GET", "v2/deals", {"params": {"updated_since": "2026-11-23 08:00:00"}}, "RFC 3339"),
        ("GET", "v2/deals", {"params": {"updated_since": "2026-11-23T08:00:00"}}, "offset"),
        ("GET", "v2/deals", {"params": {"cursor": "abc"}}, "Invalid cursor"),
        ("GET", "v2/deals", {"params": {"custom_fields": ",".join(["a"] * 16)}}, "at most 15"),
        ("GET", "v1/leads", {"params": {"sort": "size"}}, "sort"),
        ("GET", "v1/leads/archived", {"params": {"updated_since": "x"}}, "Unknown"),
        ("POST", "v2/activities", {"json": {"done": 1}}, "done: Expected boolean"),
        ("POST", "v2/activities", {"json": {"person_id": 1}}, "person_id: Unknown"),
        ("POST", "v2/activities", {"json": {"due_time": "25:00"}}, "due_time"),
        ("POST", "v2/activities", {"json": {"due_date": "14.12.2026"}}, "due_date"),
        ("POST", "v2/activities", {"json": {"deal_id": 99999}}, "deal_id: Not found"),
        ("POST", "v2/activities", {"content": b"{"}, "not JSON"),
        ("POST", "v1/goals", {"json": {"title": "x"}}, "Required"),
        ("POST", "v1/webhooks", {"json": {"name": "x"}}, "Required"),
    ],
)
def test_what_does_not_fit_is_refused(
    company: Sandbox, verb: str, path: str, given: dict[str, Any], told: str
) -> None:
    answer = company.call(verb, path, **given)
    assert answer.status_code == 400
    body = answer.json()
    assert body["success"] is False
    assert told in body["error"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("v2/deals/77777", 404), ("v1/deals", 404), ("v2/leads", 404), ("v1/leads/x", 404)],
)
def test_what_is_not_there_is_not_found(company: Sandbox, path: str, status: int) -> None:
    assert company.call("GET", path).status_code == status


def test_a_wrong_token_is_refused(company: Sandbox) -> None:
    answer = company.call("GET", "v1/users/me", headers={"x-api-token": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthorized access"
    query = company.http.get("/api/v1/users/me", params={"api_token": "x"})
    assert query.status_code == 401


def test_windows_are_half_open(own: Sandbox) -> None:
    told = own.call("GET", "v2/deals/1").json()["data"]["update_time"]
    for name, count in (("updated_since", 1), ("updated_until", 0)):
        params = {name: told, "ids": "1"}
        assert len(own.call("GET", "v2/deals", params=params).json()["data"]) == count


def test_a_cursor_belongs_to_its_list(own: Sandbox) -> None:
    first = own.call("GET", "v2/deals", params={"limit": 5}).json()
    cursor = first["additional_data"]["next_cursor"]
    again = own.call("GET", "v2/deals", params={"limit": 5, "cursor": cursor}).json()
    assert again["data"][0]["id"] == 6
    other = {"limit": 5, "cursor": cursor, "sort_by": "add_time"}
    assert own.call("GET", "v2/deals", params=other).status_code == 400


def test_what_is_archived_has_its_own_list_and_cannot_be_edited(own: Sandbox) -> None:
    listed = {row["id"] for row in own.call("GET", "v2/deals").json()["data"]}
    archived = own.call("GET", "v2/deals/archived").json()["data"]
    assert {row["id"] for row in archived} == {20, 40}
    assert listed & {20, 40} == set()
    assert own.call("PATCH", "v2/deals/20", json={"title": "x"}).status_code == 400
    own.edit("deals", "5", {"delete": True})
    # Those of the seed were deleted more than 30 days ago.
    (deleted,) = own.call("GET", "v2/deals", params={"status": "deleted"}).json()["data"]
    assert (deleted["id"], deleted["status"]) == (5, "deleted")


def test_goals_of_others_and_old_ones_are_shown_only_when_asked_for(own: Sandbox) -> None:
    body = {
        "title": "Old",
        "type": {"name": "deals_won", "params": {"pipeline_id": None}},
        "assignee": {"id": 22, "type": "person"},
        "expected_outcome": {"target": 3, "tracking_metric": "quantity"},
        "duration": {"start": "2026-01-01", "end": "2026-01-31"},
        "interval": "monthly",
    }
    made = own.call("POST", "v1/goals", json=body).json()["data"]["goal"]
    assert made["is_active"] is False

    def found(**params: Any) -> int:
        answer = own.call("GET", "v1/goals/find", params=params)
        return len(answer.json()["data"]["goals"])

    assert (found(), found(is_active="false")) == (0, 1)
    wrong = {**body, "type": {"name": "clicks"}}
    assert own.call("POST", "v1/goals", json=wrong).status_code == 400
    assert own.call("PUT", f"v1/goals/{made['id']}", json={"title": "New"}).is_success
    assert own.call("DELETE", f"v1/goals/{made['id']}").is_success
    assert found(is_active="false") == 0


def test_webhooks_need_an_admin() -> None:
    hook = {
        "subscription_url": "http://127.0.0.1:9/hooks",
        "event_action": "*",
        "event_object": "deal",
        "name": "retro",
    }
    with sandbox(admin=False) as running:
        assert running.call("POST", "v1/webhooks", json=hook).status_code == 403
    with sandbox() as running:
        made = running.call("POST", "v1/webhooks", json=hook).json()["data"]["id"]
        assert len(running.call("GET", "v1/webhooks").json()["data"]) == 1
        assert running.call("DELETE", f"v1/webhooks/{made}").is_success


def test_answers_tell_the_limits() -> None:
    with sandbox(limit="published", tokens=100) as running:
        answer = running.call("GET", "v2/deals")
        assert answer.headers["x-ratelimit-limit"] == "20"
        assert answer.headers["x-ratelimit-remaining"] == "19"
        assert answer.headers["x-daily-ratelimit-token-remaining"] == "90"
        for _ in range(4):
            assert running.call("GET", "v1/users").is_success
        answer = running.call("GET", "v1/users")
        assert answer.status_code == 429
        assert answer.headers["x-daily-ratelimit-token-remaining"] == "0"
        # What was refused cost nothing, and what still fits is done.
        assert running.call("GET", "v2/deals").is_success


def test_the_window_rolls() -> None:
    counted, watch, _ = limits()
    assert [counted.admit("a", False) for _ in range(21)] == [True] * 20 + [False]
    assert counted.admit("b", False)
    watch.seconds += 1.9
    assert not counted.admit("a", False)
    watch.seconds += 0.1
    assert counted.admit("a", False)
    assert [counted.admit("app", True) for _ in range(81)].count(True) == 80


def test_tokens_come_back_at_the_servers_midnight() -> None:
    counted, watch, _ = limits(tokens=30)
    assert [counted.spend(20), counted.spend(20), counted.spend(10)] == [True, False, True]
    watch.seconds += 3600
    assert counted.spend(20)


def test_who_goes_on_asking_is_blocked_by_the_cdn() -> None:
    with sandbox(limit="published", tokens=10, block_after=3) as running:
        assert running.call("GET", "v2/deals").is_success
        for _ in range(3):
            assert running.call("GET", "v2/deals").status_code == 429
        answer = running.call("GET", "v2/deals")
        assert answer.status_code == 403
        assert "html" in answer.headers["content-type"]


def test_the_same_seed_gives_the_same_company() -> None:
    found = []
    for _ in range(2):
        with sandbox(seed=3, records=30) as running:
            found.append([running.truth(name) for name in ("leads", "deals", "activities")])
    assert found[0] == found[1]


def test_a_note_loses_what_a_page_must_not_hold(own: Sandbox) -> None:
    note = 'Hi <script>alert(1)</script><b onclick="x()">you</b>'
    made = own.call("POST", "v2/activities", json={"note": note}).json()["data"]
    assert made["note"] == "Hi <b>you</b>"
