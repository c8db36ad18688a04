"""Operations of version 2: deals, activities, persons, pipelines, stages, fields."""

import re
from typing import Any

from connectors.pipedrive.portal import render
from connectors.pipedrive.portal.company import Company, Row, Table
from connectors.pipedrive.portal.errors import ToolError, forbidden, invalid, not_found
from connectors.pipedrive.portal.listing import ORDER, PAGES, WINDOW, by_cursor, is_there
from connectors.pipedrive.portal.operations import Call, Operation, Operations, Result
from connectors.pipedrive.portal.schema import (
    Fields,
    amount,
    boolean,
    clock,
    day,
    digits,
    items,
    mapping,
    nullable,
    number,
    one_of,
    several_of,
    string,
    truth,
    uuid,
    words,
)

INCLUDE = {"include_fields": several_of("source_lead_id", "first_won_time", "activities_count")}
CUSTOM = {"custom_fields": words(15)}
DEALS = Fields(
    {
        **PAGES,
        **ORDER,
        **WINDOW,
        **INCLUDE,
        **CUSTOM,
        "status": several_of("open", "won", "lost", "deleted"),
        **dict.fromkeys(("owner_id", "person_id", "org_id", "pipeline_id", "stage_id"), digits),
        "include_option_labels": truth,
        "include_labels": truth,
    }
)
PERSONS = Fields({**PAGES, **ORDER, **WINDOW, **CUSTOM, "owner_id": digits, "org_id": digits})
ACTIVITIES = Fields(
    {
        **PAGES,
        **WINDOW,
        "sort_by": one_of("id", "update_time", "add_time", "due_date"),
        "sort_direction": one_of("asc", "desc"),
        "done": truth,
        "lead_id": uuid,
        **dict.fromkeys(("owner_id", "deal_id", "person_id", "org_id"), digits),
        "include_fields": one_of("attendees"),
    }
)
STAGES = Fields({**PAGES, **ORDER, "pipeline_id": digits})
ACTIVITY = Fields(
    {
        "subject": string,
        "type": string,
        "owner_id": number,
        "deal_id": nullable(number),
        "lead_id": nullable(uuid),
        "org_id": nullable(number),
        "due_date": nullable(day),
        "due_time": nullable(clock),
        "duration": nullable(clock),
        "busy": boolean,
        "done": boolean,
        "location": mapping,
        "participants": items(mapping),
        "attendees": items(mapping),
        "public_description": nullable(string),
        "priority": nullable(number),
        "note": nullable(string),
    }
)
DEAL = Fields(
    {
        "title": string,
        **dict.fromkeys(("owner_id", "person_id", "org_id", "pipeline_id", "stage_id"), number),
        "value": amount,
        "currency": string,
        "is_deleted": boolean,
        "is_archived": boolean,
        "status": string,
        "lost_reason": nullable(string),
        "custom_fields": mapping,
    }
)
UNSAFE = re.compile(r"<(script|style)\b.*?</\1>|\son\w+=\"[^\"]*\"", re.IGNORECASE | re.DOTALL)
OF_ACTIVITY = ("owner_id", "deal_id", "lead_id", "person_id", "org_id", "done")
OF_DEAL = ("owner_id", "person_id", "org_id", "pipeline_id", "stage_id")


def deals(call: Call, archived: bool = False) -> Result:
    """Deleted ones only where their status is asked for, and archived ones in their own list."""
    states = call.query.get("status")

    def wanted(row: Row) -> bool:
        state = "deleted" if row["is_deleted"] else row["status"]
        shown = state in states if states else state != "deleted"
        return shown and row["is_archived"] is archived and is_there(call, row) and _fits(call, row)

    return by_cursor(call, call.company.deals, wanted, lambda row: _deal(call, row))


def _fits(call: Call, row: Row) -> bool:
    return all(row[name] == call.query[name] for name in OF_DEAL if name in call.query)


