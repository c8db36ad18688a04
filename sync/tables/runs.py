"""Executions of a pull or push, what they set aside, and what the tools told us unasked."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from sync.tables.columns import document, moment, word


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE_STATUSES = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING)
PUSH = "push"


class Mode(StrEnum):
    FULL = "full"
    INCREMENTAL = "incremental"
    PUSH = "push"


class Trigger(StrEnum):
    MANUAL = "manual"
    SCHEDULE = "schedule"
    HOOK = "hook"
    PLAN = "plan"
    REPLAY = "replay"


class Run(SQLModel, table=True):
    """One execution for a (connection, stream); `stream` is `push` for writes.

    The unique index keeps a second active run out (G9). `fence` grows each time a worker takes the
    run; a page commit names the fence it holds and fails when it is no longer the newest.
    `lease_until` and a wait, from `waiting_since` on, are machine time. `since` is what was asked
    for; `window_start` and `remote_now` belong to the pull as a whole, whichever slices it took.
    `expected` is how many records a full read will meet, by what was held when it began.

    `cancel` asks its worker to end it. `stalled` counts the slices that found the tool down one
    after another, `idle` those that ended and left the cursor where it was, `lost` the workers that
    took the run and were lost before they brought anything.
    """

    __table_args__ = (
        Index(
            "run_one_active",
            "connection_id",
            "stream",
            unique=True,
            sqlite_where=text("status IN ('queued','running','waiting')"),
            postgresql_where=text("status IN ('queued','running','waiting')"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int = Field(foreign_key="connection.id", index=True)
    stream: str
    mode: Mode = word(Mode, Mode.INCREMENTAL)
    trigger: Trigger = word(Trigger, Trigger.MANUAL)
    status: RunStatus = word(RunStatus, RunStatus.QUEUED)
    queued_at: datetime = moment()
    started_at: datetime | None = moment(optional=True)
    ended_at: datetime | None = moment(optional=True)
    host: str | None = None
    pid: int | None = None
    fence: int = 0
    lease_until: datetime | None = moment(optional=True)
    waiting_until: datetime | None = moment(optional=True)
    waiting_since: datetime | None = moment(optional=True)
    since: datetime | None = moment(optional=True)
    window_start: datetime | None = moment(optional=True)
    remote_now: datetime | None = moment(optional=True)
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    set_aside: int = 0
    requests: int = 0
    seconds: float = 0.0
    expected: int | None = None
    cancel: bool = False
    stalled: int = 0
    idle: int = 0
    lost: int = 0
    complete: bool | None = None
    certificate: dict[str, Any] | None = document(optional=True)
    error: dict[str, Any] | None = document(optional=True)


class RunSeen(SQLModel, table=True):
    """The ids a full pull has seen so far: its enumeration, compared in SQL, then cleared. No
    foreign key: SQLite clears a table at once only when it has none."""

    __tablename__ = "run_seen"
    __table_args__ = {"sqlite_with_rowid": False}

    run_id: int = Field(primary_key=True)
    record_id: str = Field(primary_key=True)


class SetAside(SQLModel, table=True):
    """One record that could not be taken, with the raw answer, until it is taken or dropped."""

    __tablename__ = "set_aside"
    __table_args__ = (UniqueConstraint("connection_id", "stream", "record_id"),)

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int = Field(foreign_key="connection.id")
    stream: str
    record_id: str
    run_id: int = Field(foreign_key="run.id")
    reason: str
    raw: str
    seen_at: datetime = moment()


class HeldDelete(SQLModel, table=True):
    """A record that the tool no longer has, among so many at once that a person is asked first.

    `run_id` is the pull that found the set. `kept` is the answer that it stays here all the same.
    """

    __tablename__ = "held_delete"

    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    stream: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    kept: bool = False
    seen_at: datetime = moment()


class HookState(StrEnum):
    STORED = "stored"
    APPLIED = "applied"
    FAILED = "failed"


class HookEvent(SQLModel, table=True):
    """An inbound webhook after verification: a hint to read `record_id` again.

    The unique index makes a second delivery of one event a repetition.
    """

    __tablename__ = "hook_event"
    __table_args__ = (UniqueConstraint("connection_id", "dedupe"),)

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int = Field(foreign_key="connection.id")
    stream: str
    record_ids: list[str] = document()
    dedupe: str
    deliveries: int = 1
    state: HookState = word(HookState, HookState.STORED)
    received_at: datetime = moment()
    applied_at: datetime | None = moment(optional=True)
