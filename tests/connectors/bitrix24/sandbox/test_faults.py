"""Requests that go wrong on purpose, and what is left of them in the portal."""

from typing import Any

import httpx
import pytest

from tests.connectors.bitrix24.sandbox.client import Client
from tests.connectors.bitrix24.sandbox.conftest import Start

NEW = {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 7}}


def once(client: Client, do: str, **more: Any) -> None:
    plan = [{"on": {"method": "tasks.task.add", "nth": 1}, "do": do, **more}]
    client.put("faults", plan)


def count(client: Client) -> int:
    return len(client.truth("tasks"))


@pytest.mark.parametrize(
    ("do", "applied"), [("timeout_before", 0), ("timeout_after", 1), ("crash_after", 1)]
)
def test_a_dropped_connection_tells_nothing_about_the_effect(
    start: Start, do: str, applied: int
) -> None:
    client = start()
    once(client, do, seconds=0)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("tasks.task.add", NEW)
    assert count(client) == applied
    assert client.log()[-1]["status"] == 0
    assert client.log()[-1]["fault"] == do
    assert client.post("tasks.task.add", NEW).status_code == 200


def test_an_answer_can_break_off_half_way(start: Start) -> None:
    client = start()
    once(client, "cut")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("tasks.task.add", NEW)
    assert count(client) == 1


@pytest.mark.parametrize(
    ("do", "status", "text"),
    [
        ("503", 503, "QUERY_LIMIT_EXCEEDED"),
        ("429", 429, "OPERATION_TIME_LIMIT"),
        ("500", 500, "INTERNAL_SERVER_ERROR"),
        ("expired_token", 401, "expired_token"),
        ("html", 502, "<html>"),
        ("wrong_json", 200, "unexpected"),
    ],
)
def test_a_refusal_is_not_applied(start: Start, do: str, status: int, text: str) -> None:
    client = start()
    once(client, do)
    answer = client.post("tasks.task.add", NEW)
    assert (answer.status_code, text in answer.text) == (status, True)
    assert count(client) == 0


@pytest.mark.parametrize("do", ["500", "html", "wrong_json"])
def test_an_error_can_come_after_the_effect(start: Start, do: str) -> None:
    client = start()
    once(client, do, applied=True)
    client.post("tasks.task.add", NEW)
    assert count(client) == 1


@pytest.mark.quirk(12)
def test_a_renamed_portal_redirects_with_the_whole_path(start: Start) -> None:
    client = start()
    client.put("faults", [{"do": "rename", "host": "http://127.0.0.1:9"}])
    answer = client.post("server.time")
    assert answer.status_code == 302
    path = client.webhook.removeprefix(client.base)
    assert answer.headers["location"] == f"http://127.0.0.1:9{path}server.time"
    assert answer.headers["content-type"] == "text/html"


def test_after_a_crash_the_portal_is_down_for_a_while(start: Start) -> None:
    client = start()
    once(client, "crash_after", seconds=3600)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("tasks.task.add", NEW)
    assert client.post("server.time").status_code == 502


def test_a_slow_answer_is_a_right_one(start: Start) -> None:
    client = start()
    once(client, "slow", seconds=0.05)
    assert client.post("tasks.task.add", NEW).elapsed.total_seconds() >= 0.05
    assert count(client) == 1


def test_a_command_inside_a_batch_can_fail_alone(start: Start) -> None:
    client = start()
    client.put(
        "faults",
        [{"on": {"method": "server.time", "nth": 2}, "nested": True, "do": "error", "code": ""}],
    )
    answer = client.batch({"a": "server.time", "b": "server.time", "c": "server.time"})
    assert list(answer["result_error"]) == ["b"]
    assert answer["result_error"]["b"]["error"] == ""


def test_a_misspelt_plan_is_refused_and_the_old_one_stays(start: Start) -> None:
    client = start()
    once(client, "500")
    wrong = client.http.put(f"{client.base}/_sandbox/faults", json=[{"do": "explode"}])
    assert wrong.status_code == 400
    assert "unknown fault" in wrong.json()["error"]
    assert client.post("tasks.task.add", NEW).status_code == 500


def test_a_plan_can_be_there_from_the_start(start: Start) -> None:
    client = start(faults=[{"on": {"method": "server.time", "every": 2}, "do": "500"}])
    assert [client.post("server.time").status_code for _ in range(4)] == [200, 500, 200, 500]


@pytest.mark.parametrize(
    ("verb", "route", "body", "status"),
    [
        ("GET", "records/nothing", {}, 404),
        ("POST", "records/deals/1", {"set": {"title": "Affaire"}}, 404),
        ("GET", "nowhere", {}, 404),
        ("PUT", "clock", {"now": "2026-11-23T08:00:00"}, 400),
    ],
)
def test_control_routes_name_what_they_cannot_do(
    start: Start, verb: str, route: str, body: dict[str, Any], status: int
) -> None:
    client = start()
    answer = client.http.request(verb, f"{client.base}/_sandbox/{route}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]