def _deal(call: Call, row: Row) -> Row:
    query = call.query
    shown = render.v2(row, query.get("include_fields", []), query.get("custom_fields"))
    return shown | {"status": "deleted"} if row["is_deleted"] else shown


def persons(call: Call) -> Result:
    def wanted(row: Row) -> bool:
        return not row["is_deleted"] and is_there(call, row)

    return by_cursor(call, call.company.persons, wanted, render.v2)


def activities(call: Call) -> Result:
    def wanted(row: Row) -> bool:
        fits = all(row[name] == call.query[name] for name in OF_ACTIVITY if name in call.query)
        return fits and not row["is_deleted"]

    return by_cursor(call, call.company.activities, wanted, render.v2)


def one(table: str, what: str) -> Any:
    def get(call: Call) -> Result:
        row = found(call, getattr(call.company, table), what)
        return Result(_deal(call, row) if table == "deals" else render.v2(row))

    return get


def found(call: Call, table: Table, what: str) -> Row:
    """Raises ToolError for a row that is gone, or that the user may not see."""
    row = table.rows.get(int(call.value)) if call.value.isdecimal() else None
    if row is None or not is_there(call, row):
        raise not_found(what)
    if row.get("hidden"):
        raise forbidden("You do not have permission to view this item")
    return row


def add_activity(call: Call) -> Result:
    company, now = call.company, call.company.now()
    given = _checked(company, call.body)
    row = {
        "id": company.next_id("activity"),
        "subject": "Call",
        "type": "call",
        "owner_id": call.user["id"],
        **dict.fromkeys(("deal_id", "lead_id", "person_id", "org_id", "due_date", "due_time")),
        **dict.fromkeys(("duration", "note", "public_description", "priority")),
        "done": False,
        "participants": [],
        "marked_as_done_time": now if given.get("done") else None,
        "add_time": now,
        "update_time": now,
        "is_deleted": False,
        **given,
    }
    company.added("activity", company.activities, row)
    return Result(render.v2(row))


def change_activity(call: Call) -> Result:
    row = found(call, call.company.activities, "Activity")
    if row["is_deleted"]:
        raise not_found("Activity")
    edit_activity(call.company, row, call.body)
    return Result(render.v2(row))


def edit_activity(company: Company, row: Row, body: dict[str, Any]) -> None:
    given = _checked(company, body)
    if "done" in given and given["done"] != row["done"]:
        given["marked_as_done_time"] = company.now() if given["done"] else None
    company.changed("activity", company.activities, row, given)


def delete_activity(call: Call) -> Result:
    row = found(call, call.company.activities, "Activity")
    if row["is_deleted"]:
        raise not_found("Activity")
    call.company.changed("activity", call.company.activities, row, {"is_deleted": True})
    return Result({"id": row["id"]})


def _checked(company: Company, body: dict[str, Any]) -> dict[str, Any]:
    """Raises ToolError; notes lose what a page must not hold."""
    given = dict(body)
    kinds = {kind["key_string"] for kind in company.activity_types if kind["active_flag"]}
    if "type" in given and given["type"] not in kinds:
        raise invalid("type: Unknown activity type")
    owner = company.user(given["owner_id"]) if "owner_id" in given else None
    if "owner_id" in given and (owner is None or not owner["active_flag"]):
        raise invalid("owner_id: User not found or inactive")
    for name, table in (("deal_id", company.deals), ("lead_id", company.leads)):
        bound = table.rows.get(given.get(name))
        if given.get(name) is None:
            continue
        if bound is None or bound["is_deleted"]:
            raise invalid(f"{name}: Not found")
        if bound.get("hidden"):
            raise forbidden("You do not have permission to this item")
    if given.get("note"):
        given["note"] = UNSAFE.sub("", given["note"])
    if "participants" in given:
        first = next((p["person_id"] for p in given["participants"] if p.get("primary")), None)
        given["person_id"] = first
    return given


