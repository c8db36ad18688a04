"""`tasks.task.*` of REST 3.0: camelCase in and out, typed values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.bitrix24.portal.answers import Credential, Params, listed, mapped, whole
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import PortalError, V3Error
from connectors.bitrix24.portal.state import Portal
from connectors.bitrix24.portal.table import PAGE
from connectors.bitrix24.portal.talk import say
from connectors.bitrix24.portal.tasks_v2 import person
from connectors.bitrix24.portal.taskstore import AWAITING, DEFERRED, DONE, IN_PROGRESS, PENDING

Result = Any
WRITABLE = {
    "title": "TITLE",
    "description": "DESCRIPTION",
    "creatorId": "CREATED_BY",
    "responsibleId": "RESPONSIBLE_ID",
    "deadline": "DEADLINE",
    "startPlan": "START_DATE_PLAN",
    "endPlan": "END_DATE_PLAN",
    "groupId": "GROUP_ID",
    "parentId": "PARENT_ID",
    "priority": "PRIORITY",
    "xmlId": "XML_ID",
    "crmItemIds": "UF_CRM_TASK",
}
REQUIRED = ("title", "creatorId", "responsibleId")
PRIORITIES = {0: "low", 1: "average", 2: "high"}
STATUSES = {
    PENDING: "pending",
    IN_PROGRESS: "in_progress",
    AWAITING: "supposedly_completed",
    DONE: "completed",
    DEFERRED: "deferred",
}
OPERATORS: dict[str, Callable[[int, Any], bool]] = {
    "=": lambda found, wanted: found == int(wanted),
    "!=": lambda found, wanted: found != int(wanted),
    ">": lambda found, wanted: found > int(wanted),
    ">=": lambda found, wanted: found >= int(wanted),
    "<": lambda found, wanted: found < int(wanted),
    "<=": lambda found, wanted: found <= int(wanted),
    "in": lambda found, wanted: found in [int(item) for item in wanted],
    "between": lambda found, wanted: int(wanted[0]) <= found <= int(wanted[1]),
}
BAD_REQUEST = "VALIDATION_REQUESTVALIDATIONEXCEPTION"


@dataclass(frozen=True)
class MethodV3:
    """`keyed`: honours an Idempotency-Key."""

    run: Callable[[Portal, Params, Credential], Result]
    scope: str | None = "tasks"
    keyed: bool = False


def add(portal: Portal, params: Params, who: Credential) -> Result:
    fields = mapped(params.get("fields"))
    missing = [name for name in REQUIRED if fields.get(name) in (None, "")]
    if missing:
        raise V3Error(
            400,
            BAD_REQUEST,
            "Request validation failed",
            [_complaint(name, f"Required field `{name}` is not specified") for name in missing],
        )
    task = _saved(lambda: portal.tasks.add(_native(fields), who.user_id))
    return {"item": _item(portal, task)}


def update(portal: Portal, params: Params, who: Credential) -> Result:
    task = _found(portal, whole(params, "id"))
    fields = _native(mapped(params.get("fields")))
    _saved(lambda: portal.tasks.update(task, fields, who.user_id))
    return {"result": True}


def get(portal: Portal, params: Params, _: Credential) -> Result:
    item = _item(portal, _found(portal, whole(params, "id")))
    select = [str(name) for name in listed(params.get("select"))]
    return {"item": _chosen(portal, item, select) if select else item}


def list_(portal: Portal, params: Params, _: Credential) -> Result:
    """Filters by id only; limits above 50 are clamped without a word."""
    tasks = [task for task in portal.tasks.shown() if _passes(task, params.get("filter"))]
    order = {str(k): str(v).upper() for k, v in mapped(params.get("order")).items()}
    if order.keys() - {"id"}:
        raise V3Error(400, "UNKNOWNDTOPROPERTYEXCEPTION", "Unknown field in order")
    tasks.sort(key=lambda task: int(task["ID"]), reverse=order.get("id") == "DESC")
    first, last = _window(mapped(params.get("pagination")))
    select = [str(name) for name in listed(params.get("select"))] or ["id"]
    return {"items": [_chosen(portal, _item(portal, t), select) for t in tasks[first:last]]}


def delete(portal: Portal, params: Params, _: Credential) -> Result:
    portal.tasks.delete(_found(portal, whole(params, "id")))
    return {"result": True}


def send(portal: Portal, params: Params, who: Credential) -> Result:
    fields = mapped(params.get("fields"))
    text = str(fields.get("text") or "")
    if not text:
        message = "Required field `text` is not specified"
        raise V3Error(400, BAD_REQUEST, "Request validation failed", [_complaint("text", message)])
    say(portal, _found(portal, whole(fields, "taskId")), text, who.user_id)
    return {"result": True}


def scope_list(_: Portal, __: Params, who: Credential) -> Result:
    items = [
        {"method": name, "scope": method.scope}
        for name, method in METHODS.items()
        if method.scope in who.scopes
    ]
    return {"items": items}


def _found(portal: Portal, task_id: int) -> Row:
    task = portal.tasks.readable(task_id)
    if task is None:
        raise V3Error(400, "ENTITYNOTFOUNDEXCEPTION", f"Entity with id {task_id} is not found")
    return task


def _native(fields: Params) -> Row:
    unknown = fields.keys() - WRITABLE.keys()
    if unknown:
        name = sorted(unknown)[0]
        raise V3Error(400, "UNKNOWNDTOPROPERTYEXCEPTION", f"Unknown field `{name}`")
    named = {WRITABLE[name]: value for name, value in fields.items()}
    if "PRIORITY" in named:
        numbers = {word: number for number, word in PRIORITIES.items()}
        named["PRIORITY"] = numbers.get(str(named["PRIORITY"]), 1)
    return named


def _saved(save: Callable[[], Row]) -> Row:
    """Refusals of the task store in the words of REST 3.0."""
    try:
        return save()
    except PortalError as error:
        text = error.description.removesuffix("<br>")
        raise V3Error(400, BAD_REQUEST, text, [_complaint("fields", text)]) from None


def _complaint(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}


def _item(portal: Portal, task: Row) -> Row:
    def moment(name: str) -> str | None:
        return None if task[name] is None else portal.zone.text(task[name])

    return {
        "id": task["ID"],
        "title": task["TITLE"],
        "description": task["DESCRIPTION"],
        "deadline": moment("DEADLINE"),
        "priority": PRIORITIES[task["PRIORITY"]],
        "status": STATUSES[task["STATUS"]],
        "creatorId": task["CREATED_BY"],
        "responsibleId": task["RESPONSIBLE_ID"],
        "groupId": task["GROUP_ID"],
        "parentId": task["PARENT_ID"],
        "chatId": task["CHAT_ID"],
        "created": moment("CREATED_DATE"),
        "changed": moment("CHANGED_DATE"),
        "closed": moment("CLOSED_DATE"),
        "guid": task["GUID"],
        "xmlId": task["XML_ID"],
        "link": f"/company/personal/user/{task['CREATED_BY']}/tasks/task/view/{task['ID']}/",
        "crmItemIds": task["UF_CRM_TASK"],
        "requireResult": False,
        "rights": {"read": True, "edit": True, "complete": True},
    }


def _chosen(portal: Portal, item: Row, select: list[str]) -> Row:
    """An unknown field of the task is dropped silently, one of a relation is refused."""
    shown: Row = {}
    for name in select:
        relation, dot, field = name.partition(".")
        if not dot:
            if name in item:
                shown[name] = item[name]
            continue
        user_id = item.get(f"{relation}Id") if relation in {"responsible", "creator"} else None
        found = person(portal, user_id)
        if not isinstance(found, dict) or field not in found:
            raise V3Error(400, "UNKNOWNDTOPROPERTYEXCEPTION", f"Unknown field `{name}`")
        shown.setdefault(relation, {})[field] = found[field]
    return shown


def _passes(task: Row, conditions: object) -> bool:
    return all(_holds(task, condition) for condition in listed(conditions))


def _holds(task: Row, condition: object) -> bool:
    if isinstance(condition, dict):
        parts = [_holds(task, part) for part in listed(condition.get("conditions"))]
        return any(parts) if condition.get("logic") == "or" else all(parts)
    if not isinstance(condition, list) or len(condition) not in (2, 3):
        raise V3Error(400, "INVALIDFILTEREXCEPTION", "Invalid filter")
    name, *operator, wanted = condition
    if name != "id":
        raise V3Error(400, "UNKNOWNDTOPROPERTYEXCEPTION", f"Field `{name}` is not filterable")
    compare = OPERATORS.get(str(operator[0]) if operator else "=")
    if compare is None:
        raise V3Error(400, "UNKNOWNFILTEROPERATOREXCEPTION", f"Unknown operator {operator[0]}")
    try:
        return compare(task["ID"], wanted)
    except (TypeError, ValueError, IndexError):
        raise V3Error(400, "INVALIDFILTEREXCEPTION", "Invalid filter") from None


def _window(pagination: Params) -> tuple[int, int]:
    limit = whole(pagination, "limit", PAGE)
    page = whole(pagination, "page", 1)
    if limit < 1 or page < 0:
        raise V3Error(400, "INVALIDPAGINATIONEXCEPTION", "Invalid pagination")
    limit = min(limit, PAGE)
    first = whole(pagination, "offset", limit * max(page - 1, 0))
    return first, first + limit


METHODS: dict[str, MethodV3] = {
    "tasks.task.add": MethodV3(add, keyed=True),
    "tasks.task.update": MethodV3(update, keyed=True),
    "tasks.task.delete": MethodV3(delete, keyed=True),
    "tasks.task.get": MethodV3(get),
    "tasks.task.list": MethodV3(list_),
    "tasks.task.chat.message.send": MethodV3(send),
    "rest.scope.list": MethodV3(scope_list, scope=None),
}
