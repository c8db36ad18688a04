"""Smart processes and custom fields: `crm.type.*`, `userfieldconfig.*`."""

from typing import Any

from connectors.bitrix24.portal import company
from connectors.bitrix24.portal.answers import Answer, Credential, Params, listed, mapped, whole
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.entity import ItemEntity
from connectors.bitrix24.portal.errors import PortalError, invalid_argument
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.schema import CONTACT, DEAL, LEAD, base_schema, custom_field
from connectors.bitrix24.portal.state import Portal, stage_entity

FIRST_TYPE_ID = 7
FIRST_DYNAMIC = 1030
FIRST_CATEGORY = 12
FIRST_ITEM_ID = 31
FLAGS = [
    "isCategoriesEnabled",
    "isStagesEnabled",
    "isBeginCloseDatesEnabled",
    "isClientEnabled",
    "isUseInUserfieldEnabled",
    "isLinkWithProductsEnabled",
    "isMycompanyEnabled",
    "isDocumentsEnabled",
    "isSourceEnabled",
    "isObserversEnabled",
    "isRecyclebinEnabled",
    "isAutomationEnabled",
    "isBizProcEnabled",
    "isSetOpenPermissions",
    "isPaymentsEnabled",
    "isCountersEnabled",
]
LINKED = (
    "CALENDAR_EVENT|UF_CRM_CAL_EVENT",
    "TASKS_TASK|UF_CRM_TASK",
    "TASKS_TASK_TEMPLATE|UF_CRM_TASK",
)
STAGES = (("NEW", "Start", None), ("SUCCESS", "Reached", "S"), ("FAIL", "Missed", "F"))
# Only list answers leave these out.
DETAIL = frozenset({"relations", "linkedUserFields", "customSections"})
FIXED_ENTITIES = {"CRM_LEAD": LEAD, "CRM_DEAL": DEAL, "CRM_CONTACT": CONTACT}
TYPES = frozenset({"string", "double", "integer", "boolean", "datetime", "date", "enumeration"})


def type_list(portal: Portal, params: Params, _: Credential) -> Answer:
    wanted = mapped(params.get("filter"))
    rows = [
        {name: value for name, value in type_.items() if name not in DETAIL}
        for type_ in portal.types
        if all(str(type_.get(key)) == str(value) for key, value in wanted.items())
    ]
    return Answer({"types": rows}, len(rows))


def type_add(portal: Portal, params: Params, who: Credential) -> Answer:
    """A fixed entityTypeId is unique in the portal, which makes the create repeatable."""
    fields = mapped(params.get("fields"))
    if len(portal.types) >= portal.options.smart_type_limit:
        raise PortalError(400, "CREATE_DYNAMIC_TYPE_RESTRICTED", "Maximum number of SPAs exceeded")
    if not str(fields.get("title") or ""):
        raise PortalError(400, "BX_EMPTY_REQUIRED", "Required field 'title' is empty")
    entity_type_id = _entity_type_id(portal, fields)
    type_ = _type_row(portal, fields, entity_type_id, who.user_id)
    parents = tuple(parent["entityTypeId"] for parent in type_["relations"]["parent"])
    portal.types.append(type_)
    schema = base_schema(entity_type_id, parents)
    portal.items[entity_type_id] = ItemEntity(schema, portal.zone, first_id=FIRST_ITEM_ID)
    _add_pipeline(portal, entity_type_id)
    return Answer({"type": type_})


def config_list(portal: Portal, params: Params, _: Credential) -> Answer:
    _check_module(params)
    wanted = mapped(params.get("filter"))
    rows = [
        config
        for config in portal.field_configs
        if all(str(config.get(key)) == str(value) for key, value in wanted.items())
    ]
    return Answer({"fields": rows}, len(rows))


def config_add(portal: Portal, params: Params, _: Credential) -> Answer:
    _check_module(params)
    given = mapped(params.get("field"))
    entity_id, name = str(given.get("entityId", "")), str(given.get("fieldName", ""))
    entity = portal.items.get(_owner(portal, entity_id))
    if entity is None:
        raise invalid_argument(f"Entity {entity_id} is not found")
    head = f"UF_{entity_id}_" if entity_id not in FIXED_ENTITIES else "UF_CRM_"
    if not name.startswith(head) or name == head:
        raise PortalError(400, "", f"The field name must begin with {head}")
    if given.get("userTypeId") not in TYPES:
        raise PortalError(400, "", "Unknown field type")
    if name in entity.schema.by_upper:
        raise PortalError(400, "", f"Field {name} for object {entity_id} already exists.")
    config = _config_row(portal, given)
    portal.field_configs.append(config)
    entity.add_field(custom_field(config))
    return Answer({"field": config})


