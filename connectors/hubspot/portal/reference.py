"""The account's details, owners, pipelines, properties and campaigns."""

from datetime import date, datetime, timedelta
from typing import Any

from connectors.hubspot.portal import company
from connectors.hubspot.portal.account import Property
from connectors.hubspot.portal.bodies import Kinds, PropertyBody, Query, body_of
from connectors.hubspot.portal.context import Context
from connectors.hubspot.portal.errors import conflict, invalid, not_found
from connectors.hubspot.portal.store import iso

Document = dict[str, Any]
EPOCH = 1_767_225_600.0
LISTED: Kinds = {"limit": "number", "after": "text", "archived": "flag", "email": "text"}
CAMPAIGNS: Kinds = {
    "limit": "number",
    "after": "text",
    "name": "text",
    "properties": "list",
    "sort": "text",
}
DATES: Kinds = {"startDate": "text", "endDate": "text"}
LOCALE: Kinds = {
    "archived": "flag",
    "locale": "text",
    "dataSensitivity": "text",
    "properties": "text",
}
MOST_OWN_UNIQUE = 10


def details(context: Context) -> Document:
    Query(context.request, {})
    options = context.account.options
    return {
        "portalId": options.portal_id,
        "accountType": options.account_type,
        "timeZone": options.zone,
        "companyCurrency": options.currency,
        "additionalCurrencies": ["USD"],
        "utcOffset": "+01:00",
        "utcOffsetMilliseconds": 3_600_000,
        "dataHostingLocation": "eu1",
        "uiDomain": "app.hubspot.com",
    }


def owners(context: Context) -> Document:
    query = Query(context.request, LISTED)
    archived = query.flag("archived")
    rows = [
        {
            "id": id_,
            "type": "PERSON",
            "email": f"user{id_}@portal.example",
            "firstName": first,
            "lastName": last,
            # Not the id that records name their owner by.
            "userId": int(id_) + 100_000,
            "createdAt": iso(EPOCH),
            "updatedAt": iso(EPOCH),
            "archived": archived,
        }
        for id_, first, last in company.OWNERS
        if (id_ == company.LEFT) == archived
    ]
    limit = query.number("limit", 100, 1, 500)
    start = query.number("after", 0, 0, 10**9)
    answer: Document = {"results": rows[start : start + limit]}
    if start + limit < len(rows):
        answer["paging"] = {"next": {"after": str(start + limit), "link": "?"}}
    return answer


def pipelines(context: Context, kind: str) -> Document:
    Query(context.request, {})
    if kind not in company.PIPELINES:
        raise not_found(f"pipelines of {kind}")
    dated = {"archived": False, "createdAt": iso(EPOCH), "updatedAt": iso(EPOCH)}
    return {
        "results": [
            {
                **dated,
                "id": pipeline,
                "label": company.PIPELINE_NAMES[pipeline],
                "displayOrder": order,
                "stages": [
                    {
                        **dated,
                        "id": id_,
                        "label": label,
                        "displayOrder": number,
                        "metadata": {
                            "isClosed": "true" if closed else "false",
                            "probability": probability,
                        },
                        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                    }
                    for number, (id_, label, closed, probability) in enumerate(stages)
                ],
            }
            for order, (pipeline, stages) in enumerate(company.PIPELINES[kind].items())
        ]
    }


def properties(context: Context, kind: str) -> Document:
    Query(context.request, LOCALE)
    known = context.account.properties[context.account.kind(kind)]
    return {"results": [_property(one) for one in known.values()]}


def get_property(context: Context, kind: str, name: str) -> Document:
    Query(context.request, LOCALE)
    known = context.account.properties[context.account.kind(kind)]
    if name not in known:
        raise not_found(f"property {name}")
    return _property(known[name])


def groups(context: Context, kind: str) -> Document:
    Query(context.request, {"locale": "text"})
    context.account.kind(kind)
    return {"results": [{"name": f"{kind}information", "label": kind, "archived": False}]}


