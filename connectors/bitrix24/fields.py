"""The fields of leads, deals and contacts, as the portal describes them.

The camelCase name of a custom field follows no safe rule: it is looked up by its `upperName`.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from connectors.bitrix24.mapping import CONTACT, DEAL, LEAD
from connectors.bitrix24.wire import Portal
from connectors.models import Stream
from connectors.port import RemoteField, samples_of

ENTITY_TYPES = {Stream.LEADS: LEAD, Stream.DEALS: DEAL, Stream.CONTACTS: CONTACT}


class FieldRow(Struct, frozen=True, rename="camel"):
    """`is_dynamic` marks a custom field."""

    type: str
    title: str = ""
    upper_name: str = ""
    is_read_only: bool = False
    is_dynamic: bool = False


class FieldsAnswer(Struct, frozen=True):
    fields: dict[str, FieldRow]


class ItemsAnswer(Struct, frozen=True):
    items: list[dict[str, Any]]


def described(portal: Portal, entity_type: int) -> Mapping[str, FieldRow]:
    """By the name under which rows show them."""
    return portal.read("crm.item.fields", {"entityTypeId": entity_type}, FieldsAnswer).fields


def shown_names(portal: Portal, entity_type: int) -> Mapping[str, str]:
    """upperName → the name under which rows show the field."""
    return {row.upper_name: name for name, row in described(portal, entity_type).items()}


def remote_fields(portal: Portal, entity_type: int) -> list[RemoteField]:
    """Every field by its upperName, with values from the newest rows."""
    known = described(portal, entity_type)
    newest = {
        "entityTypeId": entity_type,
        "order": {"id": "DESC"},
        "select": list(known),
        "start": -1,
    }
    rows = portal.read("crm.item.list", newest, ItemsAnswer).items
    return [
        RemoteField(
            name=row.upper_name or name,
            title=row.title,
            type=row.type,
            custom=row.is_dynamic,
            read_only=row.is_read_only,
            samples=samples_of(row.get(name) for row in rows),
        )
        for name, row in known.items()
    ]
