"""Whether a connection works: tokens, apps, companies, rights."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.auth import Token
from connectors.errors import AuthFailed, NotPermitted, Unavailable
from connectors.models import Stream
from connectors.pipedrive.connector import Pipedrive
from connectors.pipedrive.portal.options import ALL_SCOPES
from connectors.pipedrive.sandbox import app_settings
from connectors.port import Window
from tests.connectors.hands import Tokens
from tests.connectors.pipedrive.kit import Sandbox, sandbox
from tests.connectors.running import everything


def app_of(running: Sandbox, **config: Any) -> tuple[Pipedrive, Tokens]:
    given = {**app_settings(running.options, running.base), "plan": "unlimited", **config}
    del given["code"]
    tokens = Tokens(Token("expired", given.pop("refresh_token"), datetime.now(UTC)))
    return running.app(tokens, **given), tokens


def test_a_check_tells_the_company_and_the_user(own: Sandbox) -> None:
    assert own.connector().check() == "Sandbox Ltd (Account A)"


def test_who_sees_less_than_an_administrator_is_told() -> None:
    with sandbox(records=4, admin=False) as company:
        assert company.connector().check() == "Sandbox Ltd (Account A), who is no administrator"


def test_a_wrong_token_is_refused_and_not_tried_again(own: Sandbox) -> None:
    with pytest.raises(AuthFailed):
        own.connector(api_token="f" * 40).check()
    assert len(own.log()) == 1


def test_another_company_is_refused(own: Sandbox) -> None:
    with pytest.raises(NotPermitted, match="company 900, not 901"):
        own.connector(company_id=901).check()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"task_type": "taks"}, "no active activity type 'taks'"),
        ({"task_type": "deadline"}, "no active activity type"),
        ({"fields": {"group": "f" * 40}}, "Deals have no field"),
    ],
)
def test_settings_that_do_not_fit_the_company_are_told(
    own: Sandbox, config: dict[str, Any], told: str
) -> None:
    with pytest.raises(NotPermitted, match=told) as error:
        own.connector(**config).check()
    assert "did you mean" not in error.value.message
    if config.get("task_type") == "taks":
        assert error.value.next_step.startswith("Did you mean task?")


def test_an_address_where_nothing_answers_is_told(own: Sandbox) -> None:
    with pytest.raises(Unavailable, match="does not answer: nothing listens"):
        own.connector(company="http://127.0.0.1:9").check()


def test_an_app_renews_its_token_once_and_keeps_the_pair(own: Sandbox) -> None:
    app, tokens = app_of(own)
    assert app.check() == "Sandbox Ltd (Account A)"
    assert len(tokens.saved) == 1
    assert everything(app, Stream.DEALS)
    assert len(tokens.saved) == 1
    # It calls where the answer with the token tells it to.
    assert app.moved() == {}


def test_an_app_is_told_its_address(own: Sandbox) -> None:
    there = own.base.replace("127.0.0.1", "localhost")
    app, _ = app_of(own, company=there)
    app.check()
    assert app.moved() == {"api_domain": own.base}


def test_a_token_that_expires_amid_a_read_is_renewed() -> None:
    with sandbox(page=5, access_seconds=90, start_at=datetime(2026, 11, 24, tzinfo=UTC)) as company:
        app, tokens = app_of(company)
        pages = app.deals(*_whole(app))
        next(pages)
        company.at("2026-11-24T01:00:00Z")
        found = [one.id for page in pages for one in page.records]
        assert len(found) > 20
        assert len(tokens.saved) == 2


def _whole(app: Pipedrive) -> Any:
    return Window(), app.partitions(Stream.DEALS, Window())[0]


def test_a_dead_refresh_token_asks_for_consent(own: Sandbox) -> None:
    app, tokens = app_of(own)
    tokens.token = Token("expired", "dead", datetime.now(UTC))
    with pytest.raises(AuthFailed, match="refuses to renew") as error:
        app.check()
    assert "consent" in error.value.next_step


def test_a_missing_right_is_named() -> None:
    scopes = ("base", "deals:read", "contacts:read", "activities:full", "users:read")
    with sandbox(scopes=scopes) as company:
        app, _ = app_of(company)
        with pytest.raises(NotPermitted, match="leads:read"):
            app.check()


def test_the_right_to_changelogs_is_asked_for_where_they_are_read() -> None:
    scopes = [each for each in ALL_SCOPES if each != "recents:read"]
    with sandbox(records=4, scopes=scopes) as company:
        assert app_of(company)[0].check()
    with sandbox(records=0) as company:
        assert company.connector(stage_history="all").check()
    with sandbox(records=4, scopes=scopes) as company:
        app, _ = app_of(company, stage_history="all")
        with pytest.raises(NotPermitted, match="recents:read"):
            app.check()


def test_the_right_to_goals_is_asked_for_where_a_kpi_is_one() -> None:
    scopes = [each for each in ALL_SCOPES if not each.startswith("goals")]
    with sandbox(records=0, scopes=scopes) as company:
        assert app_of(company)[0].check()
    with sandbox(records=0, scopes=scopes) as company:
        app, _ = app_of(company, goals={"deals_won": "deals_won"})
        with pytest.raises(NotPermitted, match="goals:full"):
            app.check()


def test_a_connection_with_the_goals_that_were_the_default_asks_for_none() -> None:
    kinds = ("deals_won", "deals_started", "activities_completed", "activities_added")
    scopes = [each for each in ALL_SCOPES if not each.startswith("goals")]
    with sandbox(records=0, scopes=scopes) as company:
        app, _ = app_of(company, goals={kind: kind for kind in kinds})
        assert app.check()


def test_a_type_of_goal_that_there_is_not_is_told_with_those_there_are(own: Sandbox) -> None:
    goals = {"won": "deals_won", "wins": "deal_won", "moved": "deals_progressed"}
    with pytest.raises(NotPermitted, match="'deal_won', 'deals_progressed'") as refused:
        own.connector(goals=goals).check()
    assert "deals_won, deals_started, activities_added" in refused.value.next_step


def test_an_app_without_a_token_asks_for_consent(own: Sandbox) -> None:
    given = app_settings(own.options, own.base)
    del given["refresh_token"], given["code"]
    with pytest.raises(AuthFailed, match="no token"):
        own.app(None, **given).check()
