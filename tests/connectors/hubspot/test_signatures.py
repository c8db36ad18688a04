"""Signed events: which are believed, and what they hint at."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.errors import (
    AuthFailed,
)
from connectors.hubspot import hooks

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
URL = "https://retro.example/hooks/portal"
SECRET = SecretStr("an-app-secret")


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


@pytest.mark.parametrize(
    "odd",
    [
        event(objectId="a-guid"),
        event(occurredAt=None),
        event(eventId="x"),
        event(subscriptionType=7),
        event(mergedObjectIds="9"),
        {},
        # An app is sent the events of all accounts that installed it.
        event(portalId=12),
    ],
)
def test_an_odd_event_does_not_cost_the_others_of_its_call(odd: dict[str, object]) -> None:
    assert verified(event(objectId=1), odd, event(objectId=3)) == [
        ("deals", ["1"]),
        ("deals", ["3"]),
    ]


def test_an_odd_event_alone_is_left_to_the_next_pull() -> None:
    assert verified(event(objectId="a-guid")) == []


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"eventId": 1}', b"\xff"])
def test_a_signed_call_that_is_no_list_of_events_is_refused(body: bytes) -> None:
    moment = str(int(NOW.timestamp() * 1000))
    signed = hooks.signature(SECRET, "POST", URL, body, moment)
    headers = {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": moment}
    with pytest.raises(AuthFailed, match="cannot be read"):
        hooks.verify(headers, body, secret=SECRET, url=URL, portal_id=None, now=NOW)
