"""Connecting: settings, three ways to sign in, the check, whose org it is."""

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydantic import ValidationError

from connectors.auth import Token
from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectorError,
    NotPermitted,
    RateLimited,
)
from connectors.models import Stream
from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.oauth import NEVER
from connectors.salesforce.portal.company import OLD_QUOTA_TYPE, QUOTA_TYPE
from connectors.salesforce.sandbox import USERNAME, secret_of
from tests.connectors.hands import Tokens
from tests.connectors.running import everything, unavailable
from tests.connectors.salesforce.kit import Rewriting, Sandbox, sandbox

APP = {"client_id": "key", "client_secret": "s3cret"}
ORG = {"base_url": "https://acme.my.salesforce.com", **APP}
TOKENS = "/services/oauth2/token"
PRIVATE = generate_private_key(65537, 2048)
PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"base_url": "http://acme.my.salesforce.com"}, "https://"),
        ({"base_url": "https://login.salesforce.com"}, "My Domain"),
        ({"base_url": "https://test.salesforce.com/"}, "My Domain"),
        ({"base_url": "https://acme.lightning.force.com"}, "My Domain"),
        ({"client_secret": None}, "client_secret"),
        ({"sign_in": "jwt"}, "username, private_key"),
        ({"sign_in": "consent", "client_id": None}, "client_id"),
        ({"api_version": "v67"}, "api_version"),
        ({"currency": "euro"}, "currency"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SalesforceConfig.model_validate({**ORG, **given})
    assert told in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "audience"),
    [
        ("https://acme.my.salesforce.com/", "https://login.salesforce.com"),
        ("https://acme-dev-ed.develop.my.salesforce.com", "https://login.salesforce.com"),
        ("https://acme--dev.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("https://page-1234-dev-ed.scratch.my.salesforce.com", "https://test.salesforce.com"),
        ("https://scratch.my.salesforce.com", "https://login.salesforce.com"),
    ],
)
def test_an_assertion_is_for_the_server_of_its_kind_of_org(address: str, audience: str) -> None:
    config = SalesforceConfig.model_validate({**ORG, "base_url": address})
    assert config.audience == audience
    assert config.base_url == address.rstrip("/")
    # As external client apps may ask for instead.
    own = SalesforceConfig.model_validate({**ORG, "base_url": address, "jwt_audience": "my_domain"})
    assert own.audience == config.base_url


def test_the_check_names_the_org_and_the_identity_is_its_id(org: Sandbox) -> None:
    connector = org.connector()
    name = "Salesforce org 00DQy000000001FMAQ (Developer Edition, sandbox, EU99)"
    assert connector.check() == name
    assert connector.identity() == ("salesforce:00DQy000000001FMAQ",)


def test_one_token_serves_all_calls_and_is_kept_where_connections_keep_theirs(own: Sandbox) -> None:
    store = NoToken()
    first = own.over(tokens=store)
    first.check()
    second = own.over(tokens=store)
    second.check()
    assert len(store.saved) == 1
    assert own.methods()[TOKENS] == 1


class NoToken(Tokens):
    """Of a connection that was stored a moment ago."""

    def __init__(self) -> None:
        super().__init__(Token("", "", NEVER))

    def load(self) -> Token:
        if not self.saved:
            raise LookupError("this connection has no token yet")
        return self.token


def test_a_session_that_ends_is_begun_anew_once() -> None:
    with sandbox(records=4, session_seconds=90) as own:
        own.at("2026-11-23T09:00:00+00:00")
        connector = own.connector()
        assert everything(connector, Stream.PEOPLE)
        own.at("2026-11-23T09:02:00+00:00")
        assert everything(connector, Stream.PEOPLE)
        assert own.methods()[TOKENS] == 2


def test_a_jwt_is_signed_anew_each_time() -> None:
    with sandbox(records=4, certificate=PUBLIC, session_seconds=1) as own:
        given = {"sign_in": "jwt", "username": USERNAME, "private_key": PEM}
        connector = own.connector(**given)
        connector.check()
        own.faults({"on": {"method": "query", "nth": 1}, "do": "expired_token"})
        connector.check()
        assert own.methods()[TOKENS] >= 2
        with pytest.raises(AuthFailed, match="invalid assertion"):
            own.connector(**given | {"username": "somebody@acme.example"}).check()
        # The fake is no external client app of that kind.
        with pytest.raises(AuthFailed, match="invalid assertion") as refused:
            own.connector(**given, jwt_audience="my_domain").check()
        assert "jwt_audience" in refused.value.next_step


