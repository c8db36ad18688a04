"""Connecting: settings, the check, an app's token, limits, refusals, webhooks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from connectors.auth import Token
from connectors.errors import (
    AuthFailed,
    BadResponse,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.hubspot import hooks, wire
from connectors.hubspot.config import HubSpotConfig
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.portal.options import ALL_SCOPES
from connectors.hubspot.sandbox import app_settings, settings
from connectors.models import Stream
from connectors.port import Partition, Window
from tests.connectors.hubspot.kit import Sandbox, everything, sandbox

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
URL = "https://retro.example/hooks/portal"
SECRET = SecretStr("an-app-secret")


@dataclass
class Store:
    token: Token
    saved: list[Token] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def load(self) -> Token:
        return self.token

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self.lock:
            yield

    def save(self, token: Token) -> None:
        self.token = token
        self.saved.append(token)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"client_id": "x", "client_secret": "y"},
        {"token": "key", "base_url": "http://api.hubapi.com"},
        {"token": "key", "api_version": "v3"},
        {"token": "key", "campaign_days": "0"},
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        HubSpotConfig.model_validate(given)
    assert "key" not in str(refused.value).replace("service key", "")


def test_the_version_stands_in_every_address() -> None:
    with sandbox(records=4, version="2026-09", index_seconds=0) as own:
        connector = own.connector(api_version="2026-09")
        connector.check()
        for stream in (Stream.PEOPLE, Stream.DEALS, Stream.STAGE_CHANGES, Stream.CAMPAIGN_STATS):
            assert everything(connector, stream)
        assert all("/2026-09" in str(each.url) for each in own.seen.requests)
        with pytest.raises(Rejected.__mro__[1]):
            own.connector().check()


def test_the_check_names_the_account_and_the_identity_is_its_number(account: Sandbox) -> None:
    connector = account.connector()
    assert connector.check() == "HubSpot account 7000001 (developer test)"
    assert connector.identity() == (f"{account.base}:7000001",)


def test_a_key_of_another_account_is_refused(account: Sandbox) -> None:
    with pytest.raises(NotPermitted, match="account 7000001"):
        account.connector(portal_id="12").check()


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("crm.objects.leads.read", "leads=false"),
        ("marketing.campaigns.read", "campaigns=false"),
        ("crm.objects.deals.read", "scope for deals"),
    ],
)
def test_a_missing_scope_says_what_to_do(scope: str, told: str) -> None:
    scopes = [each for each in ALL_SCOPES if each != scope]
    with sandbox(records=4, scopes=scopes) as own, pytest.raises(NotPermitted) as refused:
        own.connector().check()
    assert told in refused.value.next_step


def test_mapped_names_that_the_account_has_not_are_refused(account: Sandbox) -> None:
    with pytest.raises(NotPermitted, match="nowhere"):
        account.connector(fields={"x": "nowhere"}).check()
    with pytest.raises(NotPermitted, match="no_such"):
        account.connector(utm={"source": "no_such"}).check()
    with pytest.raises(NotPermitted, match="no stage 'won'"):
        account.connector(qualified_stages=["won"]).check()
    account.connector(fields={"x": "retro_seats"}, utm={"source": "retro_region"}).check()


def test_a_wrong_key_is_refused_and_never_told(account: Sandbox) -> None:
    with pytest.raises(AuthFailed) as refused:
        account.connector(token="pat-secret-123").check()
    assert "pat-secret" not in refused.value.message + refused.value.next_step


@pytest.mark.parametrize("rotating", [False, True])
def test_an_app_renews_its_token_once_it_has_ended(rotating: bool) -> None:
    with sandbox(records=4, rotating=rotating, access_seconds=90) as own:
        given = app_settings(own.options, own.base)
        pair = Token("expired", given.pop("refresh_token"), NOW)
        del given["code"]
        store = Store(pair)
        config = HubSpot.Config.model_validate({**given, "plan": "unlimited"})
        connector = HubSpot(config, replace(own.hands.wire(own.seen), tokens=store))
        own.made.append(connector)
        own.at("2026-11-23T09:00:00+00:00")
        connector.check()
        assert len(store.saved) == 1
        own.at("2026-11-23T09:02:00+00:00")
        assert everything(connector, Stream.PEOPLE)
        assert len(store.saved) == 2
        store.token = replace_refresh(store.token)
        own.at("2026-11-23T09:05:00+00:00")
        with pytest.raises(AuthFailed, match="refuses to renew"):
            connector.check()
        tokens = [each for each in own.seen.requests if "oauth" in each.url.path]
        assert tokens
        assert all(each.url.query == b"" for each in tokens)


def replace_refresh(token: Token) -> Token:
    return Token("dead", "spent", token.expires_at)


def test_an_app_without_consent_says_so(account: Sandbox) -> None:
    given = app_settings(account.options, account.base)
    config = {k: v for k, v in given.items() if k not in ("refresh_token", "code")}
    connector = HubSpot(HubSpot.Config.model_validate(config), account.hands.wire())
    with pytest.raises(AuthFailed, match="no token"):
        connector.check()


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
    error = wire.name_refusal(httpx.Response(status, text=content), "Europe/Paris")
    assert type(error) is kind
    assert getattr(error, "retry_after", None) == wait


@pytest.mark.parametrize("status", [429, 423])
def test_a_pause_until_a_date_is_as_long_as_that_date_says(status: int) -> None:
    named = {
        "Date": "Mon, 23 Nov 2026 12:00:00 GMT",
        "Retry-After": "Mon, 23 Nov 2026 13:00:00 GMT",
    }
    error = wire.name_refusal(httpx.Response(status, headers=named, json={}), None)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3600.0


def test_a_pause_that_is_told_is_kept_and_a_day_ends_at_midnight_there() -> None:
    told = httpx.Response(429, headers={"Retry-After": "7"}, json={"policyName": "DAILY"})
    error = wire.name_refusal(told, None)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7.0
    assert wire.until_midnight("Europe/Paris", NOW) == timedelta(hours=14).total_seconds()
    daily = wire.name_refusal(httpx.Response(429, json={"policyName": "DAILY"}), "UTC")
    assert isinstance(daily, RateLimited)
    assert 0 < daily.retry_after <= 86_400


@pytest.mark.parametrize(("plan", "most"), [("starter", 100), ("professional", 190)])
def test_no_ten_seconds_hold_more_than_the_plan_allows(plan: str, most: int) -> None:
    config = HubSpotConfig.model_validate({"token": "key-of-mine", "plan": plan})
    budget, searches = wire.main_budget(config), wire.search_budget(config)
    assert budget is not None
    assert searches is not None
    assert 0.95 * most <= budget.rate * 10 + budget.burst <= most
    assert searches.rate + searches.burst <= 5
    assert "key-of-mine" not in budget.account + searches.account


def test_searches_have_a_budget_beside_that_of_all_calls(own: Sandbox) -> None:
    connector = own.connector(plan="starter")
    everything(connector, Stream.CONTACTS, Window(NOW - timedelta(days=900)))
    names = [budget.account.partition(":")[0] for budget in own.hands.budgets]
    assert {"hubspot", "hubspot-search"} == set(names)


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


def event(**change: object) -> dict[str, object]:
    return {
        "eventId": 41,
        "subscriptionId": 9001,
        "portalId": 7000001,
        "appId": 3001,
        "occurredAt": 1795424400123,
        "subscriptionType": "deal.propertyChange",
        "attemptNumber": 0,
        "objectId": 90000000001,
        "propertyName": "dealstage",
        "propertyValue": "closedwon",
        "changeSource": "CRM_UI",
        **change,
    }


def verified(
    *events: dict[str, object], late: float = 0.0, url: str = URL, forged: bool = False
) -> list[tuple[str, list[str]]]:
    body = json.dumps(events).encode()
    moment = str(int(NOW.timestamp() * 1000))
    signed = hooks.signature(SECRET, "POST", url, body, moment)
    headers = {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": moment}
    sent = body.replace(b"closedwon", b"closedlost") if forged else body
    found = hooks.verify(
        headers,
        sent,
        secret=SECRET,
        url=url,
        portal_id="7000001",
        now=NOW + timedelta(seconds=late),
    )
    return [(each.stream.value, list(each.ids)) for each in found]


def test_signed_events_are_hints_to_read_again() -> None:
    found = verified(
        event(),
        event(subscriptionType="object.creation", objectTypeId="0-136", objectId=6),
        event(subscriptionType="object.propertyChange", objectTypeId="0-27", objectId=8),
        event(subscriptionType="contact.merge", objectId=1, mergedObjectIds=[1, 2]),
        event(subscriptionType="ticket.creation"),
    )
    assert found == [
        ("deals", ["90000000001"]),
        ("leads", ["6"]),
        ("tasks", ["8"]),
        ("contacts", ["1", "2"]),
    ]


def test_only_some_escapes_of_the_address_are_decoded_before_it_is_signed() -> None:
    one = hooks.signature(SECRET, "POST", "https://a.example/x%3Ay%20z", b"", "1")
    assert one == hooks.signature(SECRET, "POST", "https://a.example/x:y%20z", b"", "1")
    assert one != hooks.signature(SECRET, "POST", "https://a.example/x:y z", b"", "1")


def test_forged_late_foreign_and_unsigned_events_are_refused() -> None:
    with pytest.raises(AuthFailed, match="not signed"):
        verified(event(), forged=True)
    with pytest.raises(AuthFailed, match="older"):
        verified(event(), late=301)
    assert verified(event(), late=299)
    with pytest.raises(AuthFailed, match="another account"):
        verified(event(portalId=5))
    for headers in ({}, {"X-HubSpot-Request-Timestamp": str(int(NOW.timestamp() * 1000))}):
        with pytest.raises(AuthFailed):
            hooks.verify(headers, b"[]", secret=SECRET, url=URL, portal_id=None, now=NOW)
    with pytest.raises(AuthFailed, match="hook_url"):
        hooks.verify({}, b"[]", secret=None, url=None, portal_id=None, now=NOW)


def test_a_replayed_event_has_the_same_name_and_another_change_another() -> None:
    body = json.dumps([event(), event(), event(propertyValue="contractsent")]).encode()
    moment = str(int(NOW.timestamp() * 1000))
    headers = {
        "x-hubspot-signature-v3": hooks.signature(SECRET, "POST", URL, body, moment),
        "x-hubspot-request-timestamp": moment,
    }
    one, same, other = hooks.verify(headers, body, secret=SECRET, url=URL, portal_id=None, now=NOW)
    assert one.dedupe == same.dedupe != other.dedupe
    assert one.at == datetime.fromtimestamp(1795424400.123, UTC)
