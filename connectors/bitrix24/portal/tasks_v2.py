"""`tasks.task.*` of v2: upper-case in, camelCase text out."""

from collections.abc import Callable
from typing import Any

from connectors.bitrix24.portal.answers import (
    Answer,
    Credential,
    Params,
    listed,
    mapped,
    paged,
    paging,
    whole,
)
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import core_error
from connectors.bitrix24.portal.filters import FilterReader
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.schema import Field
from connectors.bitrix24.portal.state import Portal
from connectors.bitrix24.portal.taskstore import (
    AWAITING,
    DEFERRED,
    DONE,
    IN_PROGRESS,
    KINDS,
    PENDING,
)

# Shown by get and list only when asked for by name.
ON_REQUEST = frozenset({"UF_CRM_TASK", "TAGS"})
OVERDUE, SOON = -1, -3
FILTER_NAMES = {"REAL_STATUS": "STATUS", "TAG": "TAGS"}
DOCUMENTED_FILTERS = frozenset(
    [
        *("ID", "PARENT_ID", "GROUP_ID", "CREATED_BY", "STATUS_CHANGED_BY", "PRIORITY"),
        *("RESPONSIBLE_ID", "TITLE", "TAG", "REAL_STATUS", "STATUS", "DEADLINE", "CREATED_DATE"),
        *("CLOSED_DATE", "CHANGED_DATE", "STAGE_ID", "UF_CRM_TASK"),
    ]
)


def task_add(portal: Portal, params: Params, who: Credential) -> Answer:
    task = portal.tasks.add(mapped(params.get("fields")), who.user_id)
    return Answer({"task": full_task(portal, task)})


def task_update(portal: Portal, params: Params, who: Credential) -> Answer:
    task = _found(portal, params)
    updated = portal.tasks.update(task, mapped(params.get("fields")), who.user_id)
    return Answer({"task": full_task(portal, updated)})


def task_get(portal: Portal, params: Params, _: Credential) -> Answer:
    """A missing task is an empty list, not an error."""
    task = portal.tasks.readable(whole(params, "taskId"))
    if task is None:
        return Answer([])
    select = [str(name) for name in listed(params.get("select"))]
    if not select or "*" in select:
        return Answer({"task": full_task(portal, task, select)})
    shown = chosen_task(portal, task, select)
    shown |= {"ufTaskWebdavFiles": False, "ufMailMessage": None, "action": {}}
    return Answer({"task": shown})


def task_list(portal: Portal, params: Params, _: Credential) -> Answer:
    """A filter by a field that is not documented is ignored, so that more rows come back."""
    raw = mapped(params.get("filter", params.get("FILTER")))
    reader = FilterReader(_filter_fields(portal), portal.zone, strict=False)
    wanted = reader.read(raw)
    rows = [task for task in portal.tasks.shown() if wanted.holds(_comparable(portal, task))]
    for name, direction in reversed(mapped(params.get("order")).items()):
        if name in KINDS:
            rows.sort(key=_sort_key(name), reverse=str(direction).lower() == "desc")
    select = [str(name) for name in listed(params.get("select"))]
    page, total, following = paged(rows, paging(params))
    shown = [
        chosen_task(portal, task, select) if select else full_task(portal, task) for task in page
    ]
    return Answer({"tasks": shown}, total, following)


def task_delete(portal: Portal, params: Params, _: Credential) -> Answer:
    portal.tasks.delete(_found(portal, params))
    return Answer({"task": True})


def set_status(status: int) -> Callable[[Portal, Params, Credential], Answer]:
    def run(portal: Portal, params: Params, who: Credential) -> Answer:
        task = _found(portal, params)
        if task["STATUS"] == status:
            raise core_error("The action is not available<br>")
        new = AWAITING if status == DONE and task["TASK_CONTROL"] == "Y" else status
        return Answer({"task": full_task(portal, portal.tasks.set_status(task, new, who.user_id))})

    return run


def get_fields(portal: Portal, _: Params, __: Credential) -> Answer:
    required = {"TITLE", "RESPONSIBLE_ID", *portal.options.required_task_fields}
    fields: dict[str, Row] = {
        name: {"title": name.replace("_", " ").capitalize(), "type": kind}
        | ({"required": True} if name in required else {})
        for name, kind in KINDS.items()
    }
    for name, config in portal.tasks.customs.items():
        mandatory = config.get("MANDATORY") == "Y" or name in required
        kind = config.get("USER_TYPE_ID")
        fields[name] = {"title": config.get("LABEL") or name, "type": kind, "required": mandatory}
    return Answer({"fields": fields})


def userfield_add(portal: Portal, params: Params, _: Credential) -> Answer:
    return Answer(portal.tasks.add_custom(mapped(params.get("PARAMS"))))


