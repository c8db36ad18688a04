"""Which tasks that may be in the tool are there, asked for many of them at once.

After a restore each new task may have been made before, and in most tools to look for one costs as
much as to look for all.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from connectors.capabilities import FindsTasks, WritesTasks
from connectors.errors import BadResponse, RecordRefused
from sync.store import in_doubt
from sync.store.database import Database

AT_ONCE = 200


class Finding:
    """For one slice of a push: it alone makes tasks of the connection, so that one that was not
    there is not there until it makes it."""

    def __init__(self, database: Database, connection_id: int, now: Callable[[], datetime]) -> None:
        self._database = database
        self._connection_id = connection_id
        self._now = now
        self._found: dict[str, Sequence[str]] = {}
        self._one_by_one = False

    def ids(self, tool: WritesTasks, key: str) -> Sequence[str]:
        """Of the tasks with this key. Each answer is given once: who looks again has tried to make
        the task meanwhile, or waited for a call that may have made it."""
        if not isinstance(tool, FindsTasks):
            return tool.find_task(key)
        if key not in self._found:
            self._found = self._asked(tool, key)
        return self._found.pop(key)

    def _asked(self, tool: FindsTasks, key: str) -> dict[str, Sequence[str]]:
        keys = [key] if self._one_by_one else self._with(key)
        try:
            return dict(tool.find_tasks(keys))
        except (RecordRefused, BadResponse):
            if len(keys) == 1:
                raise
            # One of them is at fault, and the others must not wait for a person because of it.
            self._one_by_one = True
            return dict(tool.find_tasks([key]))

    def _with(self, key: str) -> Sequence[str]:
        """The key, and those that will be looked for next."""
        with self._database.reading() as session:
            next_ones = in_doubt.task_keys(session, self._connection_id, self._now(), AT_ONCE)
        return list(dict.fromkeys((key, *next_ones)))[:AT_ONCE]
