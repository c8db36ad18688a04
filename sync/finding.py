"""Which tasks that may be in the tool are there, asked for many of them at once.

After a restore each new task may have been made before, and in most tools to look for one costs as
much as to look for all.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.capabilities import FindsTasks, WritesTasks
from connectors.errors import BadResponse, RecordRefused, Rejected
from connectors.models import Task
from connectors.port import Connector
from sync import images
from sync.store import in_doubt
from sync.store.database import Database
from sync.store.outbox import Intention
from sync.tables.outbox import Outbox

AT_ONCE = 200


class Finding:
    """For one slice of a push: it alone makes tasks of the connection, so that one that was not
    there is not there until it makes it."""

    def __init__(self, database: Database, connection_id: int, now: Callable[[], datetime]) -> None:
        self._database = database
        self._connection_id = connection_id
        self._now = now
        self._found: dict[str, Sequence[str]] = {}
        self._images: dict[str, dict[str, Any] | None] = {}
        self._asked_at = now()
        self._one_by_one = False

    def ids(self, tool: WritesTasks, create: Intention) -> tuple[Sequence[str], datetime]:
        """Of the tasks with its key, and when they were asked for. Each answer is given once: who
        looks again has tried to make the task meanwhile, or waited for a call that may have made
        it."""
        key: str = create.payload["key"]
        if not isinstance(tool, FindsTasks):
            asked_at = self._now()
            return tool.find_task(key), asked_at
        if key not in self._found:
            self._asked_at = self._now()
            self._found = self._asked(tool, create.key)
        return self._found.pop(key), self._asked_at

    def image(self, connector: Connector[Any], remote_id: str) -> dict[str, Any]:
        """A task that was found, as far as the tool tells what it is. Those that were found with it
        are read with it: they are asked about next."""
        if remote_id not in self._images:
            ids = [remote_id, *(found[0] for found in self._found.values() if len(found) == 1)]
            self._images = {**dict.fromkeys(ids), **images.read_all(connector, ids)}
        return self._images.pop(remote_id) or {"id": remote_id}

    def _asked(self, tool: FindsTasks, create: str) -> dict[str, Sequence[str]]:
        keys, since = self._wanted(create, 1 if self._one_by_one else AT_ONCE)
        try:
            return dict(tool.find_tasks(keys, since))
        except (RecordRefused, BadResponse):
            if len(keys) == 1:
                raise
            # One of them is at fault, and the others must not wait for a person because of it.
            self._one_by_one = True
            return dict(tool.find_tasks(*self._wanted(create, 1)))

    def _wanted(self, create: str, most: int) -> tuple[Sequence[str], datetime | None]:
        """The key of this task and of those that will be looked for next, and since when any of
        them may have been made."""
        with self._database.reading() as session:
            rows = [session.get_one(Outbox, create)]
            if most > 1:
                rows += in_doubt.creates_of_tasks(session, self._connection_id, self._now(), most)
            keys = list(dict.fromkeys(row.payload["key"] for row in rows))
            return keys[:most], in_doubt.made_since(session, rows)


def only(found: Sequence[str], what: str, key: str) -> str | None:
    """Raises Rejected when there are several."""
    if len(found) > 1:
        raise Rejected(
            f"The tool holds {len(found)} records of the {what} {key}: {', '.join(found)}.",
            next_step="Delete all but one of them in the tool, then retry the write.",
        )
    return found[0] if found else None


def is_of_another(found: Mapping[str, Any], task: Task, forgotten_since: datetime | None) -> bool:
    """Whether another installation made what is there without a call of ours that is known, and not
    we in one that was forgotten.

    Raises Rejected where it has our key and is about something else.
    """
    made_at = msgspec.convert(found.get("created_at"), datetime | None, strict=False)
    if forgotten_since is not None and made_at is not None and made_at >= forgotten_since:
        return False
    if "title" in found and images.changed({"title": task.title}, found):
        raise Rejected(
            f"The tool holds a task {task.key} of another installation, and it is about something "
            f"else: {found['title']}",
            next_step="Give the decision another id; or, where both are the same work, give the "
            f"task there the title {task.title!r}, then retry this write.",
        )
    return True
