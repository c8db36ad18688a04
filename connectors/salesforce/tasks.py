"""Tasks out, and those of ours in.

With a unique field for the key a create is an upsert by it: sent twice it makes one task. Without
one a lost create is looked up by a query, which shows what was written a moment ago.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from connectors.errors import NotFound, Rejected
from connectors.models import RemoteTask, Task, TaskStatus
from connectors.port import Page
from connectors.salesforce import due
from connectors.salesforce.facts import Facts
from connectors.salesforce.keys import Keys
from connectors.salesforce.listing import Listing
from connectors.salesforce.mapping import TASK
from connectors.salesforce.reading import Reading
from connectors.salesforce.rows import TaskRow
from connectors.salesforce.wire import Org, select

STATUSES = {
    "Not Started": TaskStatus.OPEN,
    "In Progress": TaskStatus.IN_PROGRESS,
    "Waiting on someone else": TaskStatus.IN_PROGRESS,
    "Deferred": TaskStatus.DEFERRED,
}
LONGEST_TEXT = 32_000


class Held(Struct, frozen=True, rename="pascal"):
    is_closed: bool
    description: str | None = None
    owner_id: str | None = None


class Found(Struct, frozen=True, rename="pascal"):
    id: str
    subject: str | None = None


class Tasks:
    def __init__(self, org: Org, facts: Facts, reading: Reading, keys: Keys) -> None:
        self._org = org
        self._facts = facts
        self._reading = reading
        self._keys = keys

    def pages(self, start: datetime | None, position: str) -> Iterator[Page[RemoteTask]]:
        """Those with our key, also such as were archived a year after they were closed."""
        return self._reading.pages(self.listing(), start, position)

    def by_ids(self, ids: Sequence[str]) -> Page[RemoteTask]:
        return self._reading.by_ids(self.listing(), ids)

    def create(self, task: Task) -> str:
        """Raises OutcomeUnknown when the answer was lost and nothing tells a twin."""
        values = self._values(task)
        if self._keys.is_unique:
            return self._org.upsert(TASK, self._keys.name, task.key, values)
        stamp = {self._keys.field: task.key} if self._keys.field else {}
        return self._org.create(TASK, {**values, **stamp})

    def find(self, keys: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """A query does not tell capitals apart in a text; a key does."""
        found: dict[str, list[str]] = {key: [] for key in keys}
        field = self._keys.field
        names = ["Id", "Subject", *([field] if field else [])]
        for condition in self._keys.conditions(list(found)):
            asked = select(names, TASK, [condition, "IsDeleted = false"])
            for row in self._org.all(asked, dict[str, Any], everything=True):
                key = self._keys.read(row.get("Subject") or "", row.get(field or ""))[1]
                if key in found:
                    found[key].append(row["Id"])
        # One that two queries have, of keys that a pattern cannot tell apart, is one.
        return {key: list(dict.fromkeys(ids)) for key, ids in found.items()}

    def update(self, remote_id: str, task: Task, only: Collection[str] | None = None) -> None:
        """What is not asked for stays as people left it, the text around the due line as well."""
        wanted = {"title", "description", "owner", "due_at"} if only is None else set(only)
        values: dict[str, Any] = {}
        if "title" in wanted:
            values["Subject"] = self._keys.subject(task.title, task.key)
        if "owner" in wanted:
            values["OwnerId"] = task.owner
        if wanted & {"description", "due_at"}:
            values |= self._text_and_day(remote_id, task, wanted)
        if values:
            self._org.update(TASK, remote_id, values)

    def complete(self, remote_id: str) -> None:
        """A task that is completed already is left so."""
        if not self._held(remote_id).is_closed:
            self._org.update(TASK, remote_id, {"Status": self._closed_status()})

    def reopen(self, remote_id: str) -> None:
        """A task that is not completed is left as it is."""
        if self._held(remote_id).is_closed:
            self._org.update(TASK, remote_id, {"Status": self._open_status()})

    def delete(self, remote_id: str) -> None:
        """Into the Recycle Bin, from where people can restore it. One that is gone is left so."""
        with suppress(NotFound):
            self._org.delete(TASK, remote_id)

    def to_task(self, row: TaskRow, values: Mapping[str, Any]) -> RemoteTask | None:
        """None for a task without our key."""
        title, key = self._keys.read(row.subject or "", values.get(self._keys.name))
        if key is None:
            return None
        text = row.description or ""
        completed = row.completed_date_time
        return RemoteTask(
            id=row.id,
            updated_at=row.system_modstamp.astimezone(UTC),
            title=title,
            description=due.without_line(text) or None,
            status=TaskStatus.DONE if row.is_closed else self._status(row.status),
            owner=row.owner_id,
            due_at=due.moment_of(text, row.activity_date),
            closed_at=completed.astimezone(UTC) if row.is_closed and completed else None,
            created_at=row.created_date.astimezone(UTC),
            key=key,
        )

    def listing(self) -> Listing:
        field = self._keys.field
        return Listing(
            TASK,
            [*self._facts.readable(TASK), *([field] if field else [])],
            TaskRow,
            self.to_task,
            conditions=[self._keys.any_key, "IsDeleted = false"],
            has_values=True,
            everything=True,
        )

    def _status(self, status: str) -> TaskStatus:
        """Words of the org's own are work that was begun, but for the one of new tasks."""
        if status in STATUSES:
            return STATUSES[status]
        return TaskStatus.OPEN if status == self._open_status() else TaskStatus.IN_PROGRESS

    def _values(self, task: Task) -> dict[str, Any]:
        """A task of a lead takes no other relation, so a deal goes first."""
        zone = self._facts.zone_of(task.owner)
        bound: dict[str, str] = {}
        if task.bind_deals:
            bound["WhatId"] = task.bind_deals[0]
        elif task.bind_leads:
            bound["WhoId"] = task.bind_leads[0]
        return {
            "Subject": self._keys.subject(task.title, task.key),
            "Description": _cut(task.description, due.line(task.due_at, zone)),
            "ActivityDate": due.day_in(task.due_at, zone).isoformat(),
            "OwnerId": task.owner,
            **bound,
        }

    def _text_and_day(
        self, remote_id: str, task: Task, wanted: Collection[str]
    ) -> Mapping[str, str]:
        held = self._held(remote_id)
        text = task.description if "description" in wanted else held.description or ""
        if "due_at" in wanted:
            owner = task.owner if "owner" in wanted else held.owner_id or task.owner
            zone = self._facts.zone_of(owner)
            day = due.day_in(task.due_at, zone).isoformat()
            return {"ActivityDate": day, "Description": _cut(text, due.line(task.due_at, zone))}
        return {"Description": _cut(text, due.line_of(held.description or ""))}

    def _held(self, remote_id: str) -> Held:
        """Raises NotFound."""
        path = self._org.path("sobjects", TASK, remote_id)
        fields = {"fields": "IsClosed,Description,OwnerId"}
        return self._org.api.get(path, fields).decode(Held)

    def _closed_status(self) -> str:
        for row in self._facts.task_statuses:
            if row.is_closed:
                return row.api_name
        raise Rejected("The org has no status of a closed task.")

    def _open_status(self) -> str:
        rows = [row for row in self._facts.task_statuses if not row.is_closed]
        first = [row for row in rows if row.is_default] or rows
        if not first:
            raise Rejected("The org has no status of an open task.")
        return first[0].api_name


def _cut(text: str, line: str) -> str:
    """With the line of its due moment. A text that is too long loses its end, and not the line."""
    return due.with_line(due.without_line(text)[: LONGEST_TEXT - len(line) - 1], line)
