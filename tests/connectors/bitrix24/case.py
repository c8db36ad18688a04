"""What the conformance kit is told of Bitrix24."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from connectors.auth import Token
from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.sandbox import SandboxOptions, app_settings, create_app, settings
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
    Post,
    Reading,
    Shape,
    Tasks,
)
from tests.connectors.conformance.sandboxed import Sandboxed
from tests.faults.in_process import NOWHERE

MEMBER = SandboxOptions().member_id
EVENTS = {Stream.DEALS: "ONCRMDEALUPDATE", Stream.TASKS: "ONTASKUPDATE"}
PLACES = {Stream.DEALS: "data[FIELDS][ID]", Stream.TASKS: "data[FIELDS_AFTER][ID]"}
CONTACT, LEAD = "1", "1"
# Seconds of server time that a call or a command of a batch is billed: fifty of them are less than
# the 60 that a request may take.
BILLED = 1.0
KEYSET = (
    "The listing is paged by id: there is no next link, and a page that is not full is by the "
    "documentation its last."
)


def opened() -> Account:
    """With a contact and a lead for deals to name. Each call costs server time by its clock."""
    options = SandboxOptions(records=0, limit="off", billed_seconds=BILLED)
    published = SandboxOptions(records=0)
    account = Sandboxed(
        create_app(options), settings(options, NOWHERE), settings(published, NOWHERE)
    )
    made = account.edit(Stream.CONTACTS, "new", {"set": {"name": "Nadia"}})
    lead = account.edit(Stream.LEADS, "new", {"set": {"title": "Lead"}})
    assert (made, lead) == (CONTACT, LEAD)
    return account


def new(title: str) -> Json:
    return {
        "title": title,
        "opportunity": 100,
        "currencyId": "USD",
        "sourceId": "WEB",
        "utmCampaign": "autumn",
        "contactIds": [int(CONTACT)],
        "leadId": int(LEAD),
        "categoryId": 0,
        "stageId": "WON" if title.endswith("2") else "EXECUTING",
    }


def new_lead(title: str) -> Json:
    return {
        "title": title,
        "opportunity": 100,
        "currencyId": "USD",
        "sourceId": "WEB",
        "contactIds": [int(CONTACT)],
        "stageId": "JUNK" if title.endswith("2") else "NEW",
    }


def new_activity(title: str) -> Json:
    return {
        "OWNER_TYPE_ID": 1,
        "OWNER_ID": int(LEAD),
        "TYPE_ID": 2,
        "SUBJECT": title,
        "COMPLETED": "Y" if title.endswith("2") else "N",
    }


def mapped(names: Sequence[str]) -> Mapping[str, Any]:
    return {"fields": {name: name for name in names}}


def several(account: Account, count: int) -> Mapping[str, str]:
    made = [f"UF_CRM_{number}" for number in range(1747400000, 1747400000 + count)]
    for name in made:
        _field(account, name)
    return {name: f"ufCrm_{name.removeprefix('UF_CRM_')}" for name in made}


def _field(account: Account, name: str) -> None:
    field = {"entityId": "CRM_DEAL", "fieldName": name, "userTypeId": "string"}
    address = f"{account.settings['webhook']}userfieldconfig.add.json"
    with httpx.Client(transport=account.transport) as client:
        client.post(address, json={"moduleId": "crm", "field": field}).raise_for_status()


def merge(account: Account, winner: str, loser: str) -> None:
    """The portal fills up the one and deletes the other."""
    account.edit(Stream.DEALS, winner, {"set": {"title": "Merged"}})
    account.edit(Stream.DEALS, loser, {"delete": True})


def post(settings: Mapping[str, Any], stream: Stream, record_id: str, at: datetime) -> Post:
    form = {
        "event": EVENTS[stream],
        PLACES[stream]: record_id,
        "ts": str(int(at.timestamp())),
        "auth[member_id]": MEMBER,
        "auth[application_token]": settings["application_token"],
    }
    return {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode()


def opened_as_app(seconds: int) -> tuple[Account, Token]:
    options = SandboxOptions(records=0, limit="off", access_seconds=seconds)
    given = app_settings(options, NOWHERE)
    words = {name: given[name] for name in ("client_id", "client_secret")}
    account = Sandboxed(
        create_app(options), {**words, "portal": NOWHERE, "auth_host": NOWHERE, "plan": "standard"}
    )
    query = {"grant_type": "authorization_code", "code": given["code"], **words}
    with httpx.Client(transport=account.transport) as client:
        pair = client.get(given["token_url"], params=query).raise_for_status().json()
    return account, Token(
        pair["access_token"], pair["refresh_token"], datetime.fromtimestamp(0, UTC)
    )


def operating(method: str) -> Limit:
    """The portal counts in minutes, and gives one back ten minutes after its first call: so a
    method may be used up anew when nine minutes are over."""

    def seconds(entry: Json) -> float:
        commands = msgspec.json.decode(entry["body"])["cmd"] if entry["method"] == "batch" else {}
        calls = [entry["method"], *(each.partition("?")[0] for each in commands.values())]
        return BILLED * calls.count(method)

    return Limit(
        f"seconds of {method}",
        seconds,
        lambda span: 480 * (span // 540 + 1),
        (Stream.DEALS, 100),
    )


SHAPE = Shape(keys=frozenset({"stageId", "categoryId"}), moment="updatedTime", needed="stageId")
AWAY_AND_BACK: tuple[Json, Json] = ({"delete": True}, {"restore": True})
# Rows without a pipeline.
SALES = Reading(
    stream=Stream.LEADS,
    page=50,
    cap=500,
    new=new_lead,
    shape=Shape(keys=frozenset({"stageId", "dateClosed"}), moment="updatedTime", needed="stageId"),
    away_and_back=AWAY_AND_BACK,
    left_out=frozenset({"one-timestamp", "cap-exactly"}),
)
# Other methods, whose rows have names of their own.
MOVES = Reading(
    stream=Stream.STAGE_CHANGES,
    made_as=Stream.DEALS,
    page=50,
    cap=500,
    new=new,
    shape=Shape(
        keys=frozenset({"OWNER_ID", "TYPE_ID", "STAGE_ID"}),
        id="ID",
        title="STAGE_ID",
        moment="CREATED_TIME",
        needed="STAGE_ID",
    ),
    left_out=frozenset({"one-timestamp", "cap-exactly", "set-aside", "delete", "restore"}),
)
ACTIVITIES = Reading(
    stream=Stream.ACTIVITIES,
    page=50,
    cap=500,
    new=new_activity,
    shape=Shape(
        keys=frozenset({"OWNER_TYPE_ID", "LAST_UPDATED"}),
        id="ID",
        title="SUBJECT",
        moment="LAST_UPDATED",
        needed="TYPE_ID",
    ),
    left_out=frozenset({"one-timestamp", "set-aside", "delete", "restore"}),
)

CASE = Case(
    tool=Bitrix24,
    opened=opened,
    page=50,
    # The first request of a full read asks for ten pages.
    cap=500,
    new=new,
    shape=SHAPE,
    history=History(
        Shape(
            keys=frozenset({"OWNER_ID", "CREATED_TIME"}),
            id="ID",
            moment="CREATED_TIME",
            needed="STAGE_ID",
        )
    ),
    also=(SALES, MOVES, ACTIVITIES),
    custom=Custom("UF_CRM_1747309879", "ufCrm_1747309879", mapped, several),
    error_body={"error": "INTERNAL_SERVER_ERROR", "error_description": "Internal server error"},
    allows=lambda seconds: 50 + 2 * seconds,
    limits=[operating("crm.item.list")],
    consent=Consent(opened_as_app, "/oauth/token"),
    away_and_back=AWAY_AND_BACK,
    merge=merge,
    tasks=Tasks(
        owner="7",
        shape=Shape(
            keys=frozenset({"responsibleId", "status"}), moment="changedDate", needed="status"
        ),
        refused={"owner": "999999"},
        query="?key=UF_RETRO_KEY",
    ),
    hooks=Hooks(post, "application_token"),
    not_applicable={
        "index-lag": "The portal lists a change at once.",
        "empty-page": KEYSET,
        "short-page": KEYSET,
        "archive": "Deals cannot be archived; what users take out of sight, they delete.",
        "whole-batch-refused": "The portal does and refuses the commands of a batch one by one.",
    },
)
