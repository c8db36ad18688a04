"""Tasks as the portal keeps them, shared by both versions of the API.

A native task is a row by upper-case v2 names; moments are Unix seconds, ids numbers, lists lists.
"""

import uuid
from typing import TYPE_CHECKING, Any

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import PortalError, core_error
from connectors.bitrix24.portal.schema import Field

if TYPE_CHECKING:
    from connectors.bitrix24.portal.state import Portal

PENDING, IN_PROGRESS, AWAITING, DONE, DEFERRED = 2, 3, 4, 5, 6
FIRST_TASK_ID = 3711
KINDS = {
    "ID": "digits",
    "PARENT_ID": "digits",
    "TITLE": "string",
    "DESCRIPTION": "string",
    "PRIORITY": "digits",
    "STATUS": "digits",
    "CREATED_BY": "digits",
    "CREATED_DATE": "datetime",
    "RESPONSIBLE_ID": "digits",
    "CHANGED_BY": "digits",
    "CHANGED_DATE": "datetime",
    "STATUS_CHANGED_BY": "digits",
    "STATUS_CHANGED_DATE": "datetime",
    "CLOSED_BY": "digits",
    "CLOSED_DATE": "datetime",
    "DEADLINE": "datetime",
    "START_DATE_PLAN": "datetime",
    "END_DATE_PLAN": "datetime",
    "GROUP_ID": "digits",
    "GUID": "string",
    "XML_ID": "string",
    "CHAT_ID": "integer",
    "ALLOW_CHANGE_DEADLINE": "boolean",
    "TASK_CONTROL": "boolean",
    "ACCOMPLICES": "list",
    "AUDITORS": "list",
    "TAGS": "list",
    "UF_CRM_TASK": "list",
    "STAGE_ID": "digits",
}
READ_ONLY = frozenset(
    [
        "ID",
        "CREATED_DATE",
        "CHANGED_BY",
        "CHANGED_DATE",
        "STATUS_CHANGED_BY",
        "STATUS_CHANGED_DATE",
        "CLOSED_BY",
        "CLOSED_DATE",
        "GUID",
        "CHAT_ID",
    ]
)
DEFAULTS: Row = {
    "DESCRIPTION": "",
    "PRIORITY": 1,
    "STATUS": PENDING,
    "GROUP_ID": 0,
    "ALLOW_CHANGE_DEADLINE": "N",
    "TASK_CONTROL": "N",
    "STAGE_ID": 0,
}
TASK_FIELDS = {name: Field(name, kind, name) for name, kind in KINDS.items()}


