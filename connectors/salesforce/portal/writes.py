"""Records made, changed, upserted and deleted: alone, and as parts of one call."""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

from connectors.salesforce.portal.context import Context
from connectors.salesforce.portal.errors import SeveralFound, bad, not_found

Document = dict[str, Any]
REFUSED = 400
REFERENCE = re.compile(r"@\{(\w+)\.(\w+)\}")
MOST_PARTS, MOST_QUERIES = 25, 5


def create(context: Context, kind: str) -> Document:
    context.only()
    entry = context.org.create(kind, _fields(context.body()))
    context.status = 201
    return _saved(entry.id)


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


def composite(context: Context, perform: Callable[[str, str, Any], tuple[int, Any]]) -> Document:
    """Several calls as one: each with a status of its own; `perform` does one."""
    context.only()
    body = context.body()
    parts = body.get("compositeRequest")
    if not isinstance(parts, list) or not 0 < len(parts) <= MOST_PARTS:
        raise bad("PROCESSING_HALTED", "between 1 and 25 subrequests are possible")
    queries = [part for part in parts if "/query" in part["url"]]
    if len(queries) > MOST_QUERIES:
        raise bad("PROCESSING_HALTED", "at most 5 of the subrequests may be queries")
    before = deepcopy(context.org.stores) if body.get("allOrNone") else None
    answers: list[Document] = []
    known: dict[str, Any] = {}
    for part in parts:
        url = _referred(part["url"], known)
        if not urlsplit(url).path.startswith(f"/services/data/v{context.version}/"):
            raise bad("INVALID_URL", "subrequests are of the same version")
        status, told = perform(part["method"], url, _referred(part.get("body"), known))
        name = part["referenceId"]
        known[name] = told
        head = {"httpHeaders": {}, "httpStatusCode": status, "referenceId": name}
        answers.append({"body": told, **head})
    failed = [one for one in answers if one["httpStatusCode"] >= REFUSED]
    if before is not None and failed:
        context.org.stores = before
        halted = bad("PROCESSING_HALTED", "The transaction was rolled back").body
        for one in answers:
            if one not in failed:
                one |= {"body": halted, "httpStatusCode": REFUSED}
    return {"compositeResponse": answers}


def _referred(value: Any, known: Document) -> Any:
    """With what parts before it answered in place of `@{name.field}`. Raises Refused."""
    if isinstance(value, dict):
        return {name: _referred(each, known) for name, each in value.items()}
    if not isinstance(value, str):
        return value

    def told(found: re.Match[str]) -> str:
        answer = known.get(found[1])
        if not isinstance(answer, dict) or found[2] not in answer:
            raise bad("PROCESSING_HALTED", f"Invalid reference specified: {found[0]}")
        return str(answer[found[2]])

    return REFERENCE.sub(told, value)


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
        return _saved(found[0].id, created=False)
    made = org.create(kind, {**values, name: value})
    return _saved(made.id, created=True)


def _saved(id_: str, **more: bool) -> Document:
    return {"id": id_, "success": True, "errors": [], **more}


def _fields(body: Document) -> Document:
    return {name: value for name, value in body.items() if name != "attributes"}
