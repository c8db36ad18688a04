"""What the conformance kit is told of HubSpot."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from connectors.auth import Token
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.sandbox import SandboxOptions, app_settings, create_app, settings
from connectors.hubspot.wire import HISTORY_PAGE, LIST_PAGE, SEARCH_PAGE
from connectors.models import Stream
from tests.connectors.conformance.case import (
    Account,
    Case,
    Consent,
    Custom,
    History,
    Hooks,
    Json,
    Limit,
    Links,
    Post,
    Reading,
    Shape,
    Tasks,
)
from tests.connectors.conformance.sandboxed import Sandboxed, make_fields
from tests.connectors.hubspot.described import faults
from tests.faults.in_process import NOWHERE

HOOK = {"client_secret": "the-secret-of-the-app", "hook_url": "https://retro.example/hooks/hub"}
OBJECTS = {Stream.DEALS: "0-3", Stream.TASKS: "0-27"}
CONTACT, LEAD = "10000000002", "60000000001"
FIELD = "retro_size"
# A search of the real one ends at 10,000 rows; the connector is told of no number.
SEARCH_CAP = 300
KEYS = frozenset({"properties", "createdAt", "updatedAt"})


def opened() -> Account:
    options = SandboxOptions(records=0, limit="off", search_cap=SEARCH_CAP)
    published = SandboxOptions(records=0)
    account = Sandboxed(
        create_app(options),
        settings(options, NOWHERE) | HOOK,
        settings(published, NOWHERE) | HOOK,
    )
    make_fields(account, Stream.DEALS, [FIELD])
    contact = account.edit(Stream.CONTACTS, "new", {"set": {"email": "a@example.com"}})
    assert (contact, account.edit(Stream.LEADS, "new", {"set": new_lead("Lead")})) == (
        CONTACT,
        LEAD,
    )
    return account


def new(title: str) -> Json:
    return {
        "dealname": title,
        "pipeline": "default",
        "dealstage": "closedwon" if title.endswith("2") else "contractsent",
        "amount": "100.00",
        "deal_currency_code": "USD",
        "hs_analytics_source": "DIRECT_TRAFFIC",
        "hubspot_owner_id": "5001",
        "closedate": "2026-11-02T00:00:00Z",
        FIELD: "3",
    }


def new_lead(title: str) -> Json:
    return {
        "hs_lead_name": title,
        "hs_pipeline": "lead-pipeline-id",
        "hs_pipeline_stage": "qualified-stage-id" if title.endswith("2") else "new-stage-id",
        "hs_analytics_source": "DIRECT_TRAFFIC",
        "hubspot_owner_id": "5001",
    }


def mapped(names: Sequence[str]) -> Mapping[str, Any]:
    return {"fields": {name: name for name in names}}


def several(account: Account, count: int) -> Mapping[str, str]:
    names = [f"{FIELD}_of_a_campaign_{number}" for number in range(count)]
    make_fields(account, Stream.DEALS, names)
    return {name: name for name in names}


def merge(account: Account, winner: str, loser: str) -> None:
    account.edit(Stream.DEALS, winner, {"merge": loser})


def post(given: Mapping[str, Any], stream: Stream, record_id: str, at: datetime) -> Post:
    event = {
        "eventId": 100,
        "subscriptionId": 1,
        "portalId": int(given["portal_id"]),
        "occurredAt": int(at.timestamp() * 1000),
        "subscriptionType": "object.propertyChange",
        "objectId": int(record_id),
        "objectTypeId": OBJECTS[stream],
    }
    body = msgspec.json.encode([event])
    # The connector judges the age of a call by the clock of this machine.
    now = str(int(time.time() * 1000))
    # By the documentation, and not by the code that is tried.
    source = f"POST{given['hook_url']}".encode() + body + now.encode()
    signed = hmac.new(given["client_secret"].encode(), source, hashlib.sha256).digest()
    return {
        "X-HubSpot-Request-Timestamp": now,
        "X-HubSpot-Signature-v3": base64.b64encode(signed).decode(),
    }, body


def opened_as_app(seconds: int) -> tuple[Account, Token]:
    options = SandboxOptions(records=0, limit="off", access_seconds=seconds, rotating=True)
    given = app_settings(options, NOWHERE)
    words = {name: given[name] for name in ("client_id", "client_secret")}
    account = Sandboxed(
        create_app(options), {**words, "portal_id": given["portal_id"], "base_url": NOWHERE}
    )
    form = {
        "grant_type": "authorization_code",
        "code": given["code"],
        "redirect_uri": options.redirects[0],
        **words,
    }
    with httpx.Client(base_url=NOWHERE, transport=account.transport) as client:
        pair = client.post("/oauth/2026-03/token", data=form).raise_for_status().json()
    epoch = datetime.fromtimestamp(0, UTC)
    return account, Token(pair["access_token"], pair["refresh_token"], epoch)


def is_search(entry: Json) -> bool:
    return str(entry["path"]).endswith("/search")


SHAPE = Shape(
    keys=KEYS, inside="properties", title="dealname", moment="updatedAt", needed="dealstage"
)
LINKS = Links(rows=["results"], next=["paging", "next", "after"])
BESIDE: Json = {"link": {"contacts": [CONTACT], "leads": [LEAD]}}
SALES = Reading(
    stream=Stream.LEADS,
    page=LIST_PAGE,
    cap=SEARCH_CAP,
    delta_page=SEARCH_PAGE,
    new=new_lead,
    beside={"link": {"contacts": [CONTACT]}},
    shape=Shape(
        keys=KEYS,
        inside="properties",
        title="hs_lead_name",
        moment="updatedAt",
        needed="hs_pipeline_stage",
    ),
    links=LINKS,
    away_and_back=({"delete": True}, {"restore": True}),
    # As long as that of deals.
    left_out=frozenset({"one-timestamp"}),
)
# Of each record its history, in pages and batches of fifty.
MOVES = Reading(
    stream=Stream.STAGE_CHANGES,
    made_as=Stream.DEALS,
    page=HISTORY_PAGE,
    cap=2 * HISTORY_PAGE,
    delta_page=SEARCH_PAGE,
    new=new,
    beside=BESIDE,
    shape=SHAPE,
    links=LINKS,
    away_and_back=({"delete": True}, {"restore": True}),
    left_out=frozenset({"set-aside"}),
)

CASE = Case(
    tool=HubSpot,
    opened=opened,
    page=100,
    cap=SEARCH_CAP,
    # What changed is read by searches.
    delta_page=SEARCH_PAGE,
    new=new,
    beside=BESIDE,
    shape=SHAPE,
    links=LINKS,
    history=History(SHAPE),
    also=(SALES, MOVES),
    custom=Custom(FIELD, FIELD, mapped, several),
    error_body={"status": "error", "message": "internal error", "category": "INTERNAL_ERROR"},
    # Searches are counted by a limit of their own.
    allows=lambda seconds: 100 * (seconds // 10 + 1),
    counts=lambda entry: not is_search(entry),
    limits=[
        Limit("searches", lambda entry: is_search(entry), lambda seconds: 5 * (seconds // 1 + 1))
    ],
    consent=Consent(opened_as_app, "/oauth/"),
    archive={"delete": True},
    away_and_back=({"delete": True}, {"restore": True}),
    merge=merge,
    tasks=Tasks(
        owner="5001",
        shape=Shape(
            keys=KEYS,
            inside="properties",
            title="hs_task_subject",
            moment="updatedAt",
            needed="hs_task_status",
        ),
        refused={"owner": "999999"},
    ),
    hooks=Hooks(post, "client_secret"),
    faults=faults,
    not_applicable={
        "whole-batch-refused": "HubSpot refuses whole only what bears no trace ids: a family of "
        "goals, which is one goal to it and of which no part can stand alone.",
    },
)
