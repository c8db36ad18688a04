"""Delivers one claimed write: the calls it takes, and what is committed between them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.capabilities import CommentsOnTasks, WritesTargets, WritesTasks
from connectors.errors import ConnectorError, NotPermitted, Rejected
from connectors.models import KpiTarget, Task
from connectors.port import Connector
from sync.store import outbox, runs
from sync.store.database import Database
from sync.store.outbox import Claimed, Intention
from sync.store.runs import Lease, Progress
from sync.tables.outbox import LinkKind, Operation


class NotReady(ConnectorError):
    """The record this write goes to is not in the tool yet."""

    who = "nobody"
    next_step = "Wait: it goes out as soon as the record is there."


def deliver(
    database: Database,
    connector: Connector[Any],
    lease: Lease,
    claimed: Claimed,
    now: Callable[[], datetime],
) -> None:
    """Raises ConnectorError as the tool gave it, NotReady, LeaseLost."""
    Delivery(database, connector, lease, now).deliver(claimed)


class Delivery:
    def __init__(
        self,
        database: Database,
        connector: Connector[Any],
        lease: Lease,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._connector = connector
        self._lease = lease
        self._now = now

    def deliver(self, claimed: Claimed) -> None:
        write = {
            Operation.CREATE_TASK: self._create_task,
            Operation.UPDATE_TASK: self._update_task,
            Operation.COMPLETE_TASK: self._complete_task,
            Operation.COMMENT: self._comment,
            Operation.CREATE_TARGET: self._create_target,
            Operation.UPDATE_TARGET: self._update_target,
        }[claimed.intention.operation]
        requests = write(claimed)
        with self._database.writing() as session:
            runs.advance(session, self._lease, Progress(read=1, requests=requests), self._now())
            outbox.note_done(session, claimed.intention.key, self._lease.run_id, self._now())
            self._remember(session, claimed.intention)

    def _create_task(self, claimed: Claimed) -> int:
        tool = self._tasks()
        task = self._bound(claimed.intention)
        remote_id, requests = claimed.remote_id, 0
        if remote_id is None and claimed.interrupted:
            remote_id = _only(tool.find_task(task.key), "task", task.key)
            requests += 1
        if remote_id is None:
            remote_id = tool.create_task(task)
            requests += 1
        self._linked(claimed, LinkKind.TASK, remote_id)
        tool.stamp_task(remote_id, task)
        return requests + 1

    def _update_task(self, claimed: Claimed) -> int:
        remote_id = self._remote_id(claimed.intention, LinkKind.TASK)
        self._tasks().update_task(remote_id, self._bound(claimed.intention))
        return 1

    def _complete_task(self, claimed: Claimed) -> int:
        remote_id = self._remote_id(claimed.intention, LinkKind.TASK)
        self._tasks().complete_task(remote_id)
        return 1

    def _comment(self, claimed: Claimed) -> int:
        tool = self._comments()
        remote_id = self._remote_id(claimed.intention, LinkKind.TASK)
        marker = claimed.intention.key
        if claimed.interrupted and tool.find_comment(remote_id, marker) is not None:
            return 1
        tool.comment_task(remote_id, claimed.intention.payload["text"], marker)
        return 1 + claimed.interrupted

    def _create_target(self, claimed: Claimed) -> int:
        tool = self._targets()
        target = msgspec.convert(claimed.intention.payload, KpiTarget, strict=False)
        _prepare(tool)
        remote_id, requests = claimed.remote_id, 0
        if remote_id is None and claimed.interrupted:
            remote_id = _only(tool.find_target(target.key), "KPI target", target.key)
            requests += 1
        if remote_id is None:
            remote_id = tool.create_target(target)
            requests += 1
        self._linked(claimed, LinkKind.TARGET, remote_id)
        return requests

    def _update_target(self, claimed: Claimed) -> int:
        remote_id = self._remote_id(claimed.intention, LinkKind.TARGET)
        target = msgspec.convert(claimed.intention.payload, KpiTarget, strict=False)
        self._targets().update_target(remote_id, target)
        return 1

    def _bound(self, intention: Intention) -> Task:
        """The task as planned, tied to the remote ids of the targets it serves."""
        task = msgspec.convert(intention.payload, Task, strict=False)
        with self._database.reading() as session:
            waiting = [
                key
                for key in task.bind_targets
                if outbox.is_pending(session, key, Operation.CREATE_TARGET)
            ]
            ids = [
                outbox.linked_id(session, intention.connection_id, LinkKind.TARGET, key)
                for key in task.bind_targets
            ]
        if waiting:
            raise NotReady("The KPI target of this task is not in the tool yet.")
        # A target that the tool refused must not keep the task from being done.
        return msgspec.structs.replace(task, bind_targets=[id_ for id_ in ids if id_])

    def _linked(self, claimed: Claimed, kind: LinkKind, remote_id: str) -> None:
        """The record is there: from this commit on nothing looks it up or makes it again."""
        write, now = claimed.intention, self._now()
        with self._database.writing() as session:
            runs.advance(session, self._lease, Progress(created=1), now)
            outbox.note_created(session, write.key, remote_id)
            outbox.link(
                session, write.connection_id, kind, write.subject, remote_id, write.payload, now
            )

    def _remember(self, session: Session, write: Intention) -> None:
        """After an update both sides agree on what was sent."""
        kind = {
            Operation.UPDATE_TASK: LinkKind.TASK,
            Operation.UPDATE_TARGET: LinkKind.TARGET,
        }.get(write.operation)
        if kind is None:
            return
        remote_id = outbox.linked_id(session, write.connection_id, kind, write.subject)
        if remote_id is not None:
            outbox.link(
                session,
                write.connection_id,
                kind,
                write.subject,
                remote_id,
                write.payload,
                self._now(),
            )

    def _remote_id(self, write: Intention, kind: LinkKind) -> str:
        with self._database.reading() as session:
            remote_id = outbox.linked_id(session, write.connection_id, kind, write.subject)
        if remote_id is None:
            raise NotReady(f"The {kind} {write.subject} is not in the tool yet.")
        return remote_id

    def _tasks(self) -> WritesTasks:
        if isinstance(self._connector, WritesTasks):
            return self._connector
        raise self._cannot("tasks")

    def _comments(self) -> CommentsOnTasks:
        if isinstance(self._connector, CommentsOnTasks):
            return self._connector
        raise self._cannot("comments on tasks")

    def _targets(self) -> WritesTargets:
        if isinstance(self._connector, WritesTargets):
            return self._connector
        raise self._cannot("KPI targets")

    def _cannot(self, what: str) -> Rejected:
        return Rejected(
            f"{self._connector.label} cannot take {what}.",
            next_step="Send it to another connection, or settle it by hand.",
        )


def _prepare(tool: WritesTargets) -> None:
    """A tool whose plan has no room for targets still takes tasks: only the target is refused."""
    try:
        tool.prepare_targets()
    except NotPermitted as error:
        raise Rejected(error.message, next_step=error.next_step) from error


def _only(found: Sequence[str], what: str, key: str) -> str | None:
    if len(found) > 1:
        raise Rejected(
            f"The tool holds {len(found)} records of the {what} {key}: {', '.join(found)}.",
            next_step="Delete all but one of them in the tool, then retry the write.",
        )
    return found[0] if found else None
