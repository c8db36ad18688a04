"""What the conformance kit is told of Salesforce."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from connectors.auth import Token
from connectors.models import Stream
from connectors.salesforce.connector import Salesforce
from connectors.salesforce.portal.ids import numbered
from connectors.salesforce.sandbox import SandboxOptions, create_app, secret_of, settings
from tests.connectors.conformance.case import (
    Account,
    Case,
    Consent,
    Custom,
    History,
    Json,
    Links,
    Reading,
    Shape,
    Tasks,
)
from tests.connectors.conformance.sandboxed import Sandboxed, make_fields
from tests.connectors.salesforce.described import faults
from tests.faults.in_process import NOWHERE

TOKENS = "/services/oauth2/token"
FIELD = "Retro_Size__c"
# Wide rows come in pages that are smaller than the documented ones; no query has a cap.
PAGE, SEVERAL = 50, 150
# Of a small org, so that the kit can use them up: any 24 hours hold so many requests.
PER_DAY, DAY = 100, 86_400
KEYS = frozenset({"attributes", "SystemModstamp"})
NO_HOOKS = (
    "Salesforce posts no webhooks that bear a proof: outbound messages are not signed, and change "
    "events come over gRPC to who asks for them."
)


def opened() -> Account:
    options = SandboxOptions(
        records=0, limit="off", page_rows=PAGE, custom=(FIELD,), commit_seconds=30
    )
    published = SandboxOptions(records=0, per_day=PER_DAY)
    return Sandboxed(create_app(options), settings(options, NOWHERE), settings(published, NOWHERE))


def signed_in(account: Account) -> Token:
    form = {
        "grant_type": "client_credentials",
        "client_id": account.settings["client_id"],
        "client_secret": account.settings["client_secret"],
    }
    return _granted(account, form)


def new(title: str) -> Json:
    ended = title.endswith("2")
    return {
        "LastName": title,
        "Company": "Acme",
        "LeadSource": "Web",
        "Status": "Closed - Not Converted" if ended else "Working - Contacted",
        "OwnerId": numbered("User", 2),
        FIELD: "3",
    }


def new_deal(title: str) -> Json:
    return {
        "Name": title,
        "StageName": "Closed Won" if title.endswith("2") else "Prospecting",
        "CloseDate": "2026-12-01",
        "Amount": 100.5,
        "LeadSource": "Web",
        "OwnerId": numbered("User", 2),
        FIELD: "3",
    }


def mapped(names: Sequence[str]) -> Mapping[str, Any]:
    return {"fields": {name: name for name in names}}


def several(account: Account, count: int) -> Mapping[str, str]:
    names = [f"Campaign_{number}__c" for number in range(count)]
    for stream in (Stream.LEADS, Stream.DEALS):
        make_fields(account, stream, names)
    return {name: name for name in names}


def merge(account: Account, winner: str, loser: str) -> None:
    account.edit(Stream.LEADS, winner, {"merge": loser})


def opened_as_app(seconds: int) -> tuple[Account, Token]:
    options = SandboxOptions(records=0, limit="off", session_seconds=seconds)
    given = {**settings(options, NOWHERE), "sign_in": "consent"}
    account = Sandboxed(create_app(options), given)
    form = {
        "grant_type": "authorization_code",
        "code": secret_of(options, "code"),
        "redirect_uri": options.redirects[0],
        "client_id": given["client_id"],
        "client_secret": given["client_secret"],
    }
    return account, _granted(account, form)


def _granted(account: Account, form: Mapping[str, str]) -> Token:
    with httpx.Client(base_url=NOWHERE, transport=account.transport) as client:
        told = client.post(TOKENS, data=form).raise_for_status().json()
    epoch = datetime.fromtimestamp(0, UTC)
    return Token(told["access_token"], told.get("refresh_token", ""), epoch, told["instance_url"])


LINKS = Links(rows=["records"], next=["nextRecordsUrl"])
AWAY_AND_BACK: tuple[Json, Json] = ({"delete": True}, {"restore": True})
LEADS = Shape(
    keys=KEYS | {"LastName"},
    id="Id",
    title="LastName",
    moment="SystemModstamp",
    needed="Status",
)
# Their pages ask for the leads that became them.
DEALS = Reading(
    stream=Stream.DEALS,
    page=PAGE,
    cap=SEVERAL,
    new=new_deal,
    shape=replace(LEADS, keys=KEYS | {"StageName"}, title="Name", needed="StageName"),
    links=LINKS,
    custom=Custom(FIELD, FIELD, mapped, several),
    away_and_back=AWAY_AND_BACK,
)
# Their pages end amid the moves of a deal.
MOVES = replace(
    DEALS,
    stream=Stream.STAGE_CHANGES,
    made_as=Stream.DEALS,
    # The first is no move, and leaves a row as one does.
    then=({"set": {"Amount": 7}}, {"set": {"StageName": "Closed Won"}}),
    shape=Shape(
        keys=frozenset({"OpportunityId", "StageName"}),
        id="Id",
        title="StageName",
        moment="CreatedDate",
        needed="StageName",
    ),
    left_out=frozenset({"set-aside"}),
)

CASE = Case(
    tool=Salesforce,
    opened=opened,
    signed_in=signed_in,
    page=PAGE,
    cap=SEVERAL,
    stream=Stream.LEADS,
    new=new,
    shape=LEADS,
    links=LINKS,
    history=History(
        Shape(
            keys=frozenset({"OpportunityId", "StageName"}),
            id="Id",
            moment="CreatedDate",
            needed="StageName",
        ),
        of=(
            Stream.DEALS,
            {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-24"},
        ),
    ),
    also=(DEALS, MOVES),
    custom=Custom(FIELD, FIELD, mapped, several),
    error_body=[{"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred."}],
    allows=lambda seconds: PER_DAY * (seconds // DAY + 1),
    # A sign-in is none.
    counts=lambda entry: entry["path"] != TOKENS,
    consent=Consent(opened_as_app, TOKENS),
    away_and_back=AWAY_AND_BACK,
    merge=merge,
    tasks=Tasks(
        owner=numbered("User", 1),
        shape=Shape(
            keys=KEYS | {"Subject"},
            id="Id",
            title="Subject",
            moment="SystemModstamp",
            needed="Status",
        ),
        refused={"owner": numbered("User", 4)},
    ),
    faults=faults,
    not_applicable={
        "archive": "Leads and opportunities are deleted and never archived.",
        "whole-batch-refused": "A collection is done and refused record by record; all or none is "
        "only where a call asks for it.",
        **dict.fromkeys(
            (
                *("echo-by-webhook", "webhook-doubled", "webhook-reordered"),
                *("webhook-late", "webhook-forged", "webhook-replayed"),
            ),
            NO_HOOKS,
        ),
    },
)
