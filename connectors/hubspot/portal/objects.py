"""Objects of the CRM: listed, read, searched, written; and the links between them."""

import base64
from typing import Any

from connectors.hubspot.portal import company
from connectors.hubspot.portal.bodies import (
    ArchiveBody,
    BatchCreateBody,
    BatchReadBody,
    CreateBody,
    Kinds,
    LinksBody,
    Query,
    SearchBody,
    UpdateBody,
    body_of,
)
from connectors.hubspot.portal.context import NOT_THERE, Context, part
from connectors.hubspot.portal.errors import Refused, invalid, not_found
from connectors.hubspot.portal.search import search
from connectors.hubspot.portal.store import Entry, shown

Document = dict[str, Any]
LIST: Kinds = {
    "limit": "number",
    "after": "text",
    "archived": "flag",
    "properties": "list",
    "propertiesWithHistory": "list",
    "associations": "list",
}
READ: Kinds = {name: LIST[name] for name in LIST if name not in ("limit", "after")}
READ |= {"idProperty": "text"}
MOST_LISTED, MOST_WITH_HISTORY, MOST_IN_BATCH = 100, 50, 100
# Links shown with a row, and a page of them.
MOST_LINKS = 100
DEFAULTS = ["createdate", "hs_lastmodifieddate", "lastmodifieddate"]


def list_objects(context: Context, kind: str) -> Document:
    account, query = context.account, Query(context.request, LIST)
    kind = account.kind(kind)
    history = query.many("propertiesWithHistory")
    limit = query.number("limit", 10, 1, MOST_WITH_HISTORY if history else MOST_LISTED)
    archived = query.flag("archived")
    after = _opened(query.text("after"))
    page: list[Entry] = []
    more = False
    for entry in account.stores[kind].after(after):
        if (entry.archived is not None) != archived:
            continue
        if len(page) == limit:
            more = True
            break
        page.append(entry)
    names = query.many("properties") or DEFAULTS
    others = [account.kind(name) for name in query.many("associations")]
    rows = [_row(context, kind, entry, names, history, others) for entry in page]
    answer: Document = {"results": rows}
    if more:
        answer["paging"] = {"next": {"after": _closed(page[-1].id), "link": "?"}}
    return answer


def get_object(context: Context, kind: str, id_: str) -> Document:
    account, query = context.account, Query(context.request, READ)
    kind = account.kind(kind)
    by = query.text("idProperty")
    archived = query.flag("archived")
    entry = account.by_property(kind, by, id_) if by else account.stores[kind].get(id_, archived)
    if entry is None:
        raise not_found(f"{kind} {id_}")
    others = [account.kind(name) for name in query.many("associations")]
    names = query.many("properties") or DEFAULTS
    return _row(context, kind, entry, names, query.many("propertiesWithHistory"), others)


def search_objects(context: Context, kind: str) -> Document:
    Query(context.request, {})
    body = body_of(context.request, SearchBody)
    return search(context.account, context.account.kind(kind), body, len(context.request.body))


def batch_read(context: Context, kind: str) -> Document:
    account, query = context.account, Query(context.request, {"archived": "flag"})
    kind = account.kind(kind)
    body = body_of(context.request, BatchReadBody)
    _check_batch(
        [one.id for one in body.inputs],
        MOST_WITH_HISTORY if body.properties_with_history else MOST_IN_BATCH,
    )
    names = body.properties or DEFAULTS
    results, missing, errors = [], [], []
    for one in body.inputs:
        if (fault := context.fault()) is not None:
            errors.append(part(fault.code, fault.description, ids=[one.id]))
            continue
        entry = (
            account.by_property(kind, body.id_property, one.id)
            if body.id_property
            else account.stores[kind].get(one.id, query.flag("archived"))
        )
        if entry is None:
            missing.append(one.id)
        else:
            results.append(shown(entry, names, body.properties_with_history))
    # In no order of the inputs.
    if missing:
        errors.append(part(NOT_THERE, "not found", ids=missing))
    return context.in_parts(list(reversed(results)), errors)


def create_object(context: Context, kind: str) -> Document:
    Query(context.request, {})
    kind = context.account.kind(kind)
    entry = _create(context, kind, body_of(context.request, CreateBody))
    context.status = 201
    return shown(entry, list(entry.values), [])


def batch_create(context: Context, kind: str) -> Document:
    """All or none, unless every input has a trace id of its own."""
    Query(context.request, {})
    kind = context.account.kind(kind)
    inputs = body_of(context.request, BatchCreateBody).inputs
    traces = {one.object_write_trace_id for one in inputs} - {None}
    traced = len(traces) == len(inputs)
    if not inputs or len(inputs) > MOST_IN_BATCH:
        raise invalid("a batch holds 1 to 100 inputs", ["inputs"])
    made, errors = [], []
    for one in inputs:
        try:
            made.append((_create(context, kind, one), one.object_write_trace_id))
        except Refused as error:
            if not traced:
                for entry, _ in made:
                    del context.account.stores[kind].entries[entry.id]
                    context.account.stores[kind].drop(entry.id)
                raise
            trace = {"context": {"objectWriteTraceId": [one.object_write_trace_id]}}
            errors.append({**error.body, **trace})
    results = [
        shown(entry, list(entry.values), []) | ({"objectWriteTraceId": trace} if trace else {})
        for entry, trace in made
    ]
    return context.in_parts(results, errors, 201)