def userfield_list(portal: Portal, _: Params, __: Credential) -> Answer:
    rows = [{**config, "FIELD_NAME": name} for name, config in portal.tasks.customs.items()]
    return Answer(rows, len(rows))


def full_task(portal: Portal, task: Row, select: list[str] | None = None) -> Row:
    names = [name for name in KINDS if name not in ON_REQUEST]
    asked = set(select or ())
    names += [name for name in asked if name in ON_REQUEST or name in portal.tasks.customs]
    shown = chosen_task(portal, task, names)
    creator = person(portal, task["CREATED_BY"])
    return shown | {"checklist": [], "creator": creator}


def chosen_task(portal: Portal, task: Row, select: list[str]) -> Row:
    """The named fields, and what the portal adds unasked."""
    names = ["ID", *(name for name in select if name != "ID")]
    shown = {
        camel(name): _shown(portal, name, task[name])
        for name in names
        if name in KINDS or name in portal.tasks.customs
    }
    shown |= {"group": [], "subStatus": str(sub_status(portal, task))}
    if "RESPONSIBLE_ID" in names:
        shown["responsible"] = person(portal, task["RESPONSIBLE_ID"])
    return shown


def person(portal: Portal, user_id: int | None) -> Row | list[Any]:
    user = portal.user(user_id or 0)
    if user is None:
        return []
    return {
        "id": user["ID"],
        "name": f"{user.get('NAME') or ''} {user.get('LAST_NAME') or ''}".strip(),
        "link": f"/company/personal/user/{user['ID']}/",
        "icon": "/icon.png",
        "workPosition": user.get("WORK_POSITION") or "",
    }


def sub_status(portal: Portal, task: Row) -> int:
    """The status, or -1 overdue and -3 due within a day."""
    status: int = task["STATUS"]
    if task["DEADLINE"] is None or status in {DONE, AWAITING, DEFERRED}:
        return status
    left = task["DEADLINE"] - portal.now()
    if left < 0:
        return OVERDUE
    return SOON if left < 86400 else status


def camel(name: str) -> str:
    head, *rest = name.lower().split("_")
    return head + "".join(part.capitalize() for part in rest)


def _shown(portal: Portal, name: str, value: Any) -> Any:
    kind = KINDS.get(name) or str(portal.tasks.customs[name].get("USER_TYPE_ID"))
    if name == "TAGS":
        tags = {str(portal.tasks.tag_id(tag)): tag for tag in value}
        return {id_: {"id": int(id_), "title": tag} for id_, tag in tags.items()} or []
    if value is None:
        return None
    if kind == "datetime":
        return portal.zone.text(value)
    return str(value) if kind == "digits" else value


def _filter_fields(portal: Portal) -> dict[str, Field]:
    fields = portal.tasks.fields()
    fields |= {alias: fields[name] for alias, name in FILTER_NAMES.items()}
    if portal.options.task_filters == "any":
        return fields
    return {name: field for name, field in fields.items() if name in DOCUMENTED_FILTERS}


def _comparable(portal: Portal, task: Row) -> Row:
    aliases = {alias: task[name] for alias, name in FILTER_NAMES.items()}
    return task | aliases | {"STATUS": sub_status(portal, task)}


def _sort_key(name: str) -> Callable[[Row], tuple[bool, Any]]:
    return lambda row: (row[name] is not None, row[name] or 0)


def _found(portal: Portal, params: Params) -> Row:
    task = portal.tasks.readable(whole(params, "taskId"))
    if task is None:
        raise core_error("Task is not found or access is denied<br>")
    return task


METHODS = {
    "tasks.task.add": Method(task_add, "task", positional=("fields",)),
    "tasks.task.update": Method(task_update, "task", positional=("taskId", "fields")),
    "tasks.task.get": Method(task_get, "task", positional=("taskId", "select")),
    "tasks.task.list": Method(task_list, "task"),
    "tasks.task.delete": Method(task_delete, "task", positional=("taskId",)),
    "tasks.task.getFields": Method(get_fields, "task"),
    "tasks.task.complete": Method(set_status(DONE), "task", positional=("taskId",)),
    "tasks.task.start": Method(set_status(IN_PROGRESS), "task", positional=("taskId",)),
    "tasks.task.renew": Method(set_status(PENDING), "task", positional=("taskId",)),
    "tasks.task.defer": Method(set_status(DEFERRED), "task", positional=("taskId",)),
    "task.item.userfield.add": Method(
        userfield_add, "task", positional=("PARAMS",), needs_admin=True
    ),
    "task.item.userfield.getlist": Method(userfield_list, "task"),
}
