"""Connecting: settings, the check, an app's token."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from connectors.auth import Token
from connectors.errors import (
    AuthFailed,
    NotPermitted,
    Rejected,
)
from connectors.hubspot.config import HubSpotConfig
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.portal.options import ALL_SCOPES
from connectors.hubspot.sandbox import app_settings
from connectors.models import Stream
from connectors.port import Presence
from tests.connectors.hands import Tokens
from tests.connectors.hubspot.kit import Sandbox, sandbox
from tests.connectors.running import everything, unavailable

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def app_of(running: Sandbox) -> tuple[HubSpot, Tokens]:
    """With a token that has ended."""
    given = {**app_settings(running.options, running.base), "plan": "unlimited"}
    del given["code"]
    tokens = Tokens(Token("expired", given.pop("refresh_token"), NOW))
    return running.app(tokens, **given), tokens


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


def test_one_goal_for_all_kpis_is_refused_in_words_and_none_is_none() -> None:
    with pytest.raises(ValidationError, match=r"write goal_template\.<code of the KPI>="):
        HubSpotConfig.model_validate({"token": "key", "goal_template": "70000000001"})
    stored = HubSpotConfig.model_validate({"token": "key", "goal_template": None})
    assert stored.goal_template == {}


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


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ([], ""),
        (
            ["crm.objects.contacts.write"],
            ", whose key lacks the scope to write tasks (crm.objects.contacts.write)",
        ),
        (
            ["crm.objects.contacts.write", "crm.objects.goals.write"],
            ", whose key lacks the scope to write tasks (crm.objects.contacts.write) and goals "
            "(crm.objects.goals.write)",
        ),
    ],
)
def test_the_check_says_what_a_key_may_not_write(missing: list[str], told: str) -> None:
    scopes = [each for each in ALL_SCOPES if each not in missing]
    with sandbox(records=4, scopes=scopes) as own:
        before = {stream: own.truth(stream) for stream in ("tasks", "deals")}
        named = own.connector(goal_template={"click_rate": "70000000001"}).check()
        assert named == f"HubSpot account 7000001 (developer test){told}"
        assert {stream: own.truth(stream) for stream in before} == before


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
        connector, tokens = app_of(own)
        own.at("2026-11-23T09:00:00+00:00")
        connector.check()
        assert len(tokens.saved) == 1
        own.at("2026-11-23T09:02:00+00:00")
        assert everything(connector, Stream.PEOPLE)
        assert len(tokens.saved) == 2
        tokens.token = Token("dead", "spent", NOW)
        own.at("2026-11-23T09:05:00+00:00")
        with pytest.raises(AuthFailed, match="refuses to renew"):
            connector.check()
        renewals = [each for each in own.seen.requests if "oauth" in each.url.path]
        assert renewals
        assert all(each.url.query == b"" for each in renewals)


def test_leads_that_are_left_out_are_not_asked_for_any_more() -> None:
    """Those that were read before stay as they are: the key may not say what became of them."""
    scopes = [each for each in ALL_SCOPES if each != "crm.objects.leads.read"]
    with sandbox(records=4, scopes=scopes) as own:
        connector = own.connector(leads=False)
        lead, deal = next(iter(own.truth("leads"))), next(iter(own.truth("deals")))
        moves = [f"leads:{lead}:1", f"history:leads:{lead}"]
        asked = {Stream.LEADS: [lead], Stream.STAGE_CHANGES: moves}
        for stream, ids in asked.items():
            assert connector.presence(stream, ids) == dict.fromkeys(ids, Presence.HIDDEN)
            assert connector.by_ids(stream, ids).records == []
            assert connector.requests == 0
        own.edit("deals", deal, {"delete": True})
        both = [moves[0], f"deals:{deal}:1"]
        assert list(connector.presence(Stream.STAGE_CHANGES, both).values()) == [
            Presence.HIDDEN,
            Presence.DELETED,
        ]


def test_an_app_without_consent_says_so(account: Sandbox) -> None:
    given = app_settings(account.options, account.base)
    config = {k: v for k, v in given.items() if k not in ("refresh_token", "code")}
    with pytest.raises(AuthFailed, match="no token"):
        account.app(None, **config).check()


def test_an_address_where_nothing_answers_is_told_and_nobody_waits_for_it(own: Sandbox) -> None:
    error = unavailable(own.connector(base_url="http://127.0.0.1:9"))
    assert "HubSpot at 127.0.0.1:9 does not answer: nothing listens" in error.message
    assert error.next_step.startswith("Check the address")


def test_a_tool_that_is_down_is_waited_for(own: Sandbox) -> None:
    own.faults({"do": "503"})
    assert unavailable(own.connector()).next_step.startswith("Wait")
