"""What the conformance kit is told of Pipedrive."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from connectors.auth import Token
from connectors.models import Stream
from connectors.pipedrive.connector import Pipedrive
from connectors.pipedrive.portal.build import CUSTOM
from connectors.pipedrive.sandbox import SandboxOptions, app_settings, create_app, settings
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
from tests.connectors.pipedrive.described import faults
from tests.faults.in_process import NOWHERE

ENTITIES = {Stream.DEALS: "deal", Stream.TASKS: "activity"}
# The real one gives 500 where it is asked for so many; lists have no cap.
DAY = 86_400
PRICES = {
    "/api/v1/activityTypes": 20,
    "/api/v1/users": 20,
    "/api/v1/users/me": 2,
    "/api/v1/leads": 20,
    "/api/v1/leads/archived": 40,
    "/api/v1/goals/find": 20,
    "/api/v2/activities": 10,
    "/api/v2/deals": 10,
    "/api/v2/deals/archived": 20,
    "/api/v2/dealFields": 10,
    "/api/v2/persons": 10,
    "/api/v2/pipelines": 5,
    "/api/v2/stages": 5,
}
LEAD = "5f0c2a60-0000-11ee-8000-000000000001"
PAGE = 100
MANY = 3 * PAGE


def opened() -> Account:
    options = SandboxOptions(records=0, limit="off", page=PAGE)
    published = SandboxOptions(records=0)
    return Sandboxed(create_app(options), settings(options, NOWHERE), settings(published, NOWHERE))


def new(title: str) -> Json:
    return {
        "title": title,
        "value": 100,
        "currency": "USD",
        "person_id": 1,
        "owner_id": 22,
        "source_lead_id": LEAD,
        "status": "won" if title.endswith("2") else "open",
        "custom_fields": {CUSTOM: "plain"},
    }


def new_lead(title: str) -> Json:
    value = {"amount": 100, "currency": "USD"}
    return {"title": title, "owner_id": 22, "person_id": 1, "value": value}


def mapped(names: Sequence[str]) -> Mapping[str, Any]:
    return {"fields": {name: name for name in names}}


def several(account: Account, count: int) -> Mapping[str, str]:
    """Keys of fields have a form of their own."""
    keys = [hashlib.sha256(str(number).encode()).hexdigest()[:40] for number in range(count)]
    make_fields(account, Stream.DEALS, keys)
    return {key: key for key in keys}


def tokens(entry: Json) -> int:
    """By the published prices of a call; a call that is not among them fails the row."""
    return PRICES[entry["path"]]


def merge(account: Account, winner: str, loser: str) -> None:
    """What the one that stays does not have, it gets of the other."""
    account.edit(Stream.DEALS, winner, {"set": {"person_id": None, "source_lead_id": None}})
    account.edit(Stream.DEALS, winner, {"merge": loser})
    (held,) = [row for row in account.truth(Stream.DEALS) if row["id"] == winner]
    assert (held["contacts"], held["lead"]) == (["1"], LEAD)


def post(given: Mapping[str, Any], stream: Stream, record_id: str, at: datetime) -> Post:
    entity = ENTITIES[stream]
    meta = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{entity}:{record_id}:{at.isoformat()}")),
        "version": "2.0",
        "action": "change",
        "entity": entity,
        "entity_id": record_id,
        "company_id": str(given["company_id"]),
        "webhook_id": "31",
        "timestamp": at.isoformat(),
        "attempt": 1,
    }
    signer = httpx.BasicAuth(given["hook_user"], given["hook_password"])
    signed = next(signer.sync_auth_flow(httpx.Request("POST", NOWHERE)))
    body = msgspec.json.encode({"meta": meta, "data": {}, "previous": {}})
    return {"authorization": signed.headers["authorization"]}, body


def opened_as_app(seconds: int) -> tuple[Account, Token]:
    options = SandboxOptions(records=0, limit="off", access_seconds=seconds)
    given = app_settings(options, NOWHERE)
    code, _ = given.pop("code"), given.pop("refresh_token")
    account = Sandboxed(create_app(options), {**given, "plan": "unlimited"})
    redirect = options.redirects[0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
    basic = httpx.BasicAuth(given["client_id"], given["client_secret"])
    with httpx.Client(base_url=NOWHERE, transport=account.transport, auth=basic) as client:
        pair = client.post("/oauth/token", data=form).raise_for_status().json()
    epoch = datetime.fromtimestamp(0, UTC)
    return account, Token(pair["access_token"], pair["refresh_token"], epoch)


LINKS = Links(rows=["data"], next=["additional_data", "next_cursor"])
SHAPE = Shape(keys=frozenset({"stage_id", "pipeline_id"}), moment="update_time", needed="stage_id")
# Version 1: by offsets, and not by a cursor; what a bound brings again is read again.
LEADS = Reading(
    stream=Stream.LEADS,
    page=PAGE,
    cap=MANY,
    new=new_lead,
    shape=Shape(
        keys=frozenset({"source_name", "label_ids"}), moment="update_time", needed="owner_id"
    ),
    left_out=frozenset({"empty-page", "short-page", "restore", "set-aside"}),
    overlaps=True,
)
MOVES = Reading(
    stream=Stream.STAGE_CHANGES,
    made_as=Stream.DEALS,
    page=PAGE,
    cap=MANY,
    new=new,
    shape=SHAPE,
    links=LINKS,
    # What a deal tells of its moves stays when it is deleted.
    left_out=frozenset({"set-aside", "delete", "restore"}),
)

CASE = Case(
    tool=Pipedrive,
    opened=opened,
    page=PAGE,
    cap=MANY,
    new=new,
    shape=SHAPE,
    links=LINKS,
    history=History(SHAPE),
    also=(LEADS, MOVES),
    custom=Custom(CUSTOM, CUSTOM, mapped, several, inside="custom_fields", unasked=True),
    error_body={"success": False, "error": "Internal error", "data": None},
    # In any two seconds, with an API token of the smallest plan.
    allows=lambda seconds: 20 * (seconds // 2 + 1),
    # Of one seat, in any 24 hours: where the company's day begins, nobody is told.
    limits=[
        Limit("tokens", tokens, lambda seconds: 30_000 * (seconds // DAY + 1), (Stream.LEADS, 500))
    ],
    consent=Consent(opened_as_app, "/oauth/token"),
    away_and_back=({"delete": True}, {"set": {"is_deleted": False}}),
    merge=merge,
    tasks=Tasks(
        owner="22",
        shape=Shape(
            keys=frozenset({"subject", "due_date"}),
            title="subject",
            moment="update_time",
            needed="type",
        ),
        refused={"owner": "999999"},
    ),
    hooks=Hooks(post, "hook_password"),
    faults=faults,
    not_applicable={
        "index-lag": "Lists come from the database; only the search has an index that lags.",
        "archive": "An archived deal is kept with all it was, and is read from its own list.",
        "whole-batch-refused": "There are no batches of writes: each task is made by its own call.",
    },
)
