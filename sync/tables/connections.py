"""Configured accounts of tools, what is read from them, and when."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from sync.tables.columns import document, moment, word
from sync.tables.runs import Mode


class ConnectionState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    BROKEN = "broken"


class Connection(SQLModel, table=True):
    """`settings` may be shown; `secrets` is the other part, encrypted by the vault. `identity` are
    the names by which the tool's account is known; none of a connection of an older version.

    A broken connection heals by a good check. `token_lock_until` (machine time) is the lock under
    which one process renews an OAuth token.
    """

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    kind: str
    settings: dict[str, Any] = document()
    secrets: bytes = Field(sa_type=LargeBinary)
    state: ConnectionState = word(ConnectionState, ConnectionState.ACTIVE)
    error: dict[str, Any] | None = document(optional=True)
    account: str | None = None
    identity: list[str] | None = document(optional=True)
    sandbox: bool = False
    created_at: datetime = moment()
    checked_at: datetime | None = moment(optional=True)
    token: bytes | None = Field(default=None, sa_type=LargeBinary)
    token_lock_until: datetime | None = moment(optional=True)


class Missed(StrEnum):
    """What a schedule does with the runs that were due while nothing was running."""

    SKIP = "skip"
    ONCE = "once"


class Schedule(SQLModel, table=True):
    """When a stream is pulled: every so many seconds, or by a cron line in a time zone.

    `mode` is what it asks for: what changed, or everything, which is the reconcile. `next_run_at`
    is business time, `regular_at` the same without jitter. `stream` may also be `push` or `rules`.
    """

    __table_args__ = (UniqueConstraint("connection_id", "stream", "mode"),)

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int | None = Field(default=None, foreign_key="connection.id", index=True)
    stream: str
    mode: Mode = word(Mode, Mode.INCREMENTAL)
    every_seconds: float | None = None
    cron: str | None = None
    tz: str = "Europe/Paris"
    jitter_seconds: float = 0.0
    missed: Missed = word(Missed, Missed.ONCE)
    enabled: bool = True
    next_run_at: datetime = moment(index=True)
    regular_at: datetime | None = moment(optional=True)
    last_run_at: datetime | None = moment(optional=True)


class Cursor(SQLModel, table=True):
    """Where reading goes on. Partition `*` holds the stream's watermark, from which the next
    incremental window starts; the others are the shares of the run that is under way."""

    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    stream: str = Field(primary_key=True)
    partition: str = Field(primary_key=True)
    position: str = ""
    until: str | None = None
    finished: bool = False
    watermark: datetime | None = moment(optional=True)


WHOLE_STREAM = "*"