def create_property(context: Context, kind: str) -> Document:
    Query(context.request, {})
    account = context.account
    kind = account.kind(kind)
    body = body_of(context.request, PropertyBody)
    known = account.properties[kind]
    if body.name in known:
        raise conflict(f"A property named '{body.name}' already exists.")
    if body.group_name != f"{kind}information":
        raise invalid(f"there is no group {body.group_name}", ["groupName"])
    if kind == "tasks" and not account.options.task_fields:
        raise invalid("this object type takes no properties of its own", ["objectType"])
    if body.has_unique_value:
        text = (body.type, body.field_type) == ("string", "text")
        if not text or sum(one.unique for one in known.values()) >= MOST_OWN_UNIQUE:
            raise invalid("hasUniqueValue is not possible here", ["hasUniqueValue"])
    made = Property(body.name, body.type, body.label, body.has_unique_value, own=False)
    known[body.name] = made
    context.status = 201
    return _property(made)


def campaigns(context: Context) -> Document:
    query = Query(context.request, CAMPAIGNS)
    limit = query.number("limit", 50, 1, 100)
    start = query.number("after", 0, 0, 10**9)
    wanted = query.many("properties")
    page = company.CAMPAIGNS[start : start + limit]
    rows = [_campaign(context, *one, wanted=wanted) for one in page]
    answer: Document = {"total": len(company.CAMPAIGNS), "results": rows}
    if start + limit < len(company.CAMPAIGNS):
        answer["paging"] = {"next": {"after": str(start + limit), "link": "?"}}
    return answer


def campaign(context: Context, guid: str) -> Document:
    query = Query(context.request, {**DATES, "properties": "list"})
    _known(guid)
    name, utm = next(one[1:] for one in company.CAMPAIGNS if one[0] == guid)
    return _campaign(context, guid, name, utm, wanted=query.many("properties")) | {"assets": {}}


def metrics(context: Context, guid: str) -> Document:
    query = Query(context.request, DATES)
    _known(guid)
    first, last = _day(query, "startDate"), _day(query, "endDate")
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    sessions = sum(context.account.sessions(guid, day) for day in days)
    return {
        "sessions": sessions,
        "newContactsFirstTouch": sessions // 10,
        "newContactsLastTouch": sessions // 12,
        "influencedContacts": sessions // 5,
    }


def totals(context: Context, guid: str) -> Document:
    Query(context.request, {})
    _known(guid)
    items = context.account.spend.get(guid, [])
    return {
        "currencyCode": context.account.options.currency,
        "budgetItems": [],
        "spendItems": [
            {
                "id": str(number),
                "name": f"Item {number}",
                "amount": float(amount),
                "order": number,
                "createdAt": int(datetime.fromisoformat(f"{day}T12:00:00Z").timestamp() * 1000),
                "updatedAt": int(datetime.fromisoformat(f"{day}T12:00:00Z").timestamp() * 1000),
            }
            for number, (day, amount) in enumerate(items)
        ],
        "spendTotal": sum(float(amount) for _, amount in items),
    }


def _campaign(
    context: Context, guid: str, name: str, utm: str | None, *, wanted: list[str]
) -> Document:
    """Properties without a value are left out."""
    first, last = context.account.campaign_span()
    held = {
        "hs_name": name,
        "hs_utm": utm,
        "hs_start_date": first.isoformat(),
        "hs_end_date": last.isoformat(),
        "hs_currency_code": context.account.options.currency,
    }
    return {
        "id": guid,
        "businessUnits": [],
        "properties": {key: value for key, value in held.items() if key in wanted and value},
        "createdAt": iso(EPOCH),
        "updatedAt": iso(EPOCH),
    }


def _property(one: Property) -> Document:
    return {
        "name": one.name,
        "label": one.label,
        "type": one.type,
        "fieldType": "text",
        "description": "",
        "groupName": "information",
        "options": [],
        "hasUniqueValue": one.unique,
        "hubspotDefined": one.own,
        "modificationMetadata": {"archivable": not one.own, "readOnlyValue": False},
    }


def _known(guid: str) -> None:
    if guid not in {one[0] for one in company.CAMPAIGNS}:
        raise not_found(f"campaign {guid}")


def _day(query: Query, name: str) -> date:
    try:
        return date.fromisoformat(query.text(name))
    except ValueError:
        raise invalid(f"{name} must be a date like 2026-11-23", [name]) from None
