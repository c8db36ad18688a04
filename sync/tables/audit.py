"""Who changed what, and from what to what; and what went back as a whole."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from sync.tables.columns import document, moment


class Audit(SQLModel, table=True):
    """One change that a person made. `action` is the command, `subject` what it changed; `before`
    and `after` are what it had and has, secrets never among it."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = moment(index=True)
    who: str
    action: str
    subject: str
    before: dict[str, Any] | None = document(optional=True)
    after: dict[str, Any] | None = document(optional=True)


class Restore(SQLModel, table=True):
    """A backup, made at `made_at`, that took the place of everything there was."""

    id: int | None = Field(default=None, primary_key=True)
    restored_at: datetime = moment()
    made_at: datetime = moment()
