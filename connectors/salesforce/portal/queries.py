"""Queries page by page, descriptions, and records by their ids."""

import re
from typing import Any

from connectors.salesforce.portal.context import Context
from connectors.salesforce.portal.errors import Refused, bad, not_found
from connectors.salesforce.portal.ids import LONG, SHORT, long
from connectors.salesforce.portal.org import Org
from connectors.salesforce.portal.schema import described
from connectors.salesforce.portal.soql import Query

Document = dict[str, Any]
CURSOR_SECONDS = 2 * 86_400.0
FEWEST, MOST = 200, 2000
BATCH = re.compile(r"batchSize=(\d+)")
MOST_READ = 2000


def query(context: Context) -> Document:
    return _queried(context, everything=False)


def query_all(context: Context) -> Document:
    return _queried(context, everything=True)


def query_more(context: Context, locator: str) -> Document:
    context.only()
    number, _, start = locator.rpartition("-")
    org = context.org
    if number not in org.cursors or not start.isdecimal():
        raise bad("INVALID_QUERY_LOCATOR", "invalid query locator")
    made, wanted, ids, everything = org.cursors[number]
    if org.clock.seconds() - made > CURSOR_SECONDS:
        raise bad("INVALID_QUERY_LOCATOR", "the query locator is too old")
    return _page(context, number, wanted, ids, int(start), everything)


def describe(context: Context, kind: str) -> Document:
    context.only()
    return described(kind, context.org.fields(kind))


def get_record(context: Context, kind: str, id_: str) -> Document:
    context.only("fields")
    org = context.org
    names = _names(context, kind)
    entry = org.entry(kind, id_)
    return org.shown(kind, org.seen(entry) or entry.values, names)


def read_records(context: Context, kind: str) -> list[Document | None]:
    """In the order of the ids; nothing where there is none."""
    context.only()
    body, org = context.body(), context.org
    known = org.fields(kind)
    ids, names = body.get("ids"), body.get("fields")
    if not isinstance(ids, list) or not isinstance(names, list) or not ids:
        raise bad("MISSING_ARGUMENT", "ids and fields are required")
    if len(ids) > MOST_READ:
        raise bad("EXCEEDED_ID_LIMIT", "at most 2000 ids")
    wrong = [one for one in ids if not isinstance(one, str) or len(one) not in (SHORT, LONG)]
    if wrong:
        raise bad("MALFORMED_ID", f"malformed id {wrong[0]}")
    for name in names:
        if name not in known:
            raise bad("INVALID_FIELD", f"No such column '{name}' on entity '{kind}'.")
    found = [org.store(kind).get(long(one)) for one in ids]
    return [
        None
        if one is None or (values := org.seen(one)) is None
        else org.shown(kind, values, ["Id", *(name for name in names if name != "Id")])
        for one in found
    ]


def limits(context: Context) -> Document:
    context.only()
    return context.limits.told()


def _queried(context: Context, *, everything: bool) -> Document:
    context.only("q")
    org = context.org
    wanted, entries = org.found(context.need("q"), everything)
    if wanted.counts:
        return {"totalSize": len(entries), "done": True, "records": []}
    ids = [one.id for one in entries]
    number = f"0r8{len(org.cursors) + 1:012}AAA"
    org.cursors[number] = (org.clock.seconds(), wanted, ids, everything)
    return _page(context, number, wanted, ids, 0, everything)


def _page(
    context: Context, number: str, wanted: Query, ids: list[str], start: int, everything: bool
) -> Document:
    """What was deleted since the query was asked is left out of its page."""
    end = start + _size(context)
    done = end >= len(ids)
    answer: Document = {"totalSize": len(ids), "done": done}
    if not done:
        answer["nextRecordsUrl"] = f"/services/data/v{context.version}/query/{number}-{end}"
    answer["records"] = [
        row
        for id_ in ids[start:end]
        if (row := _row(context.org, wanted, id_, everything)) is not None
    ]
    return answer


def _row(org: Org, wanted: Query, id_: str, everything: bool) -> Document | None:
    entry = org.store(wanted.object).entries.get(id_)
    values = None if entry is None else org.seen(entry)
    if values is None or (values["IsDeleted"] and not everything):
        return None
    return org.shown(wanted.object, values, wanted.select)


def _size(context: Context) -> int:
    asked = BATCH.fullmatch(context.request.headers.get("sforce-query-options", ""))
    size = int(asked[1]) if asked else MOST
    if not FEWEST <= size <= MOST:
        raise bad("INVALID_BATCH_SIZE", "batchSize must be between 200 and 2000")
    return min(size, context.org.options.page_rows)


def _names(context: Context, kind: str) -> list[str]:
    known = context.org.fields(kind)
    if "fields" not in context.query:
        return list(known)
    names = context.query["fields"].split(",")
    for name in names:
        if name not in known:
            raise bad("INVALID_FIELD", f"No such column '{name}' on entity '{kind}'.")
    return list(dict.fromkeys(["Id", *names]))


def no_route(path: str) -> Refused:
    return not_found(f"The requested resource does not exist: {path}")
