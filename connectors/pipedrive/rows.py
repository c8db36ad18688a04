"""Rows as Pipedrive shows them; fields that we do not use are ignored.

v2 has RFC 3339 moments and ids; leads and users come from v1. A moment without an offset is UTC,
as documented for v1.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Moment = Annotated[datetime, Meta(tz=True)]


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """A record of v2. `gc=False`: rows are many, short-lived and hold no cycles."""

    id: int
    add_time: Moment
    update_time: Moment | None = None
    is_deleted: bool = False


class DealRow(Row, frozen=True, kw_only=True, gc=False):
    title: str | None = None
    value: Decimal | None = None
    currency: str | None = None
    status: Literal["open", "won", "lost", "deleted"]
    stage_id: int
    pipeline_id: int
    owner_id: int | None = None
    person_id: int | None = None
    stage_change_time: Moment | None = None
    won_time: Moment | None = None
    lost_time: Moment | None = None
    close_time: Moment | None = None
    origin: str | None = None
    channel_id: str | None = None
    source_lead_id: str | None = None
    custom_fields: dict[str, Any] = {}


class PersonRow(Row, frozen=True, kw_only=True, gc=False):
    name: str | None = None
    org_id: int | None = None


class ActivityRow(Row, frozen=True, kw_only=True, gc=False):
    """`due_time` is UTC, with or without seconds; null for a whole day."""

    subject: str | None = None
    type: str
    owner_id: int | None = None
    deal_id: int | None = None
    lead_id: str | None = None
    due_date: str | None = None
    due_time: str | None = None
    done: bool = False
    marked_as_done_time: str | None = None
    note: str | None = None


class Money(Struct, frozen=True, gc=False):
    amount: Decimal | None = None
    currency: str | None = None


class LeadRow(Struct, frozen=True, kw_only=True, gc=False):
    """v1. Its custom fields are beside the others, under their keys."""

    id: str
    title: str | None = None
    owner_id: int | None = None
    person_id: int | None = None
    value: Money | None = None
    label_ids: list[str] = []
    source_name: str | None = None
    channel_id: str | None = None
    is_archived: bool = False
    add_time: str
    update_time: str | None = None


class UserRow(Struct, frozen=True, kw_only=True):
    id: int
    name: str | None = None
    email: str | None = None
    active_flag: bool = True
    is_deleted: bool = False


class StageRow(Struct, frozen=True, kw_only=True):
    id: int
    name: str | None = None
    order_nr: int = 0
    pipeline_id: int
    is_deleted: bool = False


class PipelineRow(Struct, frozen=True, kw_only=True):
    id: int
    name: str | None = None
    is_deleted: bool = False


class ChangeRow(Struct, frozen=True, kw_only=True):
    """One change of one field of a deal. `time` is UTC without saying so, as v1 has it."""

    field_key: str | None = None
    old_value: Any = None
    new_value: Any = None
    time: datetime
