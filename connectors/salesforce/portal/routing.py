"""Which address is which call: verb, pattern, name in the log and in fault plans."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.salesforce.portal import logs, queries, writes
from connectors.salesforce.portal.context import Context

KIND = r"(?P<kind>\w+)"
ID = r"(?P<id>[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?)"
Call = Callable[..., Any]


@dataclass(frozen=True)
class Route:
    verb: str
    pattern: re.Pattern[str]
    name: str
    call: Call


@dataclass(frozen=True)
class Match:
    route: Route
    version: str
    arguments: Mapping[str, str]

    @property
    def method(self) -> str:
        return self.route.name.replace("{kind}", self.arguments.get("kind", ""))


def new_job(context: Context) -> Any:
    return context.jobs.create(context.body())


def job(context: Context, id_: str) -> Any:
    return context.jobs.state(id_)


def abort_job(context: Context, id_: str) -> Any:
    context.body()
    return context.jobs.abort(id_)


def results(context: Context, id_: str) -> bytes:
    context.only("locator", "maxRecords")
    context.accepts("text/csv")
    most = int(context.query.get("maxRecords", "50000"))
    content, headers = context.jobs.results(id_, context.query.get("locator", ""), most)
    context.headers |= headers
    return content


JOB = r"(?P<job>750\w+)"
TABLE: tuple[tuple[str, str, str, Call], ...] = (
    ("GET", "/limits", "limits", queries.limits),
    ("GET", "/query", "query", queries.query),
    ("GET", "/queryAll", "query_all", queries.query_all),
    ("GET", r"/query/(?P<locator>[^/]+)", "query_more", queries.query_more),
    ("GET", f"/sobjects/{KIND}/describe", "{kind}.describe", queries.describe),
    ("POST", f"/sobjects/{KIND}", "{kind}.create", writes.create),
    ("GET", f"/sobjects/{KIND}/{ID}", "{kind}.get", queries.get_record),
    ("PATCH", f"/sobjects/{KIND}/{ID}", "{kind}.update", writes.update),
    ("DELETE", f"/sobjects/{KIND}/{ID}", "{kind}.delete", writes.delete),
    (
        "PATCH",
        rf"/sobjects/{KIND}/(?P<field>\w+)/(?P<value>[^/]+)",
        "{kind}.upsert",
        writes.upsert,
    ),
    ("POST", "/composite", "composite", writes.composite),
    ("POST", f"/composite/sobjects/{KIND}", "{kind}.read", queries.read_records),
    ("GET", f"/sobjects/{KIND}/updated", "{kind}.updated", logs.updated),
    ("GET", f"/sobjects/{KIND}/deleted", "{kind}.deleted", logs.deleted),
    ("POST", "/jobs/query", "bulk.create", new_job),
    ("GET", f"/jobs/query/{JOB}", "bulk.state", job),
    ("PATCH", f"/jobs/query/{JOB}", "bulk.abort", abort_job),
    ("GET", f"/jobs/query/{JOB}/results", "bulk.results", results),
)
ROUTES = [
    Route(verb, re.compile(rf"/services/data/v(?P<version>\d+\.0){pattern}"), name, call)
    for verb, pattern, name, call in TABLE
]


def find(verb: str, path: str) -> Match | None:
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match and route.verb == verb:
            arguments = match.groupdict()
            return Match(route, arguments.pop("version"), arguments)
    return None