@pytest.mark.parametrize(
    "key", ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_private_key_that_cannot_be_read_is_named_and_never_told(org: Sandbox, key: str) -> None:
    given = {"sign_in": "jwt", "username": USERNAME, "private_key": key}
    with pytest.raises(AuthFailed, match="private key") as refused:
        org.connector(**given).check()
    assert key not in f"{refused.value.message}{refused.value.next_step}"


@pytest.mark.parametrize("rotating", [True, False])
def test_a_consent_is_renewed_by_its_refresh_token(rotating: bool) -> None:
    with sandbox(records=4, rotating=rotating) as own:
        store = Tokens(Token("expired", secret_of(own.options, "refresh"), NEVER))
        own.over(tokens=store, sign_in="consent").check()
        (fresh,) = store.saved
        assert (fresh.refresh_token != secret_of(own.options, "refresh")) == rotating
        assert fresh.address == own.base
        dead = Tokens(Token("expired", "spent", NEVER))
        with pytest.raises(AuthFailed) as refused:
            own.over(tokens=dead, sign_in="consent").check()
        assert "consent" in refused.value.next_step
        with pytest.raises(AuthFailed, match="no token"):
            own.connector(sign_in="consent").check()


def test_calls_go_to_the_address_that_the_token_names() -> None:
    with sandbox(records=4, instance="localhost") as own:
        connector = own.connector()
        connector.check()
        hosts = {(each.url.path, each.url.host) for each in own.seen.requests}
        assert (TOKENS, "127.0.0.1") in hosts
        assert {host for path, host in hosts if "/v67.0/" in path} == {"localhost"}


def test_an_org_that_was_moved_is_found_by_the_next_token() -> None:
    """The session of its old address has ended, and the renewal names the new one."""
    with sandbox(records=4, instance="localhost") as own:
        old = own.base.replace("127.0.0.1", "127.0.0.2")
        store = Tokens(Token("expired", secret_of(own.options, "refresh"), NEVER, old))

        def ended(request: httpx.Request) -> httpx.Response:
            if request.url.host == "127.0.0.2":
                told = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}]
                return httpx.Response(401, json=told)
            return network.handle_request(request)

        network = httpx.HTTPTransport()
        wire = httpx.MockTransport(ended)
        assert everything(own.over(wire, store, sign_in="consent"), Stream.PEOPLE)
        assert httpx.URL(store.token.address).host == "localhost"
        network.close()


def test_an_org_that_answers_elsewhere_is_followed(own: Sandbox) -> None:
    there = own.base.replace("127.0.0.1", "localhost")
    own.faults({"on": {"method": "query", "nth": 1}, "do": "rename", "host": there})
    assert len(everything(own.connector(), Stream.DEALS)) == 20
    assert "localhost" in {each.url.host for each in own.seen.requests}


def test_an_address_that_is_not_safe_gets_no_token(own: Sandbox) -> None:
    def elsewhere(response: httpx.Response) -> httpx.Response:
        document = response.json()
        return httpx.Response(200, json={**document, "instance_url": "http://evil.example"})

    wire = Rewriting(httpx.HTTPTransport(), elsewhere)
    with pytest.raises(BadResponse, match="not safe"):
        own.over(wire).check()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(400, json={"error": "invalid_client_id"}), AuthFailed),
        (httpx.Response(401, json={"error": "invalid_client"}), AuthFailed),
        (httpx.Response(400, json={"error": "inactive_user"}), AuthFailed),
        (httpx.Response(400, json={"error": "rate_limit_exceeded"}), RateLimited),
        (httpx.Response(429, headers={"Retry-After": "9000"}), RateLimited),
        (httpx.Response(200, json={}), BadResponse),
        (httpx.Response(200, text="<html>"), BadResponse),
        (httpx.Response(400, text="<html>"), AuthFailed),
    ],
)
def test_what_the_server_of_tokens_says_has_a_name(
    own: Sandbox, answer: httpx.Response, error: type[ConnectorError]
) -> None:
    wire = httpx.MockTransport(lambda _request: answer)
    with pytest.raises(error):
        own.over(wire).check()


def test_a_wrong_secret_is_refused_and_never_told(org: Sandbox) -> None:
    with pytest.raises(AuthFailed) as refused:
        org.connector(client_secret="s3cret-123").check()
    assert "s3cret" not in refused.value.message + refused.value.next_step


