"""Looks at a task right before it is changed: what somebody else changed since the last read must
not be overwritten unseen (G6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from connectors.capabilities import ReadsById
from connectors.models import RemoteTask, Stream
from connectors.port import Connector
from sync.merge import TaskField, Values, differ
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.store import runs
from sync.store.intake import take_in
from sync.store.links import is_attempt
from sync.store.mirror import Feed
from sync.store.outbox import Intention
from sync.tables.outbox import Link
from sync.task_values import base_of, theirs_of


class Overtaken(Exception):
    """Somebody changed the same field in the tool since it was read; `task` is as it is now."""

    def __init__(self, field: TaskField, task: RemoteTask) -> None:
        super().__init__(field)
        self.task = task


@dataclass(frozen=True)
class Look:
    """Which of the fields have still to be written, and the task as it is. A tool that cannot be
    asked tells nothing."""

    missing: frozenset[TaskField]
    task: RemoteTask | None = None

    @property
    def at(self) -> datetime | None:
        """The tool's moment of the task."""
        return self.task.updated_at if self.task else None


def look(connector: Connector[Any], link: Link, wanted: Values) -> Look:
    """Raises Overtaken."""
    if not isinstance(connector, ReadsById):
        return Look(frozenset(wanted))
    found = connector.by_ids(Stream.TASKS, [link.remote_id])
    tasks = [each for each in found.records if isinstance(each, RemoteTask)]
    if not tasks:
        # The write itself says best what is wrong with the task.
        return Look(frozenset(wanted))
    theirs, base = theirs_of(tasks[0], connector.config.task_statuses), base_of(link)
    missing = set()
    for name, value in wanted.items():
        their, known = theirs.get(name), base.get(name)
        if their is not None and not differ(name, their, value):
            continue
        changed = their is not None and known is not None and differ(name, their, known)
        if changed and not is_attempt(link, name, their):
            raise Overtaken(name, tasks[0])
        missing.add(name)
    return Look(frozenset(missing), tasks[0])


def bring_together(
    session: Session,
    connector: Connector[Any],
    write: Intention,
    task: RemoteTask,
    run_id: int,
    now: datetime,
) -> None:
    """Both sides of a task whose write was overtaken; what is left to write is planned anew. A pull
    of tasks that is under way does the same with what it reads."""
    if runs.is_active(session, write.connection_id, Stream.TASKS):
        return
    feed = Feed(write.connection_id, Stream.TASKS)
    take_in(session, feed, [task], (), run_id=run_id, at=now)
    meaning = connector.config.task_statuses
    reconcile_tasks(session, write.connection_id, meaning, Now(now, now), write.subject)
