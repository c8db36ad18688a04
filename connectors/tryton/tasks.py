"""Tasks out: works of the type task with our key in the last line of their comment.

Nothing in Tryton makes a create repeatable, so a lost answer is looked up by the key; what was
written is found at once.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import Struct

from connectors.errors import NotFound, NotPermitted
from connectors.models import Task
from connectors.tryton.mapping import MARK, is_done, marked, parted
from connectors.tryton.reading import WORKS
from connectors.tryton.rows import Status, WorkRow
from connectors.tryton.wire import Server, like, moment

WORK, NOTE = "project.work", "ir.note"
DUE = "constraint_finish_time"
WHOLE = 100.0
# Each of them is looked for in every comment.
KEYS_A_REQUEST = 50


class Commented(Struct, frozen=True):
    id: int
    comment: str | None = None


class Note(Struct, frozen=True):
    id: int
    message: str = ""


class Tasks:
    """`project` is the number of the work that tasks are made under, None for none."""

    def __init__(self, server: Server, project: str | None) -> None:
        self._server = server
        self._project = project
        self._stamped: set[str] = set()

    def create(self, task: Task) -> str:
        parent = task.parent or self.parent
        made = self.make(
            task.title, marked(task.description, task.key), task.owner, task.due_at, parent
        )
        self._stamped.add(made)
        return made

    def make(
        self, name: str, comment: str, owner: str | None, due_at: datetime, parent: str | None
    ) -> str:
        values = {
            "name": name,
            "type": "task",
            "status": self._open.id,
            "comment": comment,
            DUE: _whole_second(due_at),
        }
        if parent is not None:
            values["parent"] = int(parent)
        if owner is not None:
            values["allocations"] = [["create", [_allocated(owner)]]]
        return self._server.create(WORK, values)

    def stamp(self, remote_id: str, task: Task) -> None:
        """A create has stamped it; people may have taken the line away since."""
        if remote_id in self._stamped:
            return
        text, key = parted(self.row(remote_id).comment)
        if key != task.key:
            self._server.write(WORK, remote_id, {"comment": marked(text, task.key)})

    def find(self, keys: Sequence[str], mark: str = MARK) -> Mapping[str, Sequence[str]]:
        """A pattern finds more than the key, such as a longer one that ends like it."""
        found: dict[str, list[str]] = {key: [] for key in keys}
        for start in range(0, len(keys), KEYS_A_REQUEST):
            some = keys[start : start + KEYS_A_REQUEST]
            patterns = [["comment", "like", like(f"{mark}{key}]")] for key in some]
            wanted = [["OR", *patterns]]
            for row in self._server.search(WORK, wanted, ("comment",)).rows(Commented):
                key = parted(row.comment, mark)[1]
                # One with a key of another share is met there as well.
                if key is not None and key in some:
                    found[key].append(str(row.id))
        return found

    def update(self, remote_id: str, task: Task, only: Collection[str] | None = None) -> None:
        wanted = {"title", "description", "owner", "due_at"} if only is None else set(only)
        row = self.row(remote_id) if wanted & {"description", "owner"} else None
        values: dict[str, Any] = {}
        if "title" in wanted:
            values["name"] = task.title
        if "due_at" in wanted:
            values[DUE] = _whole_second(task.due_at)
        if row is not None and "description" in wanted:
            values["comment"] = marked(task.description, parted(row.comment)[1] or task.key)
        if row is not None and "owner" in wanted:
            values["allocations"] = _handed_over(row, task.owner)
        if values:
            self.write(remote_id, values)

    def write(self, remote_id: str, values: Mapping[str, Any]) -> None:
        self._server.write(WORK, remote_id, values)

    def complete(self, remote_id: str) -> None:
        """Tryton takes the status only with the progress that belongs to it."""
        if not is_done(self.row(remote_id)):
            self.write(remote_id, {"status": self.done.id, "progress": self.done.progress})

    def reopen(self, remote_id: str) -> None:
        if is_done(self.row(remote_id)):
            self.write(remote_id, {"status": self._open.id, "progress": self._open.progress})

    def delete(self, remote_id: str) -> None:
        """Without its allocations first the server of 8.2 plans them anew for ever, and blocks
        everybody who writes."""
        try:
            held = [one.id for one in self.row(remote_id).allocations]
        except NotFound:
            return
        if held:
            self.write(remote_id, {"allocations": [["delete", held]]})
        self._server.delete(WORK, remote_id)

    def comment(self, remote_id: str, text: str, marker: str) -> str:
        note = {"resource": f"{WORK},{int(remote_id)}", "message": f"{text}\n{_in_text(marker)}"}
        return self._server.create(NOTE, note)

    def find_comment(self, remote_id: str, marker: str) -> str | None:
        """A search of notes must name what they are on, or it is refused."""
        wanted = [
            ["resource", "=", f"{WORK},{int(remote_id)}"],
            ["message", "like", like(_in_text(marker))],
        ]
        try:
            rows = self._server.search(NOTE, wanted, ("message",)).rows(Note)
        except NotPermitted:
            # Refused likewise for a task that is gone: that is no matter of rights.
            self.row(remote_id)
            raise
        return next((str(one.id) for one in rows if _in_text(marker) in one.message), None)

    def row(self, remote_id: str) -> WorkRow:
        wanted = [["id", "=", int(remote_id)]]
        rows = self._server.search(WORK, wanted, WORKS.shown).rows(WorkRow)
        if not rows:
            raise NotFound("The task is not in Tryton (any more).")
        return rows[0]

    @cached_property
    def _statuses(self) -> list[Status]:
        wanted = [["types", "in", "task"]]
        return self._server.search(
            "project.work.status", wanted, ("progress", "default", "sequence")
        ).rows(Status)

    @cached_property
    def _open(self) -> Status:
        """The one that Tryton itself gives to a new task."""
        usable = [one for one in self._statuses if one.progress != 1.0]
        if not usable:
            raise NotPermitted(
                "No status of works in Tryton means that a task is open.",
                next_step="Add one for tasks with a progress below 100 %, then run a check.",
            )
        return next((one for one in usable if one.default), usable[0])

    @cached_property
    def done(self) -> Status:
        found = next((one for one in self._statuses if one.progress == 1.0), None)
        if found is None:
            raise NotPermitted(
                "No status of works in Tryton means that a task is done.",
                next_step="Add one for tasks with a progress of 100 %, then run a check.",
            )
        return found

    @cached_property
    def parent(self) -> str | None:
        if self._project is None:
            return None
        wanted = [["number", "=", self._project], ["type", "=", "project"]]
        rows = self._server.search(WORK, wanted, ("comment",)).rows(Commented)
        if not rows:
            raise NotPermitted(
                f"Tryton has no project with the number {self._project}.",
                next_step="Correct the setting project, then run a check.",
            )
        return str(rows[0].id)

    def check(self) -> None:
        """Raises NotPermitted when what tasks need is not there."""
        _ = (self._open, self.done, self.parent)


def _handed_over(row: WorkRow, owner: str) -> list[Any]:
    """The first allocation is the owner's; people who help keep theirs."""
    first = min(row.allocations, key=lambda one: one.id, default=None)
    if first is None:
        return [["create", [_allocated(owner)]]]
    return [["write", [first.id], {"employee": int(owner)}]]


def _allocated(owner: str) -> Mapping[str, Any]:
    return {"employee": int(owner), "percentage": WHOLE}


def _whole_second(at: datetime) -> Mapping[str, Any]:
    return moment(at.replace(microsecond=0))


def _in_text(marker: str) -> str:
    return f"[rr:{marker}]"