@pytest.mark.parametrize(
    ("options", "config", "told"),
    [
        ({"versions": (41, 66)}, {}, "66.0"),
        ({"hidden": frozenset({"Opportunity.Amount"})}, {}, "field-level security"),
        ({"without": frozenset({"Lead"})}, {}, "read access to Lead"),
        ({"without": frozenset({"Campaign"})}, {}, "campaigns=false"),
        ({}, {"fields": {"x": "Nowhere__c"}}, "mapping"),
        ({}, {"utm": {"source": "Nowhere__c"}}, "mapping"),
        ({}, {"campaign_name": "Nowhere__c"}, "mapping"),
        ({}, {"qualified_statuses": ["Hot"]}, "Working - Contacted"),
        ({}, {"currency": None}, "currency=EUR"),
        ({}, {"key_field": "Retro_Kye__c"}, "key_field may name: Retro_Key__c"),
        ({"key_field": "none"}, {"key_field": "My_Key__c", "target_object": "T__c"}, "no external"),
        ({}, {"target_object": "Retro_Targets__c"}, "target_object=Retro_KPI_Target__c"),
        ({}, {"quotas": {"won": "0DbQy0000000009AAA"}}, f"{QUOTA_TYPE[:15]} (OpportunityRevenue)"),
        ({}, {"quotas": {"won": OLD_QUOTA_TYPE}}, "OpportunityRevenue"),
        ({"quotas": False}, {"quotas": {"won": QUOTA_TYPE}}, "Switch on forecasts"),
    ],
)
def test_what_is_missing_says_what_to_do(
    options: dict[str, Any], config: dict[str, Any], told: str
) -> None:
    with sandbox(records=4, **options) as own, pytest.raises(NotPermitted) as refused:
        own.connector(**config).check()
    assert told in refused.value.next_step


@pytest.mark.parametrize("id_", [QUOTA_TYPE, QUOTA_TYPE[:15]])
def test_settings_of_keys_and_targets_that_are_there_pass(own: Sandbox, id_: str) -> None:
    assert own.connector(quotas={"won": id_}).check()


@pytest.mark.parametrize("options", [{"key_field": "none"}, {"targets": False}])
def test_what_the_documentation_names_may_be_missing(options: dict[str, Any]) -> None:
    with sandbox(records=4, **options) as own:
        assert own.connector().check()


def test_an_org_without_campaigns_is_read_without_them() -> None:
    with sandbox(records=6, without=frozenset({"Campaign", "CampaignMember"})) as own:
        connector = own.connector(campaigns=False)
        connector.check()
        assert len(everything(connector, Stream.DEALS)) == 6


def test_a_version_that_is_gone_is_named() -> None:
    with sandbox(records=4) as own, pytest.raises(NotPermitted):
        everything(own.connector(api_version="30.0"), Stream.PEOPLE)


def test_the_share_of_a_day_is_a_budget_of_the_org(org: Sandbox) -> None:
    budget = org.connector(requests_per_day=15_000).budget()
    assert budget is not None
    assert (budget.per_day, budget.burst) == (15_000, 25)
    assert org.connector(requests_per_day=0).budget() is None


def test_an_org_whose_requests_are_used_up_is_left_alone_for_an_hour() -> None:
    """And nobody's connection is broken by it, though its status is that of a missing right."""
    with sandbox(records=4, limit="published", per_day=12) as own:
        connector = own.connector()
        connector.check()
        with pytest.raises(RateLimited) as refused:
            connector.check()
        assert refused.value.retry_after == 3600
        assert own.hands.limiter.refusals == [3600]
        summary = own.http.get("/_sandbox/log/summary").json()
        assert summary["refused"] == 1


def test_fields_tell_what_can_be_mapped(org: Sandbox) -> None:
    found = {one.name: one for one in org.connector().fields(Stream.DEALS)}
    assert found["Retro_Region__c"].custom
    assert found["IsWon"].read_only
    assert 1 <= len(found["StageName"].samples) <= 3
    assert found["Retro_Region__c"].samples
    assert org.connector().fields(Stream.PEOPLE) == ()


def test_an_address_where_nothing_answers_is_told_and_nobody_waits_for_it(own: Sandbox) -> None:
    error = unavailable(own.connector(base_url="http://127.0.0.1:9"))
    assert "Salesforce at 127.0.0.1:9 does not answer: nothing listens" in error.message
    assert error.next_step.startswith("Check the address")


def test_a_tool_that_is_down_is_waited_for(own: Sandbox) -> None:
    own.faults({"do": "503"})
    assert unavailable(own.connector()).next_step.startswith("Wait")
