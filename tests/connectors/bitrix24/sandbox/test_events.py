"""Outgoing events: the webhook made in the portal, and the queue of an app."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.connectors.bitrix24.sandbox.client import Client
from tests.connectors.bitrix24.sandbox.conftest import Start
from tests.connectors.bitrix24.sandbox.waiting import Inbox, inbox


@pytest.fixture
def hooks() -> Iterator[Inbox]:
    with inbox() as opened:
        yield opened


def new_task(client: Client) -> str:
    fields = {"TITLE": "x", "RESPONSIBLE_ID": 7}
    return str(client.result("tasks.task.add", {"fields": fields})["task"]["id"])


@pytest.mark.parametrize(
    "change",
    [{}, {"by": 7}, {"sett": {"title": "x"}}, {"set": {"nosuch": 1}}, {"title": "x"}],
)
def test_a_change_that_says_nothing_known_is_refused(start: Start, change: dict[str, Any]) -> None:
    client = start(records=10)
    path = f"{client.base}/_sandbox/records/deals/{first_deal(client)}"
    assert client.http.post(path, json=change).status_code == 400


def first_deal(client: Client) -> int:
    rows = client.result("crm.item.list", {"entityTypeId": 2, "start": -1})["items"]
    return int(rows[0]["id"])


def app_call(client: Client, method: str, **params: Any) -> Any:
    """A call as an app that somebody has just agreed to: a code is good for one token."""
    app = client.app
    page = f"{client.base}/oauth/authorize/?client_id={app['client_id']}"
    sent = client.http.post(page, data={"decision": "allow"}).headers["location"]
    grant = {name: app[name] for name in ("client_id", "client_secret")}
    grant |= {"grant_type": "authorization_code", "code": httpx.URL(sent).params["code"]}
    token = client.http.get(app["token_url"], params=grant).json()["access_token"]
    address = f"{client.base}/rest/{method}"
    return client.http.post(address, json={"auth": token, **params}).json()["result"]


def test_an_event_is_a_form_with_the_shared_token_and_an_id_only(
    start: Start, hooks: Inbox
) -> None:
    client = start()
    made = client.put("outgoing-webhook", {"url": hooks.url, "events": []})
    task = new_task(client)
    form = hooks.next()
    assert form["event"] == "ONTASKADD"
    assert form["data[FIELDS_AFTER][ID]"] == task
    assert form["data[FIELDS_BEFORE]"] == "undefined"
    assert form["auth[application_token]"] == made["application_token"]
    assert form["auth[member_id]"] == client.options.member_id
    assert int(form["ts"]) > 0
    assert not [key for key in form if "TITLE" in key]


@pytest.mark.quirk(27)
def test_an_event_is_posted_once_even_when_it_is_refused(start: Start, hooks: Inbox) -> None:
    client = start()
    client.put("outgoing-webhook", {"url": hooks.url, "events": ["ONTASKUPDATE"]})
    task = new_task(client)
    client.result("tasks.task.start", {"taskId": task})
    client.edit("tasks", task, {"set": {"STATUS": 5}})
    forms = [hooks.next(), hooks.next()]
    assert [form["event"] for form in forms] == ["ONTASKUPDATE"] * 2
    assert hooks.is_empty()


def test_copies_deliver_an_event_twice(start: Start, hooks: Inbox) -> None:
    client = start()
    client.put("outgoing-webhook", {"url": hooks.url, "events": [], "copies": 2})
    new_task(client)
    assert hooks.next() == hooks.next()


def test_edits_and_deletes_of_items_are_told(start: Start, hooks: Inbox) -> None:
    client = start()
    deal = first_deal(client)
    client.put("outgoing-webhook", {"url": hooks.url, "events": []})
    client.edit("deals", deal, {"set": {"title": "New"}})
    client.edit("deals", deal, {"set": {"title": "New"}})
    client.edit("deals", deal, {"delete": True})
    forms = [hooks.next(), hooks.next()]
    assert [form["event"] for form in forms] == ["ONCRMDEALUPDATE", "ONCRMDEALDELETE"]
    assert {form["data[FIELDS][ID]"] for form in forms} == {str(deal)}


@pytest.mark.quirk(25)
def test_a_change_of_pipeline_fires_no_update(start: Start, hooks: Inbox) -> None:
    client = start()
    client.put("outgoing-webhook", {"url": hooks.url, "events": []})
    fields = {"title": "x", "categoryId": 0}
    deal = client.result("crm.item.add", {"entityTypeId": 2, "fields": fields})["item"]["id"]
    client.edit("deals", deal, {"set": {"categoryId": 9}})
    client.edit("deals", deal, {"delete": True})
    assert [hooks.next()["event"] for _ in range(2)] == ["ONCRMDEALADD", "ONCRMDEALDELETE"]


def test_a_webhook_can_be_switched_off_and_stays_on_loopback(start: Start, hooks: Inbox) -> None:
    client = start()
    away = client.http.put(
        f"{client.base}/_sandbox/outgoing-webhook", json={"url": "http://hooks.example/x"}
    )
    assert away.status_code == 400
    client.put("outgoing-webhook", {"url": hooks.url, "events": []})
    new_task(client)
    hooks.next()
    client.put("outgoing-webhook", {"url": None})
    new_task(client)
    client.put("outgoing-webhook", {"url": hooks.url, "events": ["ONTASKDELETE"]})
    client.result("tasks.task.delete", {"taskId": 3711})
    assert hooks.next()["event"] == "ONTASKDELETE"


def test_an_app_binds_online_events(start: Start, hooks: Inbox) -> None:
    client = start()
    app_call(client, "event.bind", event="onCrmDealUpdate", handler=hooks.url)
    assert app_call(client, "event.get")[0]["event"] == "ONCRMDEALUPDATE"
    client.edit("deals", first_deal(client), {"set": {"title": "New"}})
    assert hooks.next()["event"] == "ONCRMDEALUPDATE"
    app_call(client, "event.unbind", event="ONCRMDEALUPDATE", handler=hooks.url)
    assert app_call(client, "event.get") == []


def test_the_offline_queue_reserves_and_forgets_only_what_is_cleared(start: Start) -> None:
    client = start()
    mine = {"auth_connector": "retro-roi"}
    for event in ("ONCRMDEALUPDATE", "ONTASKADD"):
        app_call(client, "event.bind", event=event, event_type="offline", **mine)
    deal = first_deal(client)
    for title in ("a", "b"):
        client.edit("deals", deal, {"set": {"title": title}})
    new_task(client)
    taken = app_call(client, "event.offline.get", clear=0, **mine)
    # Two edits of one deal leave one marker.
    names = [event["EVENT_NAME"] for event in taken["events"]]
    assert names == ["ONCRMDEALUPDATE", "ONTASKADD"]
    assert taken["events"][0]["EVENT_DATA"] == {"FIELDS": {"ID": deal}}
    nothing = app_call(client, "event.offline.get", clear=0, **mine)
    assert nothing == {"process_id": None, "events": []}
    process = {"process_id": taken["process_id"]}
    first = [taken["events"][0]["MESSAGE_ID"]]
    assert app_call(client, "event.offline.clear", message_id=first, **process)
    rest = app_call(client, "event.offline.get", **process)
    assert [event["EVENT_NAME"] for event in rest["events"]] == ["ONTASKADD"]
    assert app_call(client, "event.offline.error", **process)
    bad = app_call(client, "event.offline.list", filter={"=ERROR": 1}, **mine)
    assert [row["PROCESS_ID"] for row in bad] == [taken["process_id"]]
