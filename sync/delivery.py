"""Delivers one claimed write: the calls it takes, and what is committed between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.capabilities import StampsTasks
from connectors.errors import ConnectorError, Rejected
from connectors.models import KpiTarget, Task, TaskStatus
from connectors.port import Connector
from sync import images, target_days, undoing
from sync.abilities import comments_of, prepare, targets_of, tasks_of
from sync.finding import Finding, is_of_another, only
from sync.making import Found, Making
from sync.store import in_doubt, links, outbox, runs, undone
from sync.store.agreements import CHANGES, change_key, take_back, tied_tasks
from sync.store.database import Database, again_after_conflict
from sync.store.outbox import Claimed, Intention
from sync.store.runs import Lease, Progress
from sync.tables.outbox import Link, LinkKind, Operation, Outbox
from sync.task_values import COLUMNS, in_columns, written_by
from sync.updating import Look, Overtaken, bring_together, look

UPDATES = (*CHANGES, Operation.UPDATE_TARGET)


class NotReady(ConnectorError):
    """What this write needs is not in the tool yet."""

    who = "nobody"
    next_step = "Wait: it goes out as soon as the record is there."


@dataclass(frozen=True)
class Failure:
    """Why a write was not delivered, and whether it may have taken effect all the same."""

    error: ConnectorError
    may_exist: bool


class Meter:
    """Tells how many requests were sent since it was last asked."""

    def __init__(self, connector: Connector[Any]) -> None:
        self._connector = connector
        self._told = connector.requests

    def spent(self) -> int:
        told, self._told = self._told, self._connector.requests
        return self._told - told


def deliver(
    database: Database,
    connector: Connector[Any],
    lease: Lease,
    claimed: Claimed,
    now: Callable[[], datetime],
    meter: Meter,
    finding: Finding,
) -> Failure | None:
    """None when it is done, or made and to be stamped with others. Raises LeaseLost."""
    delivery = Delivery(database, connector, lease, claimed, now, meter, finding)
    try:
        delivery.deliver()
    except ConnectorError as error:
        return Failure(error, delivery.may_exist)
    return None


class Delivery:
    def __init__(
        self,
        database: Database,
        connector: Connector[Any],
        lease: Lease,
        claimed: Claimed,
        now: Callable[[], datetime],
        meter: Meter,
        finding: Finding,
    ) -> None:
        self._database = database
        self._connector = connector
        self._lease = lease
        self._write = claimed.intention
        self._made = claimed.remote_id
        self._was_sent = claimed.sent_at is not None
        self._theirs: dict[str, Any] | None = None
        self._before = claimed.before
        self._now = now
        self._meter = meter
        self._finding = finding
        self._written_over: datetime | None = None
        self._day_before: date | None = None
        self._making = Making(database, connector, lease, claimed, now)

    @property
    def may_exist(self) -> bool:
        """Whether it may have taken effect, as far as is known by now."""
        return self._making.may_exist

    def deliver(self) -> None:
        write = {
            Operation.CREATE_TASK: self._create_task,
            Operation.UPDATE_TASK: self._update_task,
            Operation.COMPLETE_TASK: self._move_task,
            Operation.REOPEN_TASK: self._move_task,
            Operation.COMMENT: self._comment,
            Operation.CREATE_TARGET: self._create_target,
            Operation.UPDATE_TARGET: self._update_target,
            Operation.DELETE_TASK: self._delete_task,
            Operation.RESTORE_TASK: self._restore_task,
        }[self._write.operation]
        try:
            write()
        except Overtaken as error:
            if not self._write.key.startswith(
                change_key(self._write.operation, self._write.subject)
            ):
                raise Rejected(
                    f"The {error} of this task was changed in the tool since it was read.",
                    next_step="Pull the tasks, look at both sides, then retry this write.",
                ) from error
            again_after_conflict(partial(self._bring_together, error))
            return
        if self._write.operation is Operation.CREATE_TASK and isinstance(
            self._connector, StampsTasks
        ):
            return
        updated = int(self._write.operation in UPDATES)
        done = Progress(read=1, updated=updated, requests=self._meter.spent())
        again_after_conflict(partial(self._end, done))

    def _end(self, done: Progress) -> None:
        with self._database.writing() as session:
            self._lock(session)
            runs.advance(session, self._lease, done, self._now())
            outbox.note_done(session, self._write.key, self._lease.run_id, self._now())
            self._remember(session)

    def _bring_together(self, overtaken: Overtaken) -> None:
        with self._database.writing() as session:
            self._lock(session)
            now, lease, write = self._now(), self._lease, self._write
            runs.advance(session, lease, Progress(read=1), now)
            take_back(session, write.key)
            bring_together(session, self._connector, write, overtaken.task, lease.run_id, now)

    def _lock(self, session: Session) -> None:
        """The task with its action, before its write: in the order in which a merge takes them."""
        tied_tasks(session, self._write.connection_id, self._write.subject)

    def _create_task(self) -> None:
        tool = tasks_of(self._connector)
        task = self._bound()

        def find() -> Found:
            ids, asked_at = self._finding.ids(tool, self._write)
            found = only(ids, "task", task.key)
            if found is not None and not self._was_sent:
                self._look_whose(found, task)
            return Found(found, asked_at)

        # One that was made is tied already, and both sides may have agreed on more since.
        remote_id = self._made
        if remote_id is None:
            remote_id = self._making.once(find, lambda: tool.create_task(task))
            self._linked(LinkKind.TASK, remote_id)
        if not isinstance(tool, StampsTasks):
            tool.stamp_task(remote_id, task)

    def _look_whose(self, remote_id: str, task: Task) -> None:
        with self._database.reading() as session:
            row = session.get_one(Outbox, self._write.key)
            forgotten_since = in_doubt.forgotten_since(session, row)
        image = self._finding.image(self._connector, remote_id)
        self._theirs = image if is_of_another(image, task, forgotten_since) else None

    def _update_task(self) -> None:
        tool, seen = tasks_of(self._connector), self._look()
        if seen.missing:
            task = msgspec.convert(self._write.payload, Task, strict=False)
            only = [COLUMNS[name] for name in seen.missing]
            self._note_attempt(seen, images.written(self._write.payload))
            tool.update_task(self._linked_id(LinkKind.TASK), task, only)

    def _move_task(self) -> None:
        tool, seen = tasks_of(self._connector), self._look()
        if seen.missing:
            done = self._write.operation is Operation.COMPLETE_TASK
            becomes = TaskStatus.DONE if done else TaskStatus.OPEN
            self._note_attempt(seen, {"status": becomes.value})
            move = tool.complete_task if done else tool.reopen_task
            move(self._linked_id(LinkKind.TASK))

    def _look(self) -> Look:
        """What of the change is still missing in the tool. Raises Overtaken."""
        write = self._write
        self._linked_id(LinkKind.TASK)
        with self._database.reading() as session:
            tie = session.get_one(Link, (write.connection_id, LinkKind.TASK, write.subject))
        seen = look(self._connector, tie, written_by(write.operation, write.payload))
        self._written_over = seen.at
        return seen

    def _delete_task(self) -> None:
        undoing.delete(self._connector, undoing.TakenBack.of_payload(self._write.payload))

    def _restore_task(self) -> None:
        back = undoing.TakenBack.of_payload(self._write.payload)
        self._written_over = undoing.restore(self._connector, back, self._note_restoring)

    def _note_restoring(self, written: Mapping[str, str]) -> None:
        write, now = self._write, self._now()
        with self._database.writing(outlasts_power=True) as session:
            runs.advance(session, self._lease, Progress(), now)
            links.note_attempt(session, write.connection_id, write.subject, written, now)

    def _note_attempt(self, seen: Look, ours: Mapping[str, Any]) -> None:
        """Commit what is about to be written, and what the record is like before. One that is as we
        write it was written by us, in a call whose end nobody saw: then what was kept stays."""
        write, now = self._write, self._now()
        wanted = written_by(write.operation, write.payload)
        tried = in_columns({name: wanted[name] for name in seen.missing})
        found = None if seen.task is None else msgspec.to_builtins(seen.task)
        with self._database.writing(outlasts_power=True) as session:
            runs.advance(session, self._lease, Progress(), now)
            links.note_attempt(session, write.connection_id, write.subject, tried, now)
            if found is not None and (self._before is None or images.changed(ours, found)):
                outbox.note_before(session, write.key, found)

    def _comment(self) -> None:
        tool = comments_of(self._connector)
        remote_id = self._linked_id(LinkKind.TASK)
        marker = self._write.key
        text = self._write.payload["text"]

        def find() -> Found:
            asked_at = self._now()
            return Found(tool.find_comment(remote_id, marker), asked_at)

        self._making.once(find, lambda: tool.comment_task(remote_id, text, marker))

    def _create_target(self) -> None:
        if self._made is not None:
            return
        tool = targets_of(self._connector)
        target = msgspec.convert(self._write.payload, KpiTarget, strict=False)
        prepare(tool)

        def find() -> Found:
            asked_at = self._now()
            there = tool.find_target(target.key, self._made_since())
            found = only(there, "KPI target", target.key)
            if found is not None:
                tool.check_target(found, target)
            return Found(found, asked_at)

        remote_id = self._making.once(find, lambda: tool.create_target(target))
        self._linked(LinkKind.TARGET, remote_id)

    def _made_since(self) -> datetime | None:
        with self._database.reading() as session:
            return in_doubt.made_since(session, [session.get_one(Outbox, self._write.key)])

    def _update_target(self) -> None:
        remote_id = self._linked_id(LinkKind.TARGET)
        with self._database.reading() as session:
            update = target_days.update(session, self._write, begun=self._making.may_exist)
        self._day_before = update.send(targets_of(self._connector), remote_id)

    def _bound(self) -> Task:
        """The task as planned, tied to the remote ids of the targets it serves."""
        with self._database.reading() as session:
            if outbox.any_target_pending(session, self._write.payload.get("bind_targets", [])):
                raise NotReady("The KPI target of this task is not in the tool yet.")
            return bound_task(session, self._write)

    def _linked(self, kind: LinkKind, remote_id: str) -> None:
        """The record is there: from this commit on nothing looks it up or makes it again."""
        made = Progress(created=int(self._theirs is None), requests=self._meter.spent())
        again_after_conflict(partial(self._link, kind, remote_id, made))

    def _link(self, kind: LinkKind, remote_id: str, made: Progress) -> None:
        write, now = self._write, self._now()
        with self._database.writing() as session:
            self._lock(session)
            runs.advance(session, self._lease, made, now)
            outbox.note_created(session, write.key, remote_id)
            if self._theirs is not None:
                # What another installation made is kept as it is: no undo deletes it.
                outbox.note_before(session, write.key, self._theirs)
            links.link(
                session, write.connection_id, kind, write.subject, remote_id, write.payload, now
            )

    def _remember(self, session: Session) -> None:
        """After an update both sides agree on what was sent; what was taken back is not there."""
        write = self._write
        if write.operation in (Operation.DELETE_TASK, Operation.RESTORE_TASK):
            undoing.remember(session, write, self._written_over, self._now())
            return
        if write.operation in CHANGES:
            written = in_columns(written_by(write.operation, write.payload))
            over = self._written_over
            links.note_written(session, write.connection_id, write.subject, written, over)
        if write.operation is Operation.UPDATE_TARGET:
            target_days.remember(session, write, self._day_before, self._now())

    def _linked_id(self, kind: LinkKind) -> str:
        """What follows a create waits behind it in the outbox: without a link there was none."""
        write = self._write
        with self._database.reading() as session:
            remote_id = links.linked_id(session, write.connection_id, kind, write.subject)
            if remote_id is not None:
                return remote_id
            create = undone.create_taken_back(session, write.connection_id, write.subject)
        if create is not None:
            raise Rejected(
                f"The {kind} {write.subject} was taken back, so it is not in the tool any more.",
                next_step=f"Let this write go, or make the {kind} again: "
                f"retro outbox retry {create}",
            )
        raise Rejected(
            f"The {kind} {write.subject} was never sent to this connection.",
            next_step="Send it first, then retry this write.",
        )


def bound_task(session: Session, write: Intention) -> Task:
    """A target that the tool refused must not keep the task from being done."""
    task = msgspec.convert(write.payload, Task, strict=False)
    ids = [
        links.linked_id(session, write.connection_id, LinkKind.TARGET, key)
        for key in task.bind_targets
    ]
    return msgspec.structs.replace(task, bind_targets=[id_ for id_ in ids if id_])