def add_deal(call: Call) -> Result:
    company, now = call.company, call.company.now()
    stage = company.stage(call.body.get("stage_id", 7))
    if stage is None:
        raise invalid("stage_id: Not found")
    row = {
        "id": company.next_id("deal"),
        "value": 0,
        "currency": "EUR",
        "status": "open",
        "owner_id": call.user["id"],
        **dict.fromkeys(("person_id", "org_id", "stage_change_time", "won_time", "lost_time")),
        **dict.fromkeys(("close_time", "lost_reason", "expected_close_date", "channel_id")),
        "origin": "API",
        "source_lead_id": None,
        "is_archived": False,
        "is_deleted": False,
        "add_time": now,
        "update_time": now,
        "custom_fields": {},
        **call.body,
        "stage_id": stage["id"],
        "pipeline_id": stage["pipeline_id"],
    }
    company.added("deal", company.deals, row)
    return Result(render.v2(row), status=201)


def change_deal(call: Call) -> Result:
    row = found(call, call.company.deals, "Deal")
    if row["is_archived"] and call.body.get("is_archived") is not False:
        raise ToolError(400, "Archived deals cannot be edited")
    edit_deal(call.company, row, call.body)
    return Result(render.v2(row))


def edit_deal(company: Company, row: Row, body: dict[str, Any]) -> None:
    if "stage_id" in body and company.stage(body["stage_id"]) is None:
        raise invalid("stage_id: Not found")
    if body.get("status", "open") not in ("open", "won", "lost", "deleted"):
        raise invalid("status: Unknown status")
    given = dict(body)
    if "custom_fields" in given:
        given["custom_fields"] = row["custom_fields"] | given["custom_fields"]
    company.changed("deal", company.deals, row, given)


def rows_of(name: str) -> Any:
    """A short list, as it stands."""

    def every(call: Call) -> Result:
        rows = [row for row in getattr(call.company, name) if not row.get("is_deleted")]
        wanted = call.query.get("pipeline_id")
        shown = [row for row in rows if wanted is None or row.get("pipeline_id") == wanted]
        return Result([render.v2(row) for row in shown], {"next_cursor": None})

    return every


OPERATIONS: Operations = {
    ("GET", "deals"): Operation(10, "deals:read", deals, DEALS),
    ("GET", "deals/archived"): Operation(20, "deals:read", lambda c: deals(c, True), DEALS),
    ("GET", "deals/{}"): Operation(
        1, "deals:read", one("deals", "Deal"), Fields({**INCLUDE, **CUSTOM})
    ),
    ("POST", "deals"): Operation(5, "deals:full", add_deal, body=DEAL),
    ("PATCH", "deals/{}"): Operation(5, "deals:full", change_deal, body=DEAL),
    ("GET", "persons"): Operation(10, "contacts:read", persons, PERSONS),
    ("GET", "persons/{}"): Operation(1, "contacts:read", one("persons", "Person"), Fields(CUSTOM)),
    ("GET", "activities"): Operation(10, "activities:read", activities, ACTIVITIES),
    ("GET", "activities/{}"): Operation(1, "activities:read", one("activities", "Activity")),
    ("POST", "activities"): Operation(5, "activities:full", add_activity, body=ACTIVITY),
    ("PATCH", "activities/{}"): Operation(5, "activities:full", change_activity, body=ACTIVITY),
    ("DELETE", "activities/{}"): Operation(3, "activities:full", delete_activity),
    ("GET", "pipelines"): Operation(5, "deals:read", rows_of("pipelines"), Fields({**PAGES})),
    ("GET", "stages"): Operation(5, "deals:read", rows_of("stages"), STAGES),
    ("GET", "dealFields"): Operation(10, "deals:read", lambda c: _fields(c), Fields({**PAGES})),
}


def _fields(call: Call) -> Result:
    return Result(call.company.deal_fields, {"next_cursor": None})
