"""Credentials, scopes, tokens, and portals that refuse."""

from typing import Any

import httpx
import pytest

from tests.connectors.bitrix24.sandbox.client import Client
from tests.connectors.bitrix24.sandbox.conftest import Start


def grant(client: Client, **params: str) -> httpx.Response:
    app = client.app
    known = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    return client.http.get(app["token_url"], params=known | params)


def with_token(client: Client, method: str, token: str, **params: Any) -> httpx.Response:
    return client.http.post(f"{client.base}/rest/{method}", json={"auth": token, **params})


def test_a_wrong_code_or_user_is_no_credential(seeded: Client) -> None:
    for address in ("/rest/1/wrong/server.time", "/rest/2/", "/rest/server.time"):
        path = address + (
            seeded.webhook.rsplit("/", 2)[1] + "/server.time" if "2" in address else ""
        )
        answer = seeded.http.post(seeded.base + path, json={})
        assert (answer.status_code, answer.json()["error"]) == (401, "NO_AUTH_FOUND")


def test_methods_take_json_forms_queries_and_a_suffix(seeded: Client) -> None:
    address = seeded.webhook + "crm.category.list"
    answers = [
        seeded.http.post(address, json={"entityTypeId": 2}),
        seeded.http.post(address, data={"entityTypeId": "2"}),
        seeded.http.get(address, params={"entityTypeId": "2"}),
        seeded.http.post(address + ".json", json={"entityTypeId": 2}),
    ]
    assert len({str(answer.json()["result"]) for answer in answers}) == 1


def test_a_missing_scope_is_told_apart_from_a_missing_method(start: Start) -> None:
    client = start(scopes=("task",))
    assert client.error("crm.item.list", {"entityTypeId": 2}) == (403, "insufficient_scope")
    assert client.error("user.get") == (403, "insufficient_scope")
    assert client.error("no.such.method") == (404, "ERROR_METHOD_NOT_FOUND")
    assert client.v3("tasks.task.list", {}).status_code == 403
    assert client.result("scope") == ["task"]


def test_a_portal_without_rest_refuses_everybody(start: Start) -> None:
    client = start(rest_disabled=True)
    assert client.error("server.time") == (403, "ACCESS_DENIED")


def test_what_only_apps_may_call_refuses_a_webhook(seeded: Client) -> None:
    assert seeded.error("app.info") == (403, "ACCESS_DENIED")
    for method in ("event.bind", "event.get", "event.offline.get"):
        assert seeded.error(method, {}) == (403, "WRONG_AUTH_TYPE")


def test_simple_mode_has_no_leads(start: Start) -> None:
    client = start(simple_mode=True)
    assert client.result("crm.settings.mode.get") == 2
    assert client.truth("leads") == []


def test_a_code_becomes_tokens_and_each_refresh_replaces_both(start: Start) -> None:
    client = start()
    first = grant(client, grant_type="authorization_code", code=client.app["code"]).json()
    assert with_token(client, "app.info", first["access_token"]).status_code == 200
    second = grant(client, grant_type="refresh_token", refresh_token=first["refresh_token"])
    fresh = second.json()
    assert fresh["access_token"] != first["access_token"]
    assert {"expires", "user_id", "member_id", "client_endpoint"} <= fresh.keys()
    again = grant(client, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_token_dies_after_an_hour_of_the_portals_clock(start: Start) -> None:
    client = start()
    client.put("clock", {"now": "2026-11-23T08:00:00Z", "running": False})
    token = grant(client, grant_type="authorization_code", code=client.app["code"]).json()
    client.put("clock", {"now": "2026-11-23T08:59:59Z", "running": False})
    assert with_token(client, "server.time", token["access_token"]).status_code == 200
    client.put("clock", {"now": "2026-11-23T09:00:00Z", "running": False})
    dead = with_token(client, "server.time", token["access_token"])
    assert (dead.status_code, dead.json()["error"]) == (401, "expired_token")


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"grant_type": "authorization_code", "code": "wrong"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "dead"}, "invalid_grant"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"grant_type": "refresh_token", "client_secret": "wrong"}, "invalid_client"),
    ],
)
def test_the_authorization_server_names_its_refusals(
    seeded: Client, params: dict[str, str], error: str
) -> None:
    assert grant(seeded, **params).json()["error"] == error


def test_no_secret_is_in_the_log(start: Start) -> None:
    client = start()
    client.post("server.time")
    client.v3("tasks.task.list", {})
    grant(client, grant_type="authorization_code", code=client.app["code"])
    text = str(client.log())
    assert "/rest/1/***/server.time" in text
    assert client.webhook.rsplit("/", 2)[1] not in text
    assert client.app["client_secret"] not in text


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("crm.type.add", {"fields": {"title": "Targets"}}),
        ("userfieldconfig.add", {"moduleId": "crm", "field": {"entityId": "CRM_DEAL"}}),
        ("task.item.userfield.add", {"PARAMS": {"FIELD_NAME": "UF_X"}}),
    ],
)
def test_only_an_administrator_changes_the_portal_itself(
    start: Start, method: str, params: dict[str, Any]
) -> None:
    answer = start(records=10, user_id=7).post(method, params).json()
    assert answer["error"] == "ACCESS_DENIED"
    answer = start(records=10, user_id=7, admins=(1, 7)).post(method, params).json()
    assert answer.get("error") != "ACCESS_DENIED"
