"""The retro's own words: from the observation to the check of the target."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from connectors.models import ActionStatus
from sync.tables.columns import Json, document, moment

# Statuses of an action that still waits to be done.
UNFINISHED = (ActionStatus.OPEN.value, ActionStatus.IN_PROGRESS.value)


class Retro(SQLModel, table=True):
    id: str = Field(primary_key=True)
    held_at: datetime = moment()
    status: str
    goal: dict[str, Any] | None = document(optional=True)
    participants: list[dict[str, Any]] = document()
    imported_at: datetime = moment()


class Observation(SQLModel, table=True):
    """`outcome` is action, parked or rejected; the last two need their `reason`."""

    id: str = Field(primary_key=True)
    retro_id: str = Field(foreign_key="retro.id", index=True)
    text: str
    kpis: list[str] = document()
    details: dict[str, Any] = document()
    outcome: str | None = None
    reason: str | None = None


class Hypothesis(SQLModel, table=True):
    id: str = Field(primary_key=True)
    retro_id: str = Field(foreign_key="retro.id", index=True)
    details: dict[str, Any] = document()
    warnings: list[str] = document()


class Decision(SQLModel, table=True):
    """`details` is the decision as imported; the columns are what is asked for."""

    id: str = Field(primary_key=True)
    retro_id: str = Field(foreign_key="retro.id", index=True)
    observation_id: str | None = Field(default=None, foreign_key="observation.id")
    type: str
    text: str
    kpi: str | None = None
    accountable: str = Field(foreign_key="person.id")
    due_on: date
    status: str
    details: dict[str, Any] = document()
    created_at: datetime = moment()


class Action(SQLModel, table=True):
    """One person's piece of work, pushed as a task. `key` is stable: decision and role. `edited`
    tells when a field was last changed here, as ISO text by field."""

    key: str = Field(primary_key=True)
    decision_id: str = Field(foreign_key="decision.id", index=True)
    connection_id: int = Field(foreign_key="connection.id")
    role: str
    title: str
    description: str
    owner: str = Field(foreign_key="person.id")
    owner_reason: str
    due_at: datetime = moment()
    status: str
    done_at: datetime | None = moment(optional=True)
    because: list[dict[str, Any]] = document()
    edited: dict[str, str] | None = document(optional=True)


class Target(SQLModel, table=True):
    """A KPI target. The baseline is a frozen copy: later corrections of its period do not move it.
    The control group's is kept with it, None where none was known when the target was set.

    Windows are half-open days in the workspace's zone.
    """

    key: str = Field(primary_key=True)
    decision_id: str = Field(foreign_key="decision.id", index=True)
    connection_id: int | None = Field(default=None, foreign_key="connection.id")
    kpi: str
    slice: dict[str, str] = document()
    baseline_start: date
    baseline_end: date
    baseline_numerator: int
    baseline_denominator: int
    baseline_complete: bool
    control_numerator: int | None = None
    control_denominator: int | None = None
    control_complete: bool | None = None
    definition_version: int
    relative: float
    target_value: float
    status: str
    measure_start: date | None = None
    measure_end: date | None = None
    recheck_on: date | None = Field(default=None, index=True)
    frozen_at: datetime = moment()
    because: list[dict[str, Any]] = document()


class Check(SQLModel, table=True):
    """One re-check of a target on live data, as computed and as told. `window_end` is that of the
    days it was measured over: a target is checked once for each window."""

    id: int | None = Field(default=None, primary_key=True)
    target_key: str = Field(foreign_key="target.key", index=True)
    checked_at: datetime = moment()
    window_end: date | None = None
    verdict: str
    message: str
    figures: dict[str, Any] = document()


class KpiValue(SQLModel, table=True):
    """A computed figure as it was known at `as_of`. Days are half-open; a correction adds a row."""

    __tablename__ = "kpi_value"
    __table_args__ = (Index("kpi_value_period", "code", "first_day", "end_day", "slice_key"),)

    id: int | None = Field(default=None, primary_key=True)
    code: str
    first_day: date
    end_day: date
    slice_key: str
    value: dict[str, Any] = Field(sa_type=Json)
    complete: bool
    as_of: datetime = moment()


class RuleVersion(SQLModel, table=True):
    __tablename__ = "rule_version"

    rule_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    body: dict[str, Any] = document()
    loaded_at: datetime = moment()


class Evaluation(SQLModel, table=True):
    """One time a rule fired. `once_key` with the rule keeps it from firing again."""

    __table_args__ = (
        Index("evaluation_once", "rule_id", "once_key"),
        Index("evaluation_event", "event"),
    )

    id: int | None = Field(default=None, primary_key=True)
    rule_id: str
    version: int
    event: str
    subject: str
    once_key: str
    depth: int = 0
    facts: dict[str, Any] = document()
    trace: list[Any] = document()
    outcomes: list[dict[str, Any]] = document()
    at: datetime = moment(index=True)


class Problem(SQLModel, table=True):
    """What keeps a rule from acting on something, for as long as it does (G16)."""

    about: str = Field(primary_key=True)
    rule: str | None = None
    message: str
    since: datetime = moment()
