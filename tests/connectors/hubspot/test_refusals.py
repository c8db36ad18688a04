"""What a refusal of the tool is taken for, and how many calls its limits let through."""

import json
from collections import defaultdict
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.budget import Budget
from connectors.errors import (
    AuthFailed,
    BadResponse,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http import Wire
from connectors.hubspot import refusals, wire
from connectors.hubspot.config import HubSpotConfig
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.sandbox import settings
from connectors.models import Stream
from connectors.port import Partition, Window
from tests.connectors.hands import Unlimited
from tests.connectors.hubspot.kit import Sandbox, sandbox
from tests.connectors.running import everything

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "body", "kind", "wait"),
    [
        (429, {"policyName": "SECONDLY"}, RateLimited, 1.0),
        (429, {"policyName": "TEN_SECONDLY_ROLLING"}, RateLimited, 10.0),
        (429, {}, RateLimited, 10.0),
        (423, {}, RateLimited, 2.0),
        (477, {}, RateLimited, 60.0),
        (400, {"message": "no"}, Rejected, None),
        (409, {"message": "no"}, Rejected, None),
        (403, {"message": "no"}, NotPermitted, None),
        (401, {}, AuthFailed, None),
        (502, "<html>", Unavailable, None),
        (524, "", Unavailable, None),
    ],
)
def test_a_refusal_has_a_name(
    status: int, body: object, kind: type[Exception], wait: float | None
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    error = refusals.name_refusal(httpx.Response(status, text=content), "Europe/Paris")
    assert type(error) is kind
    assert getattr(error, "retry_after", None) == wait


@pytest.mark.parametrize("status", [429, 423])
def test_a_pause_until_a_date_is_as_long_as_that_date_says(status: int) -> None:
    named = {
        "Date": "Mon, 23 Nov 2026 12:00:00 GMT",
        "Retry-After": "Mon, 23 Nov 2026 13:00:00 GMT",
    }
    error = refusals.name_refusal(httpx.Response(status, headers=named, json={}), None)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3600.0


@pytest.mark.parametrize(("status", "of_account"), [(423, False), (477, True), (429, True)])
def test_a_locked_record_holds_up_no_other_call(status: int, of_account: bool) -> None:
    error = refusals.name_refusal(httpx.Response(status, json={}), None)
    assert isinstance(error, RateLimited)
    assert error.of_account is of_account


def test_a_pause_that_is_told_is_kept_and_a_day_ends_at_midnight_there() -> None:
    told = httpx.Response(429, headers={"Retry-After": "7"}, json={"policyName": "DAILY"})
    error = refusals.name_refusal(told, None)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7.0
    assert refusals.until_midnight("Europe/Paris", NOW) == timedelta(hours=14).total_seconds()
    daily = refusals.name_refusal(httpx.Response(429, json={"policyName": "DAILY"}), "UTC")
    assert isinstance(daily, RateLimited)
    assert 0 < daily.retry_after <= 86_400
    # Whose zone is not known is not waited for until the midnight of another one.
    unknown = refusals.name_refusal(httpx.Response(429, json={"policyName": "DAILY"}), None)
    assert isinstance(unknown, RateLimited)
    assert unknown.retry_after == 3600.0


def test_a_process_that_has_not_asked_the_account_knows_its_zone_from_the_settings(
    own: Sandbox,
) -> None:
    refused = httpx.Response(429, json={"policyName": "DAILY"})

    def pause(**more: str) -> float:
        with closing(own.connector(**more)) as connector:
            error = connector.refusal(refused)
        assert isinstance(error, RateLimited)
        return error.retry_after

    assert pause() == pause(time_zone="Nowhere/Land") == 3600.0
    expected = refusals.until_midnight("Pacific/Auckland", datetime.now(UTC))
    assert pause(time_zone="Pacific/Auckland") == pytest.approx(expected, abs=60)


@pytest.mark.parametrize(("plan", "most"), [("starter", 100), ("professional", 190)])
def test_no_ten_seconds_hold_more_than_the_plan_allows(plan: str, most: int) -> None:
    config = HubSpotConfig.model_validate({"token": "key-of-mine", "plan": plan})
    budget, searches = wire.main_budget(config), wire.search_budget("7000001")
    assert budget is not None
    assert 0.95 * most <= budget.rate * 10 + budget.burst <= most
    assert searches.rate + searches.burst <= 5
    assert "key-of-mine" not in budget.account + searches.account


def test_searches_have_a_budget_beside_that_of_all_calls(own: Sandbox) -> None:
    connector = own.connector(plan="starter")
    everything(connector, Stream.CONTACTS, Window(NOW - timedelta(days=900)))
    names = [budget.account.partition(":")[0] for budget in own.hands.budgets]
    assert {"hubspot", "hubspot-search"} == set(names)


@pytest.mark.parametrize("known", [True, False])
def test_all_keys_of_an_account_share_its_searches(own: Sandbox, known: bool) -> None:
    more = {} if known else {"portal_id": None}
    everything(own.connector(plan="starter", **more), Stream.CONTACTS, Window(NOW))
    names = {budget.account for budget in own.hands.budgets}
    assert [name for name in names if "search" in name] == ["hubspot-search:7000001"]


@pytest.mark.parametrize(
    ("policy", "paused", "wait"),
    [
        ("SECONDLY", "hubspot-search", 1.0),
        ("TEN_SECONDLY_ROLLING", "hubspot", 10.0),
        ("DAILY", "hubspot", None),
    ],
)
def test_a_search_that_meets_the_limit_of_all_calls_pauses_them_all(
    own: Sandbox, policy: str, paused: str, wait: float | None
) -> None:
    limiters: dict[str, Unlimited] = defaultdict(Unlimited)

    def limiter(budget: Budget) -> Unlimited:
        return limiters[budget.account.partition(":")[0]]

    config = HubSpotConfig.model_validate({**own.settings, "plan": "starter"})
    made = Wire(limiter=limiter, sleep=lambda _: None, transport=own.seen)
    own.faults({"on": {"method": "contacts.search", "nth": 1}, "do": "429", "code": policy})
    connector = HubSpot(config, made)
    with closing(connector), suppress(RateLimited):
        everything(connector, Stream.CONTACTS, Window(NOW))
    assert {name for name, one in limiters.items() if one.refusals} == {paused}
    (told,) = limiters[paused].refusals
    assert told == wait if wait else 60 < told <= 90_000


@pytest.mark.parametrize("fault", ["html", "wrong_json", "cut"])
def test_an_answer_that_cannot_be_read_is_never_an_empty_result(own: Sandbox, fault: str) -> None:
    connector = own.connector()
    more = {"applied": True} if fault == "cut" else {}
    own.faults({"on": {"method": "deals.list"}, "do": fault, **more})
    with pytest.raises((BadResponse, Unavailable)):
        list(connector.deals(Window(), Partition()))


def test_a_refused_search_waits_and_goes_on(own: Sandbox) -> None:
    connector = own.connector()
    own.faults({"on": {"method": "contacts.search", "nth": 1}, "do": "429"})
    assert everything(connector, Stream.CONTACTS, Window(NOW - timedelta(days=900)))
    assert own.hands.slept
    assert own.hands.slept[0] >= 10.0


def test_the_published_limits_refuse_who_does_not_keep_to_them() -> None:
    with sandbox(records=4, limit="published") as own:
        key = settings(own.options, own.base)["token"]
        path = "/crm/owners/2026-03"
        head = {"Authorization": f"Bearer {key}"}
        answers = [own.http.get(path, headers=head) for _ in range(101)]
        assert [each.status_code for each in answers] == [200] * 100 + [429]
        assert answers[-1].json()["policyName"] == "TEN_SECONDLY_ROLLING"
        assert answers[0].headers["X-HubSpot-RateLimit-Remaining"] == "99"


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("GET", "/crm/objects/2026-03/deals?limt=5", None),
        ("GET", "/crm/objects/2026-03/deals?limit=101", None),
        ("GET", "/crm/objects/2026-03/deals?limit=51&propertiesWithHistory=dealstage", None),
        ("POST", "/crm/objects/2026-03/deals/search", {"filterGroups": []}),
        ("POST", "/crm/objects/2026-03/tasks", {"properties": {"hs_task_subject": "x"}}),
        (
            "POST",
            "/crm/objects/2026-03/tasks",
            {"properties": {"hs_timestamp": "2026-12-01T09:00:00"}, "associations": []},
        ),
        ("POST", "/crm/objects/2026-03/tasks", {"properties": {"no": "x"}, "associations": []}),
        (
            "POST",
            "/crm/objects/2026-03/deals/batch/read",
            {
                "inputs": [{"id": "1"}, {"id": "1"}],
                "properties": [],
                "propertiesWithHistory": [],
            },
        ),
    ],
)
def test_the_sandbox_refuses_what_the_tool_refuses(
    account: Sandbox, verb: str, path: str, body: object
) -> None:
    answer = account.call(verb, path, **({} if body is None else {"json": body}))
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
