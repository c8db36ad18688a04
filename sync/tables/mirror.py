"""The last known copy of every remote record, one table per stream.

Column names are those of the canonical structs, with `utm` spread out; `connectors.models` says
what they mean. The key is (connection, remote id); `hash` covers every field that is stored,
but for `updated_at`.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from connectors.models import Stream
from sync.tables.columns import Json, Money, UtcDateTime


class Mirrored(SQLModel):
    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    id: str = Field(primary_key=True)
    hash: bytes = Field(sa_type=LargeBinary)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    extra: dict[str, Any] = Field(sa_type=Json)


class WithUtm(SQLModel):
    source: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_content: str | None = None
    utm_term: str | None = None


class AccountRow(Mirrored, table=True):
    __tablename__ = "account"

    name: str
    email: str | None = None
    active: bool


class StageRow(Mirrored, table=True):
    __tablename__ = "stage"

    pipeline: str
    pipeline_name: str
    stage: str
    name: str
    kind: str
    sort: int


class ContactRow(Mirrored, WithUtm, table=True):
    __tablename__ = "contact"

    name: str
    company: str | None = None
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LeadRow(Mirrored, WithUtm, table=True):
    __tablename__ = "lead"
    __table_args__ = (Index("lead_campaign", "utm_campaign", "created_at"),)

    title: str
    stage: str
    status_kind: str
    amount: Decimal | None = Field(default=None, sa_type=Money)
    currency: str | None = None
    owner: str | None = None
    contacts: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DealRow(Mirrored, WithUtm, table=True):
    """`final_at` is when the deal ended by its stage history; it wins over `closed_at`, which the
    tool moves on with later moves of a deal that has ended."""

    __tablename__ = "deal"

    title: str
    pipeline: str
    stage: str
    stage_kind: str
    amount: Decimal | None = Field(default=None, sa_type=Money)
    currency: str | None = None
    owner: str | None = None
    contacts: list[str] = Field(sa_type=Json)
    lead: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    final_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StageChangeRow(Mirrored, table=True):
    __tablename__ = "stage_change"
    __table_args__ = (Index("stage_change_entity", "connection_id", "entity", "entity_id"),)

    entity: str
    entity_id: str
    pipeline: str | None = None
    stage: str
    stage_kind: str
    closing: bool
    at: datetime = Field(sa_type=UtcDateTime)


class ActivityRow(Mirrored, table=True):
    __tablename__ = "activity"
    __table_args__ = (Index("activity_entity", "connection_id", "entity", "entity_id"),)

    entity: str
    entity_id: str
    kind: str
    outbound: bool
    at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    completed: bool
    owner: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)


class RemoteTaskRow(Mirrored, table=True):
    __tablename__ = "remote_task"

    title: str
    description: str | None = None
    status: str
    owner: str | None = None
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    key: str | None = Field(default=None, index=True)


class CampaignStatsRow(Mirrored, table=True):
    __tablename__ = "campaign_stats"
    __table_args__ = (Index("campaign_stats_day", "campaign", "day"),)

    day: date
    campaign: str
    group: str
    spend: Decimal | None = Field(default=None, sa_type=Money)
    currency: str | None = None
    impressions: int | None = None
    clicks: int | None = None
    sessions: int | None = None


class FormStatsRow(Mirrored, table=True):
    __tablename__ = "form_stats"
    __table_args__ = (Index("form_stats_day", "campaign", "day"),)

    day: date
    campaign: str
    group: str
    views: int | None = None
    starts: int | None = None
    completions: int | None = None


class EmailStatsRow(Mirrored, table=True):
    __tablename__ = "email_stats"
    __table_args__ = (Index("email_stats_day", "campaign", "day"),)

    day: date
    campaign: str
    group: str
    delivered: int | None = None
    opened: int | None = None
    clicked: int | None = None


MIRROR: dict[Stream, type[Mirrored]] = {
    Stream.PEOPLE: AccountRow,
    Stream.PIPELINES: StageRow,
    Stream.CONTACTS: ContactRow,
    Stream.LEADS: LeadRow,
    Stream.DEALS: DealRow,
    Stream.STAGE_CHANGES: StageChangeRow,
    Stream.ACTIVITIES: ActivityRow,
    Stream.TASKS: RemoteTaskRow,
    Stream.CAMPAIGN_STATS: CampaignStatsRow,
    Stream.FORM_STATS: FormStatsRow,
    Stream.EMAIL_STATS: EmailStatsRow,
}


class Change(SQLModel, table=True):
    """One field of a mirrored record that changed. `old` and `new` are JSON texts."""

    __table_args__ = (Index("change_record", "connection_id", "stream", "record_id"),)

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int = Field(foreign_key="connection.id")
    stream: str
    record_id: str
    field: str
    old: str | None = None
    new: str | None = None
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    run_id: int = Field(foreign_key="run.id")
