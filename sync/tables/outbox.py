"""Intended writes and the ties between our objects and the tools' records."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from sync.tables.columns import document, moment, word


class Operation(StrEnum):
    CREATE_TASK = "create_task"
    UPDATE_TASK = "update_task"
    COMPLETE_TASK = "complete_task"
    REOPEN_TASK = "reopen_task"
    COMMENT = "comment"
    CREATE_TARGET = "create_target"
    UPDATE_TARGET = "update_target"
    DELETE_TASK = "delete_task"
    RESTORE_TASK = "restore_task"


class OutboxState(StrEnum):
    """`sending` was committed before the call, `stamping` when the record was there. A write that
    is `superseded` went out as part of another one; one that is `undone` was taken back, and one
    that is `dropped` was refused and somebody let it go."""

    PLANNED = "planned"
    SENDING = "sending"
    STAMPING = "stamping"
    DONE = "done"
    REFUSED = "refused"
    DEAD = "dead"
    SUPERSEDED = "superseded"
    UNDONE = "undone"
    DROPPED = "dropped"


class Outbox(SQLModel, table=True):
    """One intended write. `key` is unique, so the same intention is never written twice.

    `payload` is the write as it will be sent, byte for byte the same at each try; `subject` is the
    key of the object that is written to.

    `may_exist`: a call was begun whose outcome nobody knows. Only a completed look-up, or a refusal
    of that very call, takes it back; until then the write is looked up before it is sent.
    `sent_at` is when the last call went out that must not be done twice, `doubted_at` until when
    one may have gone out that was forgotten by a restore: as long as the tool may be at it, a
    look-up that finds nothing proves nothing.
    `attempts` counts the answers that spoke against the write itself, and the workers that were
    lost at it; `waits` how often in all it
    was put off, the last time at `put_off_at`. These moments are the database's.

    `before` is the remote record as it was before the write, None where nothing was there or the
    tool cannot show it. `superseded_by` is the key of the write this one went out with; what a
    merge wanted no more was superseded by none.
    """

    __table_args__ = (
        Index("outbox_next", "connection_id", "state", "waits", "sequence"),
        Index("outbox_subject", "connection_id", "subject"),
        Index("outbox_run", "run_id"),
    )

    key: str = Field(primary_key=True)
    connection_id: int = Field(foreign_key="connection.id")
    operation: Operation = word(Operation, Operation.CREATE_TASK)
    subject: str
    payload: dict[str, Any] = document()
    because: list[dict[str, Any]] = document()
    state: OutboxState = word(OutboxState, OutboxState.PLANNED)
    remote_id: str | None = None
    may_exist: bool = False
    attempts: int = 0
    waits: int = 0
    not_before: datetime | None = moment(optional=True)
    put_off_at: datetime | None = moment(optional=True)
    sent_at: datetime | None = moment(optional=True)
    doubted_at: datetime | None = moment(optional=True)
    error: dict[str, Any] | None = document(optional=True)
    before: dict[str, Any] | None = document(optional=True)
    superseded_by: str | None = None
    run_id: int | None = None
    sequence: int = 0
    planned_at: datetime = moment()
    done_at: datetime | None = moment(optional=True)


class LinkKind(StrEnum):
    TASK = "task"
    TARGET = "target"


class Link(SQLModel, table=True):
    """Our object and its remote record. `base` is what both sides last agreed on; `revision` tells
    one such agreement from the next.

    `overwritten` holds, by field, what our last write went over: `at`, the tool's moment of change
    of the record as it was then, and the `values` that our writes at that moment found. What was
    read before that moment is older than our write, and so are these values at that very moment;
    another one is somebody's, who came after us within the second. Moments are ISO texts.

    `attempted` holds, by field, what we tried to write without learning whether it took effect:
    pairs of a `value` and `at`, the database's moment. What the tool shows of it is ours (G7).
    """

    __table_args__ = (UniqueConstraint("connection_id", "kind", "remote_id"),)

    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    remote_id: str
    base: dict[str, Any] = document()
    linked_at: datetime = moment()
    revision: int = 0
    overwritten: dict[str, Any] | None = document(optional=True)
    attempted: dict[str, Any] | None = document(optional=True)
