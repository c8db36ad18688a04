"""Consent in a browser: the address, the code it brings, and the first pair of each tool."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from connectors.capabilities import TakesConsent
from connectors.consent import ONCE_MORE, Asked, AuthServer, code_in
from connectors.errors import AuthFailed
from connectors.registry import tool, tools
from tests.connectors.consents import REDIRECT, TOOLS, Account, Tool, account, visit
from tests.connectors.hands import Hands
from tests.connectors.hubspot.described import described as of_hubspot
from tests.connectors.openapi import Recording, needed
from tests.connectors.pipedrive.described import described as of_pipedrive
from tests.connectors.salesforce.described import described as of_salesforce

START, LATER = "2026-11-24T08:00:00+00:00", "2026-11-24T09:00:00+00:00"
DOCUMENTS = {"hubspot": of_hubspot, "pipedrive": of_pipedrive, "salesforce": of_salesforce}


@dataclass(frozen=True)
class App:
    """An app of an account, and what its connector sends."""

    account: Account
    seen: Recording

    @property
    def kind(self) -> str:
        return self.account.tool.kind

    def server(self, **config: str) -> AuthServer:
        found = connector(self, **config).auth_server()
        assert found is not None
        return found


def connector(app: App, **config: str) -> Any:
    chosen = tool(app.kind)
    given = {**app.account.given, **config}
    return chosen(chosen.Config.model_validate(given), Hands().wire(app.seen))


def only(**features: bool) -> pytest.MarkDecorator:
    """Tools of this kind; others have nothing that could be tried."""
    fit = [each for each in TOOLS if all(getattr(each, f) == v for f, v in features.items())]
    assert fit
    return pytest.mark.parametrize("app", fit, indirect=True, ids=lambda each: each.kind)


@pytest.fixture(params=TOOLS, ids=lambda each: each.kind)
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    found: Tool = request.param
    with account(found) as running:
        running.clock(START)
        recording = Recording(httpx.HTTPTransport())
        yield App(running, recording)
        recording.close()


def test_a_consent_brings_a_pair_that_can_be_renewed(app: App) -> None:
    server, asked = app.server(), Asked(REDIRECT)
    pair = server.redeem(code_in(visit(server.address(asked)), asked), asked)
    assert pair.access_token
    fresh = server.renew(pair)
    assert fresh.access_token != pair.access_token
    assert fresh.refresh_token != pair.refresh_token


@only(is_told=True)
def test_what_is_asked_for_is_as_the_documents_have_it(app: App) -> None:
    documents = needed(DOCUMENTS[app.kind]())
    server, asked = app.server(), Asked(REDIRECT)
    address = server.address(asked)
    server.renew(server.redeem(code_in(visit(address), asked), asked))
    assert [fault for each in app.seen.requests for fault in documents.faults(each)] == []
    assert {each.url.path for each in app.seen.requests} == {app.account.tool.tokens}
    # No document but one describes the page.
    page = httpx.Request("GET", address)
    assert documents.faults(page) == [] or app.kind != "pipedrive"


def test_the_address_holds_the_question_and_no_secret(app: App) -> None:
    asked = Asked(REDIRECT)
    address = app.server().address(asked)
    query = parse_qs(urlsplit(address).query)
    assert query["state"] == [asked.state]
    assert query.get("redirect_uri") == ([REDIRECT] if app.account.tool.is_told else None)
    assert app.account.given["client_secret"] not in address
    assert asked.verifier not in address
    # Where the tool knows a challenge.
    assert query.get("code_challenge_method", ["S256"]) == ["S256"]
    assert ("code_challenge" in query) == app.account.tool.challenges


def test_a_code_is_good_once(app: App) -> None:
    server, asked = app.server(), Asked(REDIRECT)
    code = code_in(visit(server.address(asked)), asked)
    server.redeem(code, asked)
    with pytest.raises(AuthFailed, match="takes no token out for this consent"):
        server.redeem(code, asked)


def test_a_code_that_is_too_old_is_refused(app: App) -> None:
    server, asked = app.server(), Asked(REDIRECT)
    code = code_in(visit(server.address(asked)), asked)
    app.account.clock(LATER)
    with pytest.raises(AuthFailed, match=r"expired|Invalid grant"):
        server.redeem(code, asked)


@only(is_told=True)
def test_a_code_is_good_for_the_address_it_was_sent_to(app: App) -> None:
    server, asked = app.server(), Asked(REDIRECT)
    code = code_in(visit(server.address(asked)), asked)
    elsewhere = Asked("http://localhost:9/elsewhere", verifier=asked.verifier)
    with pytest.raises(AuthFailed, match="redirect_uri"):
        server.redeem(code, elsewhere)
    assert server.redeem(code, asked)


@only(challenges=True)
def test_a_code_is_good_for_whoever_asked(app: App) -> None:
    server, asked = app.server(), Asked(REDIRECT)
    code = code_in(visit(server.address(asked)), asked)
    with pytest.raises(AuthFailed, match="verifier"):
        server.redeem(code, Asked(REDIRECT))


def test_a_wrong_client_secret_is_told_and_not_shown(app: App) -> None:
    server, asked = app.server(client_secret="wrong-secret"), Asked(REDIRECT)
    code = code_in(visit(server.address(asked)), asked)
    with pytest.raises(AuthFailed, match="client") as refused:
        server.redeem(code, asked)
    assert "wrong-secret" not in f"{refused.value.message}{refused.value.next_step}"
    assert "client id, secret and redirect address" in refused.value.next_step


@only(is_told=True)
@pytest.mark.parametrize("wrong", ["client_id", "redirect_uri"])
def test_the_page_is_not_shown_to_an_app_it_does_not_know(app: App, wrong: str) -> None:
    parts = urlsplit(app.server().address(Asked(REDIRECT)))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    address = parts._replace(query=urlencode({**query, wrong: "http://localhost:9/other"}))
    answer = httpx.get(address.geturl(), trust_env=False)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@only(is_told=True)
def test_refusals_have_the_form_of_the_documents(app: App) -> None:
    form = {"grant_type": "authorization_code", "code": "none"}
    given = app.account.given
    pair = {name: given[name] for name in ("client_id", "client_secret")}
    basic = (pair["client_id"], pair["client_secret"]) if app.kind == "pipedrive" else None
    body = form if basic else {**form, **pair}
    with httpx.Client(trust_env=False, auth=basic) as client:
        answer = client.post(f"{app.account.base}{app.account.tool.tokens}", data=body)
    told = answer.json()
    assert answer.status_code == 400
    names = {"hubspot": "category", "pipedrive": "success", "salesforce": "error_description"}
    assert {names[app.kind], "error"} <= told.keys()


@only(is_told=True)
def test_a_denied_consent_is_told_in_words(app: App) -> None:
    asked = Asked(REDIRECT)
    brought = visit(app.server().address(asked), "deny")
    with pytest.raises(AuthFailed, match="The consent was denied in the browser") as refused:
        code_in(brought, asked)
    assert "agree" in refused.value.next_step


def test_an_answer_to_another_question_is_refused() -> None:
    asked, other = Asked(REDIRECT), Asked(REDIRECT)
    for query in ("code=c", "error=access_denied"):
        with pytest.raises(AuthFailed, match="another question"):
            code_in(f"{REDIRECT}?{query}&state={other.state}", asked)


@pytest.mark.parametrize("query", ["code=c", "state={}", "error=server_error&state={}"])
def test_an_address_without_a_consent_is_refused(query: str) -> None:
    asked = Asked(REDIRECT)
    with pytest.raises(AuthFailed, match=r"holds no consent|gives no consent \(server_error\)"):
        code_in(f"{REDIRECT}?{query.format(asked.state)}", asked)


def test_what_is_no_address_is_refused_in_words() -> None:
    with pytest.raises(AuthFailed, match="holds no consent") as refused:
        code_in("http://[bad?code=c", Asked(REDIRECT))
    assert refused.value.next_step == ONCE_MORE


def test_the_words_of_a_refusal_are_told_in_one_line_without_escapes() -> None:
    asked = Asked(REDIRECT)
    told = "error=x%1b%5b2J&error_description=one%0d%0a%1b%5d0;two%e2%80%ae"
    with pytest.raises(AuthFailed) as refused:
        code_in(f"{REDIRECT}?{told}&state={asked.state}", asked)
    assert refused.value.message == "The tool gives no consent (x [2J: one ]0;two)."


def test_the_code_itself_may_be_brought() -> None:
    code = "aPrx.R4T+ysz/a=="
    for brought in (code, f" {code}\n", quote(code, safe="")):
        assert code_in(brought, Asked(REDIRECT)) == code


def test_two_questions_have_nothing_in_common() -> None:
    one, other = Asked(REDIRECT), Asked(REDIRECT)
    assert one.state != other.state
    assert one.challenge != other.challenge
    assert one.verifier not in repr(one)
    # RFC 7636, appendix B.
    known = Asked(REDIRECT, verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert known.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_settings_that_sign_in_another_way_need_no_consent() -> None:
    keys = {
        "bitrix24": {"webhook": SecretStr("https://portal.example/rest/1/0123456789abcdef/")},
        "hubspot": {"token": SecretStr("key")},
        "pipedrive": {"api_token": SecretStr("key"), "company": "https://acme.pipedrive.com"},
        "salesforce": {
            **{"base_url": "https://acme.my.salesforce.com", "client_id": "id"},
            "client_secret": SecretStr("secret"),
        },
    }
    assert {kind for kind, each in tools().items() if issubclass(each, TakesConsent)} == keys.keys()
    for kind, given in keys.items():
        chosen: Any = tool(kind)
        made = chosen(chosen.Config.model_validate(given), Hands().wire())
        assert made.auth_server() is None
