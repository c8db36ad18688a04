"""Which address is which call: verb, pattern, name in the log and in fault plans, scope."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.hubspot.portal import objects, reference

OBJECT, ID = r"(?P<kind>[\w-]+)", r"(?P<id>[^/]+)"
Call = Callable[..., Any]


@dataclass(frozen=True)
class Route:
    """`scope` may hold `{kind}`; empty asks for none. A search has a limit of its own."""

    verb: str
    pattern: re.Pattern[str]
    name: str
    scope: str
    call: Call

    @property
    def is_search(self) -> bool:
        return self.name.endswith(".search")


@dataclass(frozen=True)
class Match:
    route: Route
    arguments: Mapping[str, str]

    @property
    def method(self) -> str:
        return self.route.name.replace("{kind}", self.arguments.get("kind", ""))

    @property
    def scope(self) -> str:
        kind = self.arguments.get("kind", "")
        return self.route.scope.replace("{kind}", SCOPES.get(kind, kind))


# Tasks go by the scope of contacts.
SCOPES = {
    **{"tasks": "contacts", "0-27": "contacts", "0-1": "contacts", "0-3": "deals"},
    **{"0-136": "leads", "goal_targets": "goals", "0-74": "goals"},
}


def routes(version: str) -> list[Route]:
    objects_at = f"/crm/objects/{version}/{OBJECT}"
    campaigns_at = f"/marketing/campaigns/{version}"
    read, write = "crm.objects.{kind}.read", "crm.objects.{kind}.write"
    schema = "crm.schemas.contacts"
    links = f"/crm/associations/{version}/{OBJECT}/(?P<to>[\\w-]+)/batch/read"
    properties_at = f"/crm/properties/{version}/{OBJECT}"
    figures = "marketing.campaigns.read"
    table: list[tuple[str, str, str, str, Call]] = [
        ("GET", objects_at, "{kind}.list", read, objects.list_objects),
        ("POST", objects_at, "{kind}.create", write, objects.create_object),
        ("POST", f"{objects_at}/search", "{kind}.search", read, objects.search_objects),
        ("POST", f"{objects_at}/batch/read", "{kind}.batch_read", read, objects.batch_read),
        ("POST", f"{objects_at}/batch/create", "{kind}.batch_create", write, objects.batch_create),
        ("POST", f"{objects_at}/batch/archive", "{kind}.archive", write, objects.batch_archive),
        ("GET", f"{objects_at}/{ID}", "{kind}.get", read, objects.get_object),
        ("PATCH", f"{objects_at}/{ID}", "{kind}.update", write, objects.update_object),
        ("POST", links, "{kind}.links", read, objects.read_links),
        ("GET", f"/account-info/{version}/details", "account", "", reference.details),
        ("GET", f"/crm/owners/{version}", "owners", "crm.objects.owners.read", reference.owners),
        (
            "GET",
            f"/crm/pipelines/{version}/{OBJECT}",
            "{kind}.pipelines",
            read,
            reference.pipelines,
        ),
        ("GET", properties_at, "{kind}.properties", "", reference.properties),
        (
            "POST",
            properties_at,
            "{kind}.add_property",
            f"{schema}.write",
            reference.create_property,
        ),
        ("GET", f"{properties_at}/groups", "{kind}.groups", f"{schema}.read", reference.groups),
        (
            "GET",
            f"{properties_at}/{ID}",
            "{kind}.property",
            f"{schema}.read",
            reference.get_property,
        ),
        ("GET", campaigns_at, "campaigns.list", figures, reference.campaigns),
        ("GET", f"{campaigns_at}/{ID}", "campaigns.get", figures, reference.campaign),
        (
            "GET",
            f"{campaigns_at}/{ID}/reports/metrics",
            "campaigns.metrics",
            figures,
            reference.metrics,
        ),
        (
            "GET",
            f"{campaigns_at}/{ID}/budget/totals",
            "campaigns.totals",
            figures,
            reference.totals,
        ),
    ]
    return [
        Route(verb, re.compile(pattern), name, scope, call)
        for verb, pattern, name, scope, call in table
    ]


def find(known: list[Route], verb: str, path: str) -> Match | None:
    for route in known:
        match = route.pattern.fullmatch(path)
        if match and route.verb == verb:
            return Match(route, match.groupdict())
    return None
