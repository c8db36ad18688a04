"""Delivers one claimed write: the calls it takes, and what is committed between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.capabilities import CommentsOnTasks, WritesTargets, WritesTasks
from connectors.errors import (
    BadResponse,
    ConnectorError,
    NotPermitted,
    OutcomeUnknown,
    Rejected,
)
from connectors.models import KpiTarget, Task
from connectors.port import Connector
from sync.store import outbox, runs
from sync.store.agreements import CHANGES, change_key, note_written, take_back
from sync.store.database import Database
from sync.store.outbox import Claimed
from sync.store.runs import Lease, Progress
from sync.tables.outbox import Link, LinkKind, Operation
from sync.task_values import COLUMNS, in_columns, written_by
from sync.updating import Look, Overtaken, look


class NotReady(ConnectorError):
    """What this write needs is not in the tool yet."""

    who = "nobody"
    next_step = "Wait: it goes out as soon as the record is there."


@dataclass(frozen=True)
class Failure:
    """Why a write was not delivered, and whether it may have taken effect all the same."""

    error: ConnectorError
    may_exist: bool


def deliver(
    database: Database,
    connector: Connector[Any],
    lease: Lease,
    claimed: Claimed,
    now: Callable[[], datetime],
) -> Failure | None:
    """None when it is done. Raises LeaseLost."""
    delivery = Delivery(database, connector, lease, claimed, now)
    try:
        delivery.deliver()
    except ConnectorError as error:
        return Failure(error, delivery.may_exist)
    return None


class Delivery:
    """`may_exist` is what is known of the write at any time: a look-up that found nothing makes it
    false, a call whose outcome was not told makes it true."""

    def __init__(
        self,
        database: Database,
        connector: Connector[Any],
        lease: Lease,
        claimed: Claimed,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._connector = connector
        self._lease = lease
        self._write = claimed.intention
        self._remote_id = claimed.remote_id
        self._now = now
        self._written_over: datetime | None = None
        self.may_exist = claimed.may_exist

    def deliver(self) -> None:
        write = {
            Operation.CREATE_TASK: self._create_task,
            Operation.UPDATE_TASK: self._update_task,
            Operation.COMPLETE_TASK: self._move_task,
            Operation.REOPEN_TASK: self._move_task,
            Operation.COMMENT: self._comment,
            Operation.CREATE_TARGET: self._create_target,
            Operation.UPDATE_TARGET: self._update_target,
        }[self._write.operation]
        try:
            requests = write()
        except Overtaken as error:
            if not self._write.key.startswith(
                change_key(self._write.operation, self._write.subject)
            ):
                raise Rejected(
                    f"The {error} of this task was changed in the tool since it was read.",
                    next_step="Pull the tasks, look at both sides, then retry this write.",
                ) from error
            # The pull that reads the other change brings both together, and intends what is left.
            with self._database.writing() as session:
                runs.advance(session, self._lease, Progress(read=1, requests=1), self._now())
                take_back(session, self._write.key)
            return
        with self._database.writing() as session:
            runs.advance(session, self._lease, Progress(read=1, requests=requests), self._now())
            outbox.note_done(session, self._write.key, self._lease.run_id, self._now())
            self._remember(session)

    def _create_task(self) -> int:
        tool = self._tasks()
        task = self._bound()
        remote_id, requests = self._once(
            lambda: _only(tool.find_task(task.key), "task", task.key),
            lambda: tool.create_task(task),
        )
        self._linked(LinkKind.TASK, remote_id)
        tool.stamp_task(remote_id, task)
        return requests + 1

    def _update_task(self) -> int:
        tool, seen = self._tasks(), self._look()
        if seen.missing:
            task = msgspec.convert(self._write.payload, Task, strict=False)
            only = [COLUMNS[name] for name in seen.missing]
            tool.update_task(self._linked_id(LinkKind.TASK), task, only)
        return seen.requests + bool(seen.missing)

    def _move_task(self) -> int:
        tool, seen = self._tasks(), self._look()
        if seen.missing:
            done = self._write.operation is Operation.COMPLETE_TASK
            move = tool.complete_task if done else tool.reopen_task
            move(self._linked_id(LinkKind.TASK))
        return seen.requests + bool(seen.missing)

    def _look(self) -> Look:
        """What of the change is still missing in the tool. Raises Overtaken."""
        write = self._write
        self._linked_id(LinkKind.TASK)
        with self._database.reading() as session:
            tie = session.get_one(Link, (write.connection_id, LinkKind.TASK, write.subject))
        seen = look(self._connector, tie, written_by(write.operation, write.payload))
        self._written_over = seen.at
        return seen

    def _comment(self) -> int:
        tool = self._comments()
        remote_id = self._linked_id(LinkKind.TASK)
        marker = self._write.key
        text = self._write.payload["text"]
        _, requests = self._once(
            lambda: tool.find_comment(remote_id, marker),
            lambda: tool.comment_task(remote_id, text, marker),
        )
        return requests

    def _create_target(self) -> int:
        tool = self._targets()
        target = msgspec.convert(self._write.payload, KpiTarget, strict=False)
        _prepare(tool)
        remote_id, requests = self._once(
            lambda: _only(tool.find_target(target.key), "KPI target", target.key),
            lambda: tool.create_target(target),
        )
        self._linked(LinkKind.TARGET, remote_id)
        return requests

    def _update_target(self) -> int:
        remote_id = self._linked_id(LinkKind.TARGET)
        target = msgspec.convert(self._write.payload, KpiTarget, strict=False)
        self._targets().update_target(remote_id, target)
        return 1

    def _once(self, find: Callable[[], str | None], create: Callable[[], str]) -> tuple[str, int]:
        """The id of the record that is there or was made now, and the requests that took."""
        if self._remote_id is not None:
            return self._remote_id, 0
        requests = 0
        if self.may_exist:
            found = find()
            requests += 1
            if found is not None:
                return found, requests
            with self._database.writing() as session:
                # A look-up may take longer than the lease: who took over may be creating it now.
                runs.advance(session, self._lease, Progress(), self._now())
            self.may_exist = False
        try:
            return create(), requests + 1
        except (OutcomeUnknown, BadResponse):
            # An answer that could not be read tells as little as one that was lost.
            self.may_exist = True
            raise

    def _bound(self) -> Task:
        """The task as planned, tied to the remote ids of the targets it serves."""
        write = self._write
        task = msgspec.convert(write.payload, Task, strict=False)
        with self._database.reading() as session:
            waiting = [
                key
                for key in task.bind_targets
                if outbox.is_pending(session, key, Operation.CREATE_TARGET)
            ]
            ids = [
                outbox.linked_id(session, write.connection_id, LinkKind.TARGET, key)
                for key in task.bind_targets
            ]
        if waiting:
            raise NotReady("The KPI target of this task is not in the tool yet.")
        # A target that the tool refused must not keep the task from being done.
        return msgspec.structs.replace(task, bind_targets=[id_ for id_ in ids if id_])

    def _linked(self, kind: LinkKind, remote_id: str) -> None:
        """The record is there: from this commit on nothing looks it up or makes it again."""
        write, now = self._write, self._now()
        with self._database.writing() as session:
            runs.advance(session, self._lease, Progress(created=1), now)
            outbox.note_created(session, write.key, remote_id)
            outbox.link(
                session, write.connection_id, kind, write.subject, remote_id, write.payload, now
            )

    def _remember(self, session: Session) -> None:
        """After an update both sides agree on what was sent."""
        write = self._write
        if write.operation in CHANGES:
            written = in_columns(written_by(write.operation, write.payload))
            over = self._written_over
            note_written(session, write.connection_id, write.subject, written, over)
        if write.operation is not Operation.UPDATE_TARGET:
            return
        kind = LinkKind.TARGET
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

    def _linked_id(self, kind: LinkKind) -> str:
        """What follows a create waits behind it in the outbox: without a link there was none."""
        write = self._write
        with self._database.reading() as session:
            remote_id = outbox.linked_id(session, write.connection_id, kind, write.subject)
        if remote_id is None:
            raise Rejected(
                f"The {kind} {write.subject} was never sent to this connection.",
                next_step="Send it first, then retry this write.",
            )
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