def update_object(context: Context, kind: str, id_: str) -> Document:
    account, query = context.account, Query(context.request, {"idProperty": "text"})
    kind = account.kind(kind)
    by = query.text("idProperty")
    entry = account.by_property(kind, by, id_) if by else account.stores[kind].get(id_)
    if entry is None:
        raise not_found(f"{kind} {id_}")
    body = body_of(context.request, UpdateBody)
    changed = account.update(kind, entry, body.properties, account.clock.seconds())
    context.events.changed(kind, entry, changed)
    return shown(entry, list(entry.values), [])


def batch_archive(context: Context, kind: str) -> None:
    """Those that are gone already do not matter."""
    Query(context.request, {})
    account = context.account
    kind = account.kind(kind)
    inputs = body_of(context.request, ArchiveBody).inputs
    _check_batch([one.id for one in inputs], MOST_IN_BATCH)
    for one in inputs:
        entry = account.stores[kind].get(one.id)
        if entry is not None:
            account.stores[kind].archive(entry, account.clock.seconds())
            context.events.happened(kind, entry, "deletion")
    context.status = 204


def read_links(context: Context, from_: str, to: str) -> Document:
    Query(context.request, {})
    account = context.account
    kind, other = account.kind(from_), account.kind(to)
    inputs = body_of(context.request, LinksBody).inputs
    _check_batch([one.id for one in inputs], MOST_IN_BATCH)
    results, missing, errors = [], [], []
    for one in inputs:
        if (fault := context.fault()) is not None:
            errors.append(part(fault.code, fault.description, fromObjectId=[one.id]))
            continue
        start = int(one.after or 0)
        links = account.linked(kind, int(one.id), other) if one.id.isdecimal() else []
        page = links[start : start + MOST_LINKS]
        if not page:
            missing.append(one.id)
            continue
        row: Document = {
            "from": {"id": one.id},
            "to": [
                {
                    "toObjectId": str(id_),
                    "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": type_id}],
                }
                for id_, type_id in page
            ],
        }
        if start + MOST_LINKS < len(links):
            row["paging"] = {"next": {"after": str(start + MOST_LINKS), "link": "?"}}
        results.append(row)
    if missing:
        errors.append(part(NOT_THERE, "No associations", fromObjectId=missing))
    return context.in_parts(results, errors)


def _create(context: Context, kind: str, body: CreateBody) -> Entry:
    account = context.account
    for link in body.associations:
        _target(context, kind, link.to.id, [one.association_type_id for one in link.types])
    entry = account.create(kind, body.properties, account.clock.seconds())
    for link in body.associations:
        types = [one.association_type_id for one in link.types]
        other = _target(context, kind, link.to.id, types)
        account.link(kind, entry.id, other, int(link.to.id), types[0])
    context.events.happened(kind, entry, "creation")
    return entry


def _target(context: Context, kind: str, id_: str, types: list[int]) -> str:
    """What an association type leads to. Direction matters. Raises Refused."""
    for (from_, other), known in company.LINKS.items():
        if from_ == kind and types and set(types) <= known:
            if context.account.stores[other].get(id_) is None:
                raise invalid(f"association to {other} {id_}: it does not exist", [id_])
            return other
    raise invalid(f"association types {types} do not lead from {kind}", ["associations"])


def _row(
    context: Context,
    kind: str,
    entry: Entry,
    names: list[str],
    history: list[str],
    others: list[str],
) -> Document:
    row = shown(entry, names, history)
    found: Document = {}
    for other in others:
        links = context.account.linked(kind, entry.id, other)
        if links:
            shown_links = [
                {"id": str(id_), "type": f"{kind}_to_{other}"} for id_, _ in links[:MOST_LINKS]
            ]
            found[other] = {"results": shown_links}
            if len(links) > MOST_LINKS:
                found[other]["paging"] = {"next": {"after": str(MOST_LINKS), "link": "?"}}
    return row | ({"associations": found} if found else {})


def _check_batch(ids: list[str], most: int) -> None:
    if not 0 < len(ids) <= most:
        raise invalid(f"a batch holds 1 to {most} inputs", ["inputs"])
    if len(set(ids)) < len(ids):
        raise invalid("Duplicate IDs found in batch input", ["inputs"])


def _closed(id_: int) -> str:
    """Opaque, as documented."""
    return base64.urlsafe_b64encode(f"after:{id_}".encode()).decode()


def _opened(after: str) -> int:
    if not after:
        return 0
    try:
        return int(base64.urlsafe_b64decode(after).decode().removeprefix("after:"))
    except ValueError:
        raise invalid("after is not valid", ["after"]) from None