class TaskStore:
    """All tasks of a portal. `customs` are the UF_ fields, by name."""

    def __init__(self, portal: "Portal") -> None:
        self.portal = portal
        self.tasks: dict[int, Row] = {}
        self.customs: dict[str, Row] = {}
        self.hidden: set[int] = set()
        self._tags: dict[str, int] = {}
        self._last = FIRST_TASK_ID - 1
        self._last_chat = 2602

    def load(self, rows: list[Row]) -> None:
        """Given tasks, with the read-only fields that `add` would set."""
        for row in rows:
            for name in row:
                if name.startswith("UF_") and name not in KINDS:
                    self.customs.setdefault(name, {"FIELD_NAME": name, "USER_TYPE_ID": "string"})
            task = self._blank() | {name: self._native(name, value) for name, value in row.items()}
            task["CHANGED_DATE"] = task["CHANGED_DATE"] or task["CREATED_DATE"]
            task["CHAT_ID"] = task["CHAT_ID"] or self._chat()
            self.tasks[task["ID"]] = task
            self._last = max(self._last, task["ID"])

    def readable(self, task_id: int) -> Row | None:
        """A task without rights is no more there than a deleted one."""
        return None if task_id in self.hidden else self.tasks.get(task_id)

    def shown(self) -> list[Row]:
        """Those that the caller has rights to."""
        return [task for task in self.tasks.values() if task["ID"] not in self.hidden]

    def add(self, fields: Row, user_id: int) -> Row:
        """Raises PortalError for what the portal requires or cannot read."""
        self._require(fields)
        task = self._blank()
        task.update(self._written(fields))
        self._last += 1
        now = self.portal.now()
        task.update(
            ID=self._last,
            GUID="{" + str(uuid.uuid5(uuid.NAMESPACE_OID, f"task {self._last}")) + "}",
            CHAT_ID=self._chat(),
            CREATED_BY=task["CREATED_BY"] or user_id,
            CREATED_DATE=now,
            CHANGED_BY=user_id,
            CHANGED_DATE=now,
        )
        self.tasks[task["ID"]] = task
        self.portal.events.task(task["ID"], "ADD")
        return task

    def update(self, task: Row, fields: Row, user_id: int) -> Row:
        written = self._written(fields)
        if str(written.get("TITLE", "x")).strip() == "":
            raise core_error("Task title is not specified<br>")
        status = written.pop("STATUS", None)
        changed = {name: value for name, value in written.items() if task[name] != value}
        if changed:
            task.update(changed, CHANGED_BY=user_id, CHANGED_DATE=self.portal.now())
        if status is not None and status != task["STATUS"]:
            return self.set_status(task, status, user_id)
        if changed:
            self.portal.events.task(task["ID"], "UPDATE")
        return task

    def set_status(self, task: Row, status: int, user_id: int) -> Row:
        now = self.portal.now()
        done = status == DONE
        task.update(
            STATUS=status,
            STATUS_CHANGED_BY=user_id,
            STATUS_CHANGED_DATE=now,
            CHANGED_BY=user_id,
            CHANGED_DATE=now,
            CLOSED_BY=user_id if done else None,
            CLOSED_DATE=now if done else None,
        )
        self.portal.events.task(task["ID"], "UPDATE")
        return task

    def delete(self, task: Row) -> None:
        del self.tasks[task["ID"]]
        self.portal.events.task(task["ID"], "DELETE")

    def add_custom(self, config: Row) -> int:
        """A custom field of tasks. Raises PortalError when its name is taken."""
        name = str(config.get("FIELD_NAME", ""))
        if not name.startswith("UF_"):
            raise core_error("The field name must begin with UF_")
        if name in self.customs or name in KINDS:
            raise core_error(f"Field {name} for object TASKS_TASK already exists.")
        if config.get("USER_TYPE_ID") not in {"string", "double", "datetime", "boolean"}:
            raise core_error("The field type is not supported")
        number = self.portal.number()
        self.customs[name] = {**config, "ID": str(number), "ENTITY_ID": "TASKS_TASK"}
        for task in self.tasks.values():
            task[name] = None
        return number

    def tag_id(self, tag: str) -> int:
        return self._tags.setdefault(tag, 35 + len(self._tags))

    def fields(self) -> dict[str, Field]:
        """What a filter can name."""
        customs = {
            name: Field(name, str(config.get("USER_TYPE_ID")), name)
            for name, config in self.customs.items()
        }
        return TASK_FIELDS | customs

    def _chat(self) -> int:
        self._last_chat += 1
        return self._last_chat

    def _blank(self) -> Row:
        empty: Row = {name: [] if kind == "list" else None for name, kind in KINDS.items()}
        return {**empty, **DEFAULTS, **dict.fromkeys(self.customs)}

    def _require(self, fields: Row) -> None:
        if not str(fields.get("TITLE") or "").strip():
            raise core_error("Task title is not specified<br>")
        if not fields.get("RESPONSIBLE_ID"):
            raise core_error("Task responsible is not specified<br>")
        for name in self.portal.options.required_task_fields:
            if not fields.get(name):
                raise core_error(f"Required field {name} is not filled<br>")

    def _written(self, fields: Row) -> Row:
        """Native values of what may be written; unknown fields are dropped silently."""
        known = KINDS.keys() | self.customs.keys()
        written = {
            name: self._native(name, value)
            for name, value in fields.items()
            if name in known and name not in READ_ONLY
        }
        for name in ("RESPONSIBLE_ID", "CREATED_BY"):
            if name in written and self.portal.user(written[name] or 0) is None:
                raise core_error(f"User in {name} is not found<br>")
        if ("START_DATE_PLAN" in written) != ("END_DATE_PLAN" in written):
            # Only together, or neither is saved.
            written.pop("START_DATE_PLAN", None)
            written.pop("END_DATE_PLAN", None)
        links = written.get("UF_CRM_TASK")
        if links is not None:
            written["UF_CRM_TASK"] = [link for link in links if self._linkable(link)]
        return written

    def _native(self, name: str, value: Any) -> Any:
        kind = KINDS.get(name) or str(self.customs.get(name, {}).get("USER_TYPE_ID", "string"))
        try:
            if kind == "list":
                return [str(item) for item in value] if isinstance(value, list) else []
            if value in (None, ""):
                return None
            if kind in {"digits", "integer"}:
                return int(value)
            if kind == "datetime":
                return self.portal.zone.parse(str(value))
        except ValueError:
            raise PortalError(400, "ERROR_CORE", f"Wrong value of {name}<br>") from None
        return value if kind == "double" else str(value)

    def _linkable(self, link: str) -> bool:
        """A link to a smart process is dropped unless its type opens itself to task fields."""
        head = link.partition("_")[0]
        if not head.startswith("T"):
            return True
        for type_ in self.portal.types:
            if head == f"T{type_['entityTypeId']:x}":
                linked = type_["linkedUserFields"].get("TASKS_TASK|UF_CRM_TASK")
                return [linked, type_["isUseInUserfieldEnabled"]] == ["Y", "Y"]
        return False
