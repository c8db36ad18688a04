"""`crm.lead.list`, `crm.deal.list`, `crm.contact.list`: the frozen twins of `crm.item.list`.

UPPER_CASE names, every scalar a text, and a filter field that is not known is ignored.
"""

import re
from collections.abc import Callable
from typing import Any

from connectors.bitrix24.portal.answers import Answer, Credential, Params, listed, mapped
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.entity import ItemEntity
from connectors.bitrix24.portal.errors import PortalError
from connectors.bitrix24.portal.lists import list_rows
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.schema import CONTACT, DEAL, LEAD, Field
from connectors.bitrix24.portal.state import Portal

RENAMED = {
    "createdTime": "DATE_CREATE",
    "updatedTime": "DATE_MODIFY",
    "createdBy": "CREATED_BY_ID",
    "updatedBy": "MODIFY_BY_ID",
    "movedBy": "MOVED_BY_ID",
}
RENAMED_LEAD = {"stageId": "STATUS_ID", "stageSemanticId": "STATUS_SEMANTIC_ID"}
PREFIX = re.compile(r"^([!<>=@%]*)(.*)$")


def list_method(entity_type_id: int) -> Callable[[Portal, Params, Credential], Answer]:
    def run(portal: Portal, params: Params, _: Credential) -> Answer:
        entity = portal.items[entity_type_id]
        names = legacy_names(entity)
        given = params.get("filter", params.get("FILTER"))
        if given is not None and not isinstance(given, dict | list):
            raise PortalError(400, "", "Parameter 'filter' must be array.")
        select = [str(name) for name in listed(params.get("select"))]
        chosen = names if not select or "*" in select else _only(names, select)
        rows, page = list_rows(entity, _modern(params, names, chosen), strict=False)
        shown = [_shown(rows[index], chosen, entity.schema.by_name) for index in range(len(rows))]
        return Answer(shown, page.total, page.next)

    return run


def legacy_names(entity: ItemEntity) -> dict[str, str]:
    """UPPER_CASE name -> camelCase name."""
    renamed = RENAMED | (RENAMED_LEAD if entity.schema.entity_type_id == LEAD else {})
    singles = (field for field in entity.schema.fields if not field.multiple)
    return {renamed.get(field.name, field.upper): field.name for field in singles}


def _only(names: dict[str, str], select: list[str]) -> dict[str, str]:
    """The id comes back unasked."""
    return {name: names[name] for name in dict.fromkeys(["ID", *select]) if name in names}


def _modern(params: Params, names: dict[str, str], chosen: dict[str, str]) -> Params:
    filters = {}
    for key, value in mapped(params.get("filter", params.get("FILTER"))).items():
        found = PREFIX.match(key)
        prefix, name = found.groups() if found else ("", key)
        if name in names:
            filters[prefix + names[name]] = value
    order = mapped(params.get("order"))
    return {
        "filter": filters,
        "order": {names[name]: way for name, way in order.items() if name in names},
        "select": list(chosen.values()),
        "start": params.get("start", 0),
    }


def _shown(row: Row, chosen: dict[str, str], fields: dict[str, Field]) -> Row:
    return {name: _text(row[field], fields[field]) for name, field in chosen.items()}


def _text(value: Any, field: Field) -> Any:
    if value is None:
        return "" if field.kind in {"datetime", "date"} else None
    if field.kind.startswith(("crm_c", "crm_e")) and value == 0:
        return None
    if field.kind == "double" and not field.custom:
        return f"{value:.2f}"
    return str(value)


METHODS = {
    "crm.lead.list": Method(list_method(LEAD), "crm"),
    "crm.deal.list": Method(list_method(DEAL), "crm"),
    "crm.contact.list": Method(list_method(CONTACT), "crm"),
}
