"""What both sides keep alike: whose change stands, and what waits for a person."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from sync.merge import Contract
from sync.tables.columns import moment, word


class FieldContract(SQLModel, table=True):
    """Whose change of a field stands in one connection; without a row the default holds."""

    __tablename__ = "mapping"

    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    stream: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    contract: Contract = word(Contract, Contract.ASK)


class Reason(StrEnum):
    """`clash`: both sides changed the field. `unknown_account`: nobody here has the account that
    owns the task there. `flips`: it changed too often to be true. `deleted`: the task is gone."""

    CLASH = "clash"
    UNKNOWN_ACCOUNT = "unknown_account"
    FLIPS = "flips"
    DELETED = "deleted"


class ConflictState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


class Outcome(StrEnum):
    """Which side stands. `agreed`: both sides came to say the same by themselves."""

    OURS = "ours"
    THEIRS = "theirs"
    AGREED = "agreed"


# The whole task, for a conflict that is about no field of it.
WHOLE_TASK = "task"


class Conflict(SQLModel, table=True):
    """What a merge could not settle, side by side. One that a contract settled is kept as well:
    the value that lost was somebody's.

    `ours_at` and `theirs_at` are the moments of the changes as far as they are known, the latter
    by the tool's clock; `detected_at` and `settled_at` are machine time. `settled_by` is a contract
    or `person`.
    """

    __table_args__ = (
        Index(
            "conflict_open",
            "action_key",
            "field",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int = Field(foreign_key="connection.id", index=True)
    action_key: str = Field(foreign_key="action.key")
    field: str
    reason: Reason = word(Reason, Reason.CLASH)
    base: str | None = None
    ours: str | None = None
    theirs: str | None = None
    ours_at: datetime | None = moment(optional=True)
    theirs_at: datetime | None = moment(optional=True)
    detected_at: datetime = moment()
    state: ConflictState = word(ConflictState, ConflictState.OPEN)
    outcome: str | None = None
    settled_by: str | None = None
    settled_at: datetime | None = moment(optional=True)
