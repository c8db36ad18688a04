"""Stage history and activities."""

from connectors.bitrix24.portal.answers import Answer, Credential, Params, mapped, whole
from connectors.bitrix24.portal.entity import Entity
from connectors.bitrix24.portal.errors import PortalError, core_error
from connectors.bitrix24.portal.lists import list_rows
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.state import Portal


def stage_history(portal: Portal, params: Params, _: Credential) -> Answer:
    history = portal.history.get(whole(params, "entityTypeId"))
    if history is None:
        raise PortalError(400, "ENTITY_TYPE_NOT_SUPPORTED", "Entity type is not supported")
    rows, page = list_rows(history, params, strict=False)
    return Answer({"items": rows}, page.total, page.next)


def activity_list(portal: Portal, params: Params, _: Credential) -> Answer:
    rows, page = list_rows(portal.activities, params, strict=False)
    return Answer(rows, page.total, page.next)


def activity_add(portal: Portal, params: Params, who: Credential) -> Answer:
    fields = mapped(params.get("fields"))
    owner = portal.items.get(whole(fields, "OWNER_TYPE_ID"))
    if owner is None or owner.table.get(whole(fields, "OWNER_ID")) is None:
        raise core_error("The owner is not found")
    return Answer(add_activity(portal, portal.activities, fields, who.user_id))


def add_activity(portal: Portal, activities: Entity, fields: Params, user_id: int) -> int:
    """The new id. Times that are not given are now."""
    row = activities.native(fields)
    now = portal.now()
    for name in ("CREATED", "START_TIME", "END_TIME", "LAST_UPDATED"):
        row[name] = now if row[name] is None else row[name]
    row["ID"] = activities.table.next_id()
    row["RESPONSIBLE_ID"] = row["RESPONSIBLE_ID"] or user_id
    row["AUTHOR_ID"] = user_id
    row["COMPLETED"] = row["COMPLETED"] or "N"
    row["DIRECTION"] = row["DIRECTION"] or (2 if row["TYPE_ID"] else 0)
    activities.table.put(row)
    new_id: int = row["ID"]
    return new_id


METHODS = {
    "crm.stagehistory.list": Method(stage_history, "crm"),
    "crm.activity.list": Method(activity_list, "crm"),
    "crm.activity.add": Method(activity_add, "crm"),
}
