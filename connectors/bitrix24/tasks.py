"""Tasks out: create with our key, stamp, find again, change, complete.

REST 3 alone knows a key that makes a create repeatable, for 24 hours; tags, user fields and
bindings are in REST 2 only. So a task is created in 3 and stamped in 2. A portal that does not
offer 3, or not to this key, gets the whole task by REST 2.

Creates are single calls: the key makes one call repeatable, not a batch, and a batch whose answer
was lost would leave 50 tasks to be looked up. Stamps are safe to repeat and go out in batches.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msgspec import Raw, Struct

from connectors.bitrix24 import keyset
from connectors.bitrix24.keyset import Listing
from connectors.bitrix24.listings import TASK
from connectors.bitrix24.mapping import TAG, TASK_STATUSES
from connectors.bitrix24.rows import TaskRow
from connectors.bitrix24.wire import Command, Portal, decode, moment_text
from connectors.errors import (
    ConnectionBroken,
    ConnectorError,
    NotFound,
    NotPermitted,
    RecordRefused,
    Rejected,
)
from connectors.models import RemoteTask, Task, TaskStatus
from connectors.port import Partition, Window

KEY_FIELD = "UF_RETRO_KEY"
# What a task is looked up by that was stamped, or made by REST 3.
SEARCHES = {"stamp": KEY_FIELD, "xml": "XML_ID"}
LONGEST_KEY = 255


class V3Item(Struct, frozen=True):
    id: int


class V3Answer(Struct, frozen=True):
    item: V3Item


class TaskId(Struct, frozen=True):
    id: str


class V2Answer(Struct, frozen=True):
    task: TaskId


class StatusOnly(Struct, frozen=True):
    status: int


class StatusAnswer(Struct, frozen=True):
    task: StatusOnly


class TasksAnswer(Struct, frozen=True):
    tasks: list[TaskRow]


class Tasks:
    """`creator` is the id of the user we write as; `targets_type` the entity type of our KPI
    targets, None while there is none."""

    def __init__(
        self,
        portal: Portal,
        creator: Callable[[], str],
        targets_type: Callable[[], int | None],
    ) -> None:
        self._portal = portal
        self._creator = creator
        self._targets_type = targets_type
        self._has_v3 = True
        self._has_key_field = False

    def create(self, task: Task) -> str:
        """Raises OutcomeUnknown when the answer was lost. Repeating it with the same task within
        24 hours is answered from the portal's memory where REST 3 is offered."""
        if self._has_v3:
            try:
                return self._create_v3(task)
            except ConnectionBroken:
                # Refused before it was done: REST 3, or its scope, is not there for this key.
                self._has_v3 = False
        return self._create_v2(task)

    def stamp(self, remote_id: str, task: Task) -> None:
        self._make_key_field()
        self._update(remote_id, self._stamp_fields(task))

    def stamp_all(self, pairs: Sequence[tuple[str, Task]]) -> Mapping[str, ConnectorError | None]:
        """In one request, at most 50 of them; what became of each, by the task's id."""
        self._make_key_field()
        told: dict[str, ConnectorError | None] = {}
        commands = []
        for remote_id, task in pairs:
            try:
                params = {"taskId": int(remote_id), "fields": self._stamp_fields(task)}
            except Rejected as error:
                told[remote_id] = error
            else:
                commands.append(Command(remote_id, "tasks.task.update", params))
        if commands:
            # Names that count from 0 would come back as a list.
            named = [replace(one, name=f"task{one.name}") for one in commands]
            batch = self._portal.batch(named)
            told |= {one.name: batch.outcome(f"task{one.name}") for one in commands}
        return told

    def delete(self, remote_id: str) -> None:
        """One that is gone already is left so."""
        try:
            self._portal.write(
                "tasks.task.delete", {"taskId": int(remote_id)}, Raw, repeatable=True
            )
        except Rejected:
            if self._is_there(remote_id):
                raise

    def find(self, keys: Sequence[str], since: datetime | None) -> Mapping[str, Sequence[str]]:
        """Filters by user field or XML_ID are not documented: they may be ignored or refused. So
        every hit is verified. Unless that by XML_ID was heeded and found something, all candidates
        by documented filters are read, once for all keys: what has our tag, and what our user
        created since (a task that was not stamped yet)."""
        found: dict[str, set[int]] = {key: set() for key in keys}
        unsure = set(found)
        by_name = {
            f"{name}{number}": (name, key) for number, key in enumerate(found) for name in SEARCHES
        }
        commands = [_search(each, {SEARCHES[name]: key}) for each, (name, key) in by_name.items()]
        for batch in self._portal.batches(commands):
            for each in batch.commands:
                if isinstance(batch.error(each), RecordRefused):
                    continue
                name, key = by_name[each]
                rows = decode(batch.result(each), TasksAnswer).tasks
                ours = {row.id for row in rows if _carries(row, key)}
                found[key] |= ours
                # With foreign tasks among them it is the first page of a longer list.
                if name == "xml" and len(ours) == len(rows) > 0:
                    unsure.discard(key)
        if unsure:
            made = {} if since is None else {">=CREATED_DATE": moment_text(since)}
            for condition in ({"TAG": TAG}, {"CREATED_BY": self._creator(), **made}):
                for key, id_ in self._candidates(unsure, condition):
                    found[key].add(id_)
        return {key: [str(one) for one in sorted(ids)] for key, ids in found.items()}

    def update(self, remote_id: str, task: Task, only: Collection[str] | None = None) -> None:
        """Title, text, owner and due moment, or `only` some of them; tags and bindings may be the
        team's by now."""
        self._update(remote_id, _own_fields(task, only))

    def complete(self, remote_id: str) -> None:
        """A task that is completed already is left so."""
        self._move(remote_id, "tasks.task.complete", (TaskStatus.DONE,))

    def reopen(self, remote_id: str) -> None:
        """A task that is not completed is left as it is."""
        self._move(remote_id, "tasks.task.renew", (TaskStatus.OPEN, TaskStatus.IN_PROGRESS))

    def _move(self, remote_id: str, method: str, there: Collection[TaskStatus]) -> None:
        try:
            self._portal.write(method, {"taskId": int(remote_id)}, Raw, repeatable=True)
        except Rejected:
            if self._status(remote_id) not in there:
                raise

    def _create_v3(self, task: Task) -> str:
        fields = {
            "title": task.title,
            "description": task.description,
            "creatorId": int(self._creator()),
            "responsibleId": int(task.owner),
            "deadline": _deadline(task),
            "xmlId": task.key,
            "crmItemIds": self._bindings(task),
        }
        answer = self._portal.write_v3(
            "tasks.task.add", {"fields": fields}, V3Answer, key=header_key(task.key)
        )
        return str(answer.item.id)

    def _create_v2(self, task: Task) -> str:
        self._make_key_field()
        fields = {
            **_own_fields(task),
            "CREATED_BY": int(self._creator()),
            **self._stamp_fields(task),
        }
        return self._portal.write("tasks.task.add", {"fields": fields}, V2Answer).task.id

    def _stamp_fields(self, task: Task) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "XML_ID": task.key,
            KEY_FIELD: task.key,
            "TAGS": list(dict.fromkeys([TAG, *task.tags])),
            "UF_CRM_TASK": self._bindings(task),
        }
        if task.parent is not None:
            fields["PARENT_ID"] = int(task.parent)
        return fields

    def _bindings(self, task: Task) -> list[str]:
        """A smart process is named by its entity type in hex: 1038 is T40e."""
        bound = [f"L_{lead}" for lead in task.bind_leads]
        bound += [f"D_{deal}" for deal in task.bind_deals]
        if task.bind_targets:
            entity_type = self._targets_type()
            if entity_type is None:
                raise Rejected("The portal has no KPI targets to bind the task to.")
            bound += [f"T{entity_type:x}_{target}" for target in task.bind_targets]
        return bound

    def _update(self, remote_id: str, fields: Mapping[str, Any]) -> None:
        self._portal.write(
            "tasks.task.update",
            {"taskId": int(remote_id), "fields": fields},
            Raw,
            repeatable=True,
        )

    def _make_key_field(self) -> None:
        """Once. It needs an administrator; without the field XML_ID and the tag are the stamp."""
        if self._has_key_field:
            return
        params = {
            "USER_TYPE_ID": "string",
            "FIELD_NAME": KEY_FIELD,
            "XML_ID": KEY_FIELD,
            "LABEL": "Retro ROI key",
            "EDIT_FORM_LABEL": {"en": "Retro ROI key"},
            "MULTIPLE": "N",
            "MANDATORY": "N",
        }
        # "Already exists" has no code of its own and its text is in the portal's language.
        with suppress(Rejected, NotPermitted):
            self._portal.write("task.item.userfield.add", {"PARAMS": params}, Raw, repeatable=True)
        self._has_key_field = True

    def _candidates(
        self, keys: Collection[str], condition: Mapping[str, Any]
    ) -> Iterator[tuple[str, int]]:
        """Of each task that carries some of the keys: which of them, and its id."""
        met: list[tuple[str, int]] = []

        def noted(row: TaskRow) -> RemoteTask | None:
            carried = {row.uf_retro_key, row.xml_id}.intersection(keys)
            met.extend((key, row.id) for key in carried if key is not None)
            return None

        listing = Listing(
            "tasks.task.list",
            TaskRow,
            noted,
            select=TASK,
            holder="tasks",
            id_filter="ID",
            filter=condition,
            order={"order": {"ID": "asc"}},
        )
        for _ in keyset.pages(self._portal, listing, Window(), Partition()):
            pass
        return iter(met)

    def _is_there(self, remote_id: str) -> bool:
        try:
            self._status(remote_id)
        except NotFound:
            return False
        return True

    def _status(self, remote_id: str) -> TaskStatus | None:
        params = {"taskId": int(remote_id), "select": ["ID", "STATUS"]}
        found = self._portal.read("tasks.task.get", params, Raw)
        if bytes(found) == b"[]":
            raise NotFound("The task is not in the portal (any more).")
        return TASK_STATUSES.get(decode(found, StatusAnswer).task.status)


def header_key(key: str) -> str:
    """The key as a header may carry it: printable ASCII, at most 255 characters."""
    if key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY:
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def _own_fields(task: Task, only: Collection[str] | None = None) -> dict[str, Any]:
    fields = {
        "title": ("TITLE", task.title),
        "description": ("DESCRIPTION", task.description),
        "owner": ("RESPONSIBLE_ID", int(task.owner)),
        "due_at": ("DEADLINE", _deadline(task)),
    }
    return dict(pair for name, pair in fields.items() if only is None or name in only)


def _deadline(task: Task) -> str:
    """Always with its offset: without one the portal reads it in its own zone."""
    return task.due_at.astimezone(UTC).isoformat()


def _carries(row: TaskRow, key: str) -> bool:
    return key in (row.uf_retro_key, row.xml_id)


def _search(name: str, condition: Mapping[str, Any]) -> Command:
    params = {"order": {"ID": "asc"}, "filter": condition, "select": list(TASK), "start": -1}
    return Command(name, "tasks.task.list", params)
