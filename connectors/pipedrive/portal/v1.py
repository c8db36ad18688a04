"""Operations of version 1 that are current: leads, users, goals, webhooks, changelogs."""

from collections.abc import Iterator
from typing import Any

from connectors.pipedrive.portal import goals, render
from connectors.pipedrive.portal.company import COMPANY_ID, Company, Row
from connectors.pipedrive.portal.errors import forbidden, invalid, not_found
from connectors.pipedrive.portal.listing import OFFSET, PAGES, by_offset
from connectors.pipedrive.portal.operations import Call, Operation, Operations, Result
from connectors.pipedrive.portal.schema import (
    Check,
    Fields,
    any_text,
    boolean,
    digits,
    items,
    mapping,
    moment,
    nullable,
    number,
    one_of,
    string,
    uuid,
)

SORTABLE = ("id", "title", "owner_id", "creator_id", "was_seen", "add_time", "update_time")
SORT: dict[str, Check] = {
    "sort": one_of(*SORTABLE, *(f"{name} ASC" for name in SORTABLE)),
    **dict.fromkeys(("owner_id", "person_id", "organization_id"), digits),
}
LEAD = Fields(
    {
        "title": string,
        "owner_id": number,
        "label_ids": items(uuid),
        "person_id": nullable(number),
        "organization_id": nullable(number),
        "value": nullable(mapping),
        "expected_close_date": nullable(string),
        "was_seen": boolean,
        "channel": nullable(number),
        "channel_id": nullable(string),
        "is_archived": boolean,
    }
)
HOOK = Fields(
    {
        "subscription_url": string,
        "event_action": one_of("create", "change", "delete", "*"),
        "event_object": one_of("activity", "deal", "lead", "person", "user", "stage", "*"),
        "name": string,
        "user_id": number,
        "http_auth_user": nullable(string),
        "http_auth_password": nullable(string),
        "version": one_of("1.0", "2.0"),
    },
    frozenset(["subscription_url", "event_action", "event_object", "name"]),
)
MOST_HOOKS = 40


def leads(call: Call, archived: bool = False) -> Result:
    """Rows of one moment come in the order of their ids."""
    since = call.query.get("updated_since")
    key = call.query.get("sort", "id").removesuffix(" ASC")
    filters = ("owner_id", "person_id", "organization_id")

    def fitting() -> Iterator[Row]:
        for row in call.company.leads.ordered(key):
            if row.get("hidden") or row["is_deleted"] or row["is_archived"] is not archived:
                continue
            if since is not None and row["update_time"] < int(since):
                continue
            if all(row[name] == call.query[name] for name in filters if name in call.query):
                yield row

    return by_offset(call, fitting(), render.lead)


def lead(call: Call) -> Result:
    return Result(render.lead(_lead(call)))


def _lead(call: Call) -> Row:
    row = call.company.leads.rows.get(call.value)
    if row is None or row["is_deleted"]:
        raise not_found("Lead")
    if row.get("hidden"):
        raise forbidden("You do not have permission to view this item")
    return row


def change_lead(call: Call) -> Result:
    row = _lead(call)
    if row["is_archived"] and call.body.get("is_archived") is not False:
        raise invalid("An archived lead cannot be edited")
    edit_lead(call.company, row, call.body)
    return Result(render.lead(row))


def edit_lead(company: Company, row: Row, body: dict[str, Any]) -> None:
    company.changed("lead", company.leads, row, body)


def users(call: Call) -> Result:
    return Result(call.company.users)


def user(call: Call) -> Result:
    row = call.company.user(int(call.value)) if call.value.isdecimal() else None
    if row is None:
        raise not_found("User")
    return Result(row)


def me(call: Call) -> Result:
    access = [{"app": "sales", "admin": call.admin, "permission_set_id": "1"}]
    company = {"company_id": COMPANY_ID, "company_domain": "sandbox", "company_name": "Sandbox Ltd"}
    return Result({**call.user, **company, "access": access})


def changelog(call: Call) -> Result:
    """By cursor, although of version 1."""
    deal = call.company.deals.rows.get(int(call.value)) if call.value.isdecimal() else None
    if deal is None:
        raise not_found("Deal")
    if deal.get("hidden"):
        raise forbidden("You do not have permission to view this item")
    log = call.company.changelog.get(deal["id"], [])
    cursor = call.query.get("cursor") or "0"
    if not cursor.isdecimal():
        raise invalid("cursor: Invalid cursor")
    start = int(cursor)
    size = call.query.get("limit", 100)
    page = log[start : start + size]
    following = str(start + size) if start + size < len(log) else None
    return Result([render.change(entry) for entry in page], {"next_cursor": following})


def hooks(call: Call) -> Result:
    _admin(call)
    shown = ("id", "subscription_url", "event_action", "event_object", "version", "is_active")
    return Result([{name: row[name] for name in shown} for row in call.company.webhooks.shown()])


def add_hook(call: Call) -> Result:
    _admin(call)
    if len(call.company.webhooks.rows) >= MOST_HOOKS:
        raise forbidden("The limit of webhooks is reached")
    row = {"id": call.company.next_id("webhook"), "version": "2.0", "is_active": 1, **call.body}
    call.company.webhooks.put(row)
    return Result({k: v for k, v in row.items() if k != "http_auth_password"}, status=201)


def delete_hook(call: Call) -> Result:
    _admin(call)
    if not call.value.isdecimal() or int(call.value) not in call.company.webhooks.rows:
        raise not_found("Webhook")
    del call.company.webhooks.rows[int(call.value)]
    return Result(None)


def _admin(call: Call) -> None:
    if not call.admin:
        raise forbidden("Only an admin user can manage webhooks")


LEADS = Fields({**OFFSET, **SORT, "updated_since": moment})
ARCHIVED = Fields({**OFFSET, **SORT})

OPERATIONS: Operations = {
    ("GET", "leads"): Operation(20, "leads:read", leads, LEADS),
    ("GET", "leads/archived"): Operation(40, "leads:read", lambda c: leads(c, True), ARCHIVED),
    ("GET", "leads/{}"): Operation(2, "leads:read", lead),
    ("PATCH", "leads/{}"): Operation(10, "leads:full", change_lead, body=LEAD),
    ("GET", "users"): Operation(20, "users:read", users),
    ("GET", "users/{}"): Operation(2, "users:read", user),
    ("GET", "users/me"): Operation(2, "base", me),
    ("GET", "activityTypes"): Operation(
        20, "activities:read", lambda c: Result(c.company.activity_types)
    ),
    ("GET", "currencies"): Operation(
        20, "base", lambda c: Result(c.company.currencies), Fields({"term": any_text})
    ),
    ("GET", "deals/{}/changelog"): Operation(20, "recents:read", changelog, Fields({**PAGES})),
    **goals.OPERATIONS,
    ("GET", "webhooks"): Operation(10, "admin", hooks),
    ("POST", "webhooks"): Operation(10, "admin", add_hook, body=HOOK),
    ("DELETE", "webhooks/{}"): Operation(6, "admin", delete_hook),
}