def _entity_type_id(portal: Portal, fields: Params) -> int:
    taken = {type_["entityTypeId"] for type_ in portal.types}
    if not fields.get("entityTypeId"):
        free = FIRST_DYNAMIC
        while free in taken:
            free += 2
        return free
    wanted = whole(fields, "entityTypeId")
    if not (128 <= wanted <= 192 or (wanted >= FIRST_DYNAMIC and wanted % 2 == 0)):
        raise invalid_argument("Invalid value of field 'entityTypeId'")
    if wanted in taken:
        raise PortalError(400, "", f"Type with entityTypeId {wanted} already exists")
    return wanted


def _type_row(portal: Portal, fields: Params, entity_type_id: int, user_id: int) -> Row:
    now = portal.text_now()
    flags = {name: "Y" if fields.get(name) == "Y" else "N" for name in FLAGS}
    flags["isSetOpenPermissions"] = "N" if fields.get("isSetOpenPermissions") == "N" else "Y"
    linked = mapped(fields.get("linkedUserFields"))
    relations = mapped(fields.get("relations"))
    parents = [mapped(parent) for parent in listed(relations.get("parent"))]
    return {
        "id": FIRST_TYPE_ID + len(portal.types),
        "title": str(fields["title"]),
        "code": str(fields.get("code") or ""),
        "createdBy": user_id,
        "entityTypeId": entity_type_id,
        **flags,
        "createdTime": now,
        "updatedTime": now,
        "updatedBy": user_id,
        "relations": {
            "parent": [
                {
                    "entityTypeId": whole(parent, "entityTypeId"),
                    "isChildrenListEnabled": _true(parent.get("isChildrenListEnabled")),
                    "isPredefined": "N",
                }
                for parent in parents
            ],
            "child": [],
        },
        "linkedUserFields": {name: _true(linked.get(name)) for name in LINKED},
        "customSections": [],
        "customSectionId": None,
    }


def _add_pipeline(portal: Portal, entity_type_id: int) -> None:
    category = FIRST_CATEGORY + 2 * (len(portal.types) - 1)
    portal.categories[entity_type_id] = [
        {
            "id": category,
            "name": "General",
            "sort": 100,
            "entityTypeId": entity_type_id,
            "isDefault": "Y",
        }
    ]
    entity_id = stage_entity(entity_type_id, category)
    for number, (stage, name, semantics) in enumerate(STAGES):
        status = f"DT{entity_type_id}_{category}:{stage}"
        row = company.status_row(entity_id, status, name, semantics, 10 + 20 * number, category)
        portal.statuses.append(row | {"ID": str(portal.number())})


def _config_row(portal: Portal, given: Params) -> Row:
    settings: dict[str, Any] = mapped(given.get("settings"))
    if given["userTypeId"] == "double":
        base = {"PRECISION": 2, "SIZE": 20, "MIN_VALUE": 0, "MAX_VALUE": 0, "DEFAULT_VALUE": None}
        settings = base | settings
    return {
        "id": str(portal.number()),
        "entityId": given["entityId"],
        "fieldName": given["fieldName"],
        "userTypeId": given["userTypeId"],
        "xmlId": given.get("xmlId"),
        "sort": "100",
        "multiple": "Y" if given.get("multiple") == "Y" else "N",
        "mandatory": "Y" if given.get("mandatory") == "Y" else "N",
        "showFilter": "N",
        "showInList": "Y",
        "editInList": "Y",
        "isSearchable": "N",
        "settings": settings,
        "languageId": {"en": "en"},
        "editFormLabel": mapped(given.get("editFormLabel")) or {"en": None},
        "listColumnLabel": {"en": None},
        "listFilterLabel": {"en": None},
        "errorMessage": {"en": None},
        "helpMessage": {"en": None},
    }


def _owner(portal: Portal, entity_id: str) -> int:
    """entityTypeId that `CRM_DEAL` or `CRM_7` stands for, 0 for none."""
    if entity_id in FIXED_ENTITIES:
        return FIXED_ENTITIES[entity_id]
    for type_ in portal.types:
        if entity_id == f"CRM_{type_['id']}":
            return int(type_["entityTypeId"])
    return 0


def _check_module(params: Params) -> None:
    if params.get("moduleId") != "crm":
        raise invalid_argument("Invalid value of parameter 'moduleId'")


def _true(value: object) -> str:
    """Relations and links want the text "true"; Y counts for nothing here."""
    return "Y" if str(value).lower() == "true" else "N"


METHODS = {
    "crm.type.list": Method(type_list, "crm"),
    "crm.type.add": Method(type_add, "crm", needs_admin=True),
    "userfieldconfig.list": Method(config_list, "userfieldconfig"),
    "userfieldconfig.add": Method(config_add, "userfieldconfig", needs_admin=True),
}
