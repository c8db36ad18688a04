"""Tasks out, as activities: create with our marker, find again, change, complete.

Pipedrive has nothing that makes a create repeatable. The marker in the note is there from the first
moment on, and the list of activities, unlike the search, shows it at once.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from connectors.errors import NotFound
from connectors.models import RemoteTask, Task
from connectors.pipedrive.notes import key_in, to_note
from connectors.pipedrive.paging import Listing, by_cursor
from connectors.pipedrive.rows import ActivityRow
from connectors.pipedrive.wire import Company
from connectors.port import Partition, Window

LIST, GET, WRITE, DELETE = 10, 1, 5, 3


class Made(Struct, frozen=True):
    id: int


class Noted(Struct, frozen=True):
    note: str | None = None


class Tasks:
    """`kind` is the activity type of tasks."""

    def __init__(self, company: Company, kind: str) -> None:
        self._company = company
        self._kind = kind

    def create(self, task: Task) -> str:
        body = {
            **self._fields(task, None, task.key),
            "type": self._kind,
            "done": False,
            **_bound(task),
        }
        return str(self._company.post("v2/activities", body, Made, WRITE).id)

    def find(self, keys: Sequence[str], since: datetime | None) -> Mapping[str, Sequence[str]]:
        """All that carry the keys."""
        found: dict[str, list[str]] = {key: [] for key in keys}
        for row in made_since(self._company, since, lambda row: key_in(row.note) in found):
            found[str(key_in(row.note))].append(str(row.id))
        return found

    def update(self, remote_id: str, task: Task, only: Collection[str] | None = None) -> None:
        """Title, text, owner and due moment, or `only` some of them. A new text keeps the marker
        that is there, and what people formatted."""
        key, note = task.key, None
        if only is None or "description" in only:
            note = self._company.get(_path(remote_id), Noted, GET).note
            key = key_in(note) or key
        self._company.patch(_path(remote_id), self._fields(task, only, key, note), WRITE)

    def complete(self, remote_id: str) -> None:
        self._company.patch(_path(remote_id), {"done": True}, WRITE)

    def reopen(self, remote_id: str) -> None:
        self._company.patch(_path(remote_id), {"done": False}, WRITE)

    def delete(self, remote_id: str) -> None:
        """One that is gone already is left so."""
        with suppress(NotFound):
            self._company.delete(_path(remote_id), DELETE)

    def _fields(
        self, task: Task, only: Collection[str] | None, key: str, held: str | None = None
    ) -> dict[str, Any]:
        due = task.due_at.astimezone(UTC)
        fields: dict[str, dict[str, Any]] = {
            "title": {"subject": task.title},
            "description": {"note": to_note(task.description, key, held=held)},
            "owner": {"owner_id": int(task.owner)},
            "due_at": {"due_date": f"{due:%Y-%m-%d}", "due_time": f"{due:%H:%M}"},
        }
        wanted = [part for name, part in fields.items() if only is None or name in only]
        return {name: value for part in wanted for name, value in part.items()}


def made_since(
    company: Company, moment: datetime | None, wanted: Callable[[ActivityRow], bool]
) -> list[ActivityRow]:
    """Activities, those among them that changed since; None for all there are. The list has no
    bound by when they were made: what was made since changed since."""
    rows: list[ActivityRow] = []

    def keep(row: ActivityRow) -> tuple[RemoteTask, ...]:
        if wanted(row) and not row.is_deleted:
            rows.append(row)
        return ()

    listing = Listing("v2/activities", ActivityRow, keep, cost=LIST)
    pages: Iterator[Any] = by_cursor(company, listing, Window(moment), Partition())
    for _ in pages:
        pass
    return list({row.id: row for row in rows}.values())


def _path(remote_id: str) -> str:
    return f"v2/activities/{int(remote_id)}"


def _bound(task: Task) -> dict[str, Any]:
    """An activity stands at one deal or at one lead."""
    if task.bind_deals:
        return {"deal_id": int(task.bind_deals[0])}
    return {"lead_id": task.bind_leads[0]} if task.bind_leads else {}
