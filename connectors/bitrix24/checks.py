"""Whether a connection works: the portal answers, the key is good and may do what we need."""

from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Annotated

from msgspec import Meta, Struct

from connectors.bitrix24 import fields
from connectors.bitrix24.config import Bitrix24Config
from connectors.bitrix24.mapping import DEAL, LEAD
from connectors.bitrix24.pipelines import lead_stages
from connectors.bitrix24.wire import Command, Portal, decode, moment_text
from connectors.errors import BadResponse, NotPermitted, Unavailable
from connectors.http import UNREACHABLE

# One of each row is enough. Scope `tasks` (REST 3) and `im` are better to have, but not needed.
SCOPES = (
    ("crm",),
    ("task",),
    ("user_brief", "user_basic", "user"),
    ("userfieldconfig",),
)
TICK = "Edit the webhook in the portal (Developer resources) and tick them, then run a check."


class Person(Struct, frozen=True, rename="upper"):
    id: str
    name: str | None = None
    last_name: str | None = None


class Dated(Struct, frozen=True, rename="camel"):
    id: int
    updated_time: Annotated[datetime, Meta(tz=True)]


class DatedAnswer(Struct, frozen=True):
    items: list[Dated]


def check(portal: Portal, config: Bitrix24Config) -> str:
    """What to call the account: the portal's host and the user we are. Raises a ConnectorError."""
    host = config.origin.partition("://")[2]
    try:
        scopes = portal.read("scope", {}, list[str])
    except Unavailable as error:
        raise Unavailable(
            f"The portal {host} does not answer: {error.message.removeprefix(UNREACHABLE)}",
            next_step="Check the address for typing errors, and that this machine may reach it.",
        ) from error
    missing = [" or ".join(names) for names in SCOPES if not set(names) & set(scopes)]
    if missing:
        raise NotPermitted(
            f"The key lacks these scopes: {', '.join(missing)}.",
            next_step=TICK,
        )
    person = whoami(portal)
    _check_fields(portal, config)
    _check_qualified(portal, config)
    for entity_type in (DEAL, LEAD):
        _check_date_filter(portal, entity_type)
    name = " ".join(part for part in (person.name, person.last_name) if part)
    # The account, and whose key it is: shown on pages of any language.
    return f"{host} ({name or person.id})"


def whoami(portal: Portal) -> Person:
    return portal.read("user.current", {}, Person)


def _check_fields(portal: Portal, config: Bitrix24Config) -> None:
    if not config.fields:
        return
    known = {*fields.shown_names(portal, LEAD), *fields.shown_names(portal, DEAL)}
    unknown = sorted(set(config.fields.values()) - known)
    if unknown:
        raise NotPermitted(
            f"Leads and deals have no field {', '.join(unknown)}.",
            next_step="Correct the mapping of custom fields, then run a check.",
        )


def _check_qualified(portal: Portal, config: Bitrix24Config) -> None:
    """A misspelt stage would leave its leads unqualified, and nobody would notice."""
    if not config.qualified_stages:
        return
    known = lead_stages(portal)
    unknown = [stage for stage in config.qualified_stages if stage not in known]
    if not unknown:
        return
    near = get_close_matches(unknown[0].upper(), known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise NotPermitted(
        f"Leads have no stage {', '.join(map(repr, unknown))}.",
        next_step=f"{meant}qualified_stages may name: {', '.join(known)}.",
    )


def _check_date_filter(portal: Portal, entity_type: int) -> None:
    """The newest record must pass a filter from its own moment on, and fail one a second later.

    Portals differ in how they read the moments of a filter, and a wrong one would lose changes
    silently. So this sends just what a delta sends.
    """
    newest = _dated("newest", entity_type, {}, "DESC")
    found = decode(portal.batch([newest]).result("newest"), DatedAnswer).items
    if not found:
        return
    one = found[0]
    at = one.updated_time
    batch = portal.batch(
        [
            _dated(name, entity_type, {"=id": one.id, ">=updatedTime": moment_text(bound)}, "ASC")
            for name, bound in (("same", at), ("later", at + timedelta(seconds=1)))
        ]
    )
    same = decode(batch.result("same"), DatedAnswer).items
    later = decode(batch.result("later"), DatedAnswer).items
    # A record that was edited meanwhile is found rightly.
    if not same or any(row.updated_time <= at for row in later):
        raise BadResponse(
            "The portal does not filter by moments with an offset as documented.",
            next_step="Report it with the portal's time zone: changes would be lost here.",
        )


def _dated(name: str, entity_type: int, condition: dict[str, object], order: str) -> Command:
    return Command(
        name,
        "crm.item.list",
        {
            "entityTypeId": entity_type,
            "order": {"id": order},
            "filter": condition,
            "select": ["id", "updatedTime"],
            "start": -1,
        },
    )
