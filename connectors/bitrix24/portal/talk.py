"""What people write: task chats and comments on CRM items.

Comments on tasks are messages of the task's chat, whichever method sent them.
"""

from connectors.bitrix24.portal.answers import Answer, Credential, Params, mapped, whole
from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import PortalError, core_error
from connectors.bitrix24.portal.method import Method
from connectors.bitrix24.portal.state import Portal

MESSAGES = 50
ITEM_KINDS = {"lead": 1, "deal": 2, "contact": 3}


def say(portal: Portal, task: Row, text: str, user_id: int) -> int:
    """The id of the new message in the task's chat."""
    message: Row = {
        "id": portal.number(),
        "chat_id": task["CHAT_ID"],
        "author_id": user_id,
        "date": portal.now(),
        "text": text,
    }
    portal.messages.append(message)
    portal.events.task_comment(task["ID"], message["id"])
    return int(message["id"])


def comment_add(portal: Portal, params: Params, who: Credential) -> Answer:
    task = portal.tasks.readable(whole(params, "TASKID"))
    text = str(mapped(params.get("FIELDS")).get("POST_MESSAGE") or "")
    if task is None:
        raise core_error("Task is not found or access is denied<br>")
    if not text:
        raise core_error("The text of the comment is empty<br>")
    return Answer(say(portal, task, text, who.user_id))


def messages_get(portal: Portal, params: Params, _: Credential) -> Answer:
    """Newest first, as the messenger shows them; LAST_ID goes back, FIRST_ID forward."""
    dialog = str(params.get("DIALOG_ID", ""))
    chat_id = int(dialog.removeprefix("chat")) if dialog.removeprefix("chat").isdigit() else 0
    if chat_id not in {task["CHAT_ID"] for task in portal.tasks.shown()}:
        raise PortalError(400, "DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    last, first = whole(params, "LAST_ID"), whole(params, "FIRST_ID")
    found = [message for message in portal.messages if message["chat_id"] == chat_id]
    found = [message for message in found if not last or message["id"] < last]
    found = [message for message in found if message["id"] > first]
    limit = min(whole(params, "LIMIT", MESSAGES), MESSAGES)
    page = found[:limit] if first else found[::-1][:limit]
    shown = [{**message, "date": portal.zone.text(message["date"])} for message in page]
    return Answer({"chat_id": chat_id, "messages": shown, "users": [], "files": []})


def timeline_add(portal: Portal, params: Params, who: Credential) -> Answer:
    fields = mapped(params.get("fields"))
    kind = str(fields.get("ENTITY_TYPE", ""))
    owner = portal.items.get(_entity_type_id(kind))
    if owner is None or owner.table.get(whole(fields, "ENTITY_ID")) is None:
        raise PortalError(400, "", "Element not found")
    if not fields.get("COMMENT"):
        raise PortalError(400, "", "Empty comment message")
    row: Row = {
        "ID": str(portal.number()),
        "ENTITY_ID": str(fields["ENTITY_ID"]),
        "ENTITY_TYPE": kind,
        "CREATED": portal.text_now(),
        "COMMENT": str(fields["COMMENT"]),
        "AUTHOR_ID": str(who.user_id),
        "FILES": [],
    }
    portal.comments.append(row)
    return Answer(int(row["ID"]))


def timeline_list(portal: Portal, params: Params, _: Credential) -> Answer:
    wanted = mapped(params.get("filter"))
    if not {"ENTITY_ID", "ENTITY_TYPE"} <= wanted.keys():
        raise PortalError(400, "", "ENTITY_ID and ENTITY_TYPE are required in filter")
    rows = [
        row
        for row in portal.comments
        if row["ENTITY_ID"] == str(wanted["ENTITY_ID"])
        and row["ENTITY_TYPE"] == str(wanted["ENTITY_TYPE"])
    ]
    if str(mapped(params.get("order")).get("ID", "ASC")).upper() == "DESC":
        rows.reverse()
    return Answer(rows, len(rows))


def _entity_type_id(kind: str) -> int:
    number = kind.removeprefix("dynamic_")
    return ITEM_KINDS.get(kind) or (int(number) if number.isdigit() else 0)


METHODS = {
    "task.commentitem.add": Method(comment_add, "task", positional=("TASKID", "FIELDS")),
    "im.dialog.messages.get": Method(messages_get, "im"),
    "crm.timeline.comment.add": Method(timeline_add, "crm"),
    "crm.timeline.comment.list": Method(timeline_list, "crm"),
}
