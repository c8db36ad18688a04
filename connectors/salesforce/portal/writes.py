"""Records made, changed, upserted and deleted: alone, in collections, and as parts of one call."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from connectors.salesforce.portal.context import Context
from connectors.salesforce.portal.errors import Refused, SeveralFound, bad, not_found

Document = dict[str, Any]
MOST_RECORDS, MOST_PARTS, MOST_QUERIES = 200, 25, 5


def create(context: Context, kind: str) -> Document:
    context.only()
    entry = context.org.create(kind, _fields(context.body()))
    context.status = 201
    return {"id": entry.id, "success": True, "errors": []}


def update(context: Context, kind: str, id_: str) -> None:
    context.only()
    values = _fields(context.body())
    if "Id" in values:
        raise bad("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    context.org.update(kind, context.org.entry(kind, id_), values)
    context.status = 204


def delete(context: Context, kind: str, id_: str) -> None:
    context.only()
    org = context.org
    org.delete(kind, org.entry(kind, id_), org.clock.seconds())
    context.status = 204


def upsert(context: Context, kind: str, name: str, value: str) -> Document:
    context.only()
    answer = _upserted(context, kind, name, value, _fields(context.body()))
    context.status = 201 if answer["created"] else 200
    return answer


def create_many(context: Context) -> list[Document]:
    return _each(context, lambda kind, row: context.org.create(kind, row).id)


def update_many(context: Context) -> list[Document]:
    def changed(kind: str, row: Document) -> str:
        entry = context.org.entry(kind, str(row.pop("Id", row.pop("id", ""))))
        context.org.update(kind, entry, row)
        return entry.id

    return _each(context, changed)


def composite(context: Context, perform: Callable[[str, str, Any], tuple[int, Any]]) -> Document:
    """Several calls as one: each with a status of its own; `perform` does one."""
    context.only()
    body = context.body()
    parts = body.get("compositeRequest")
    if not isinstance(parts, list) or not 0 < len(parts) <= MOST_PARTS:
        raise bad("PROCESSING_HALTED", "between 1 and 25 subrequests are possible")
    if body.get("allOrNone"):
        raise bad("FUNCTIONALITY_NOT_ENABLED", "allOrNone is not imitated here")
    queries = [part for part in parts if "/query" in part["url"]]
    if len(queries) > MOST_QUERIES:
        raise bad("PROCESSING_HALTED", "at most 5 of the subrequests may be queries")
    answers = []
    for part in parts:
        path = urlsplit(part["url"]).path
        if not path.startswith(f"/services/data/v{context.version}/"):
            raise bad("INVALID_URL", "subrequests are of the same version")
        status, told = perform(part["method"], part["url"], part.get("body"))
        answers.append(
            {
                "body": told,
                "httpHeaders": {},
                "httpStatusCode": status,
                "referenceId": part["referenceId"],
            }
        )
    return {"compositeResponse": answers}


def _each(context: Context, write: Callable[[str, Document], str]) -> list[Document]:
    """One that fails keeps no other back."""
    context.only()
    body = context.body()
    records = body.get("records")
    if not isinstance(records, list) or not 0 < len(records) <= MOST_RECORDS:
        raise bad("EXCEEDED_MAX_SIZE_REQUEST", "between 1 and 200 records are possible")
    if body.get("allOrNone"):
        raise bad("FUNCTIONALITY_NOT_ENABLED", "allOrNone is not imitated here")
    told: list[Document] = []
    for row in records:
        try:
            kind = row.get("attributes", {}).get("type")
            if not kind:
                raise bad("INVALID_TYPE", "each record needs attributes.type")
            told.append({"id": write(kind, _fields(row)), "success": True, "errors": []})
        except Refused as error:
            told.append(error.saved)
    return told


def _upserted(context: Context, kind: str, name: str, value: str, values: Document) -> Document:
    org = context.org
    known = org.fields(kind).get(name)
    if known is None or not known.external:
        raise not_found("Provided external ID field does not exist or is not accessible")
    if name in values or "Id" in values:
        told = f"The {name} field should not be specified in the sobject data."
        raise bad("INVALID_FIELD", told, name)
    found = org.with_value(kind, name, value)
    if len(found) > 1:
        base = f"/services/data/v{context.version}/sobjects/{kind}"
        raise SeveralFound([f"{base}/{one.id}" for one in found])
    if found:
        org.update(kind, found[0], values)
        return {"id": found[0].id, "success": True, "errors": [], "created": False}
    made = org.create(kind, {**values, name: value})
    return {"id": made.id, "success": True, "errors": [], "created": True}


def _fields(body: Document) -> Document:
    return {name: value for name, value in body.items() if name != "attributes"}
