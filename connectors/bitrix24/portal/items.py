"""`crm.item.*`: leads, deals, contacts and smart-process items."""

from typing import Any

from connectors.bitrix24.portal.answers import Answer, Credential, Params, mapped, whole
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.entity import ItemEntity
from connectors.bitrix24.portal.errors import (
    PortalError,
    invalid_argument,
    not_found,
    not_visible,
)
from connectors.bitrix24.portal.lists import list_rows
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.schema import CONTACT, DEAL, LEAD, new_item
from connectors.bitrix24.portal.stages import first_stage, move, record_creation
from connectors.bitrix24.portal.state import Portal

WEEK = 7 * 86400


def items_of(portal: Portal, params: Params) -> ItemEntity:
    found = portal.items.get(whole(params, "entityTypeId"))
    if found is None:
        raise PortalError(400, "NOT_FOUND", "Smart process not found")
    return found


def item_list(portal: Portal, params: Params, _: Credential) -> Answer:
    rows, page = list_rows(items_of(portal, params), params)
    return Answer({"items": rows}, page.total, page.next)


def item_get(portal: Portal, params: Params, _: Credential) -> Answer:
    entity = items_of(portal, params)
    return Answer({"item": full_item(entity, readable(entity, whole(params, "id")))})


def item_fields(portal: Portal, params: Params, _: Credential) -> Answer:
    fields = items_of(portal, params).schema.fields
    return Answer({"fields": {field.name: field.described() for field in fields}})


def item_add(portal: Portal, params: Params, who: Credential) -> Answer:
    entity = items_of(portal, params)
    row = add_item(portal, entity, mapped(params.get("fields")), who.user_id)
    return Answer({"item": full_item(entity, row)})


def item_update(portal: Portal, params: Params, who: Credential) -> Answer:
    entity = items_of(portal, params)
    row = readable(entity, whole(params, "id"))
    saved = update_item(portal, entity, row, mapped(params.get("fields")), who.user_id)
    return Answer({"item": full_item(entity, saved)})


def item_delete(portal: Portal, params: Params, _: Credential) -> Answer:
    entity = items_of(portal, params)
    delete_item(portal, entity, readable(entity, whole(params, "id"))["id"])
    return Answer([])


def readable(entity: ItemEntity, item_id: int) -> Row:
    row = entity.table.get(item_id)
    if row is None:
        raise not_found()
    if entity.table.is_hidden(item_id):
        raise not_visible()
    return row


def full_item(entity: ItemEntity, row: Row) -> Row:
    shown = entity.show(row, tuple(entity.schema.by_name))
    return shown | {"entityTypeId": entity.schema.entity_type_id}


def add_item(portal: Portal, entity: ItemEntity, fields: Row, user_id: int) -> Row:
    type_id = entity.schema.entity_type_id
    if type_id > CONTACT and len(list(entity.table.ids())) >= portal.options.smart_item_limit:
        raise PortalError(
            400,
            "CREATE_DYNAMIC_ITEM_RESTRICTED",
            "You cannot create a new item due to your plan restrictions",
        )
    now = portal.now()
    row = new_item(entity.schema)
    row.update(_starting_values(portal, type_id, fields, user_id, now))
    row.update(_written(entity, fields))
    if row.get("stageId") is None and "stageId" in row:
        row["stageId"] = first_stage(portal, type_id, row.get("categoryId"))
    _derive(portal, type_id, row)
    row["id"] = entity.table.next_id()
    if row.get("title") in (None, ""):
        row["title"] = f"#{row['id']}"
    entity.table.put(row)
    record_creation(portal, type_id, row)
    portal.events.item(type_id, row["id"], "ADD")
    return row


def update_item(portal: Portal, entity: ItemEntity, row: Row, fields: Row, user_id: int) -> Row:
    """Saves what differs. Nothing is saved, and no event sent, when nothing does."""
    type_id = entity.schema.entity_type_id
    written = _written(entity, fields)
    changed = {name: value for name, value in written.items() if row[name] != value}
    if not changed:
        return row
    now = portal.now()
    updated = row | changed | {"updatedTime": now, "updatedBy": user_id}
    if "categoryId" in changed and "stageId" not in changed and type_id == DEAL:
        updated["stageId"] = first_stage(portal, type_id, updated["categoryId"])
    _derive(portal, type_id, updated)
    moved_category = move(portal, type_id, row, updated, user_id)
    entity.table.put(updated)
    if moved_category:
        # A change of pipeline fires this event and no UPDATE.
        portal.events.moved_to_category(row["id"], updated["categoryId"], updated["stageId"])
    else:
        portal.events.item(type_id, row["id"], "UPDATE")
    return updated


def delete_item(portal: Portal, entity: ItemEntity, item_id: int) -> None:
    entity.table.remove(item_id)
    portal.events.item(entity.schema.entity_type_id, item_id, "DELETE")


def _written(entity: ItemEntity, fields: Row) -> Row:
    """Native values of writable fields; unknown and read-only ones are dropped silently."""
    written: dict[str, Any] = {}
    for name, value in fields.items():
        known = entity.schema.by_name.get(name) or entity.schema.by_upper.get(name)
        if known is not None and not known.read_only:
            written[known.name] = entity.stored_value(known, value)
    if "contactId" in written and "contactIds" not in written:
        written["contactIds"] = [written["contactId"]] if written["contactId"] else []
    elif "contactIds" in written:
        written["contactId"] = (written["contactIds"] or [0])[0]
    return written


def _starting_values(portal: Portal, type_id: int, fields: Row, user_id: int, now: int) -> Row:
    by = dict.fromkeys(("createdBy", "updatedBy", "movedBy", "lastActivityBy"), user_id)
    times = dict.fromkeys(("createdTime", "updatedTime", "movedTime", "lastActivityTime"), now)
    start: Row = {**by, **times, "assignedById": user_id}
    today = now - now % 86400
    if type_id == DEAL:
        start |= {"begindate": today, "closedate": today + WEEK, "isNew": "Y", "closed": "N"}
        start |= {"categoryId": 0, "currencyId": "EUR", "typeId": "SALE"}
    elif type_id == LEAD:
        start |= {"currencyId": "EUR"}
    elif type_id != CONTACT:
        start["categoryId"] = portal.categories[type_id][0]["id"]
    if "title" in fields and not isinstance(fields["title"], str | int | float):
        raise invalid_argument("Invalid value of field 'title'")
    return start


def _derive(portal: Portal, type_id: int, row: Row) -> None:
    """Fields that follow from the stage."""
    if type_id not in (LEAD, DEAL):
        return
    semantics = portal.semantics(type_id, row["stageId"])
    row["stageSemanticId"] = semantics
    if type_id == DEAL:
        row["closed"] = "N" if semantics == "P" else "Y"


METHODS = {
    "crm.item.list": Method(item_list, "crm"),
    "crm.item.get": Method(item_get, "crm"),
    "crm.item.fields": Method(item_fields, "crm"),
    "crm.item.add": Method(item_add, "crm"),
    "crm.item.update": Method(item_update, "crm"),
    "crm.item.delete": Method(item_delete, "crm"),
}
