"""Rows as the portal shows them; fields that we do not use are ignored.

`crm.item.*` and tasks speak camelCase, the older methods UPPER_CASE with numbers as text. They are
decoded leniently, so that a number may come as text. A moment without an offset is refused.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Moment = Annotated[datetime, Meta(tz=True)]
Semantics = Literal["P", "S", "F"]


class Row(Struct, frozen=True, gc=False):
    """One record of a listing. `gc=False`: rows are many, short-lived and hold no cycles."""

    id: int


class UtmRow(Row, frozen=True, rename="camel", kw_only=True, gc=False):
    source_id: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_content: str | None = None
    utm_term: str | None = None
    created_time: Moment
    updated_time: Moment


class SaleRow(UtmRow, frozen=True, rename="camel", kw_only=True, gc=False):
    """What leads and deals share. No link is 0 or null."""

    title: str | None
    stage_id: str
    stage_semantic_id: Semantics
    opportunity: Decimal | None = None
    currency_id: str | None = None
    moved_time: Moment | None = None
    assigned_by_id: int | None = None
    contact_id: int | None = None
    contact_ids: list[int] = []


class LeadRow(SaleRow, frozen=True, rename="camel", kw_only=True, gc=False):
    date_closed: Moment | None = None


class DealRow(SaleRow, frozen=True, rename="camel", kw_only=True, gc=False):
    """`closedate` is left out on purpose: it is the planned date, not when the deal was won."""

    category_id: int
    lead_id: int | None = None
    is_recurring: str | None = None


class ContactRow(UtmRow, frozen=True, rename="camel", kw_only=True, gc=False):
    name: str | None = None
    last_name: str | None = None
    company_id: int | None = None


class UpperRow(Row, frozen=True, rename="upper", gc=False):
    """A row of the older methods. Renaming does not reach inherited fields: the id is anew."""

    id: int


class MoveRow(UpperRow, frozen=True, rename="upper", kw_only=True, gc=False):
    """`type_id` 1 is the creation, 2 a move, 3 a move to a final stage, 5 another pipeline."""

    type_id: int
    owner_id: int
    created_time: Moment


class LeadMoveRow(MoveRow, frozen=True, rename="upper", kw_only=True, gc=False):
    status_id: str
    status_semantic_id: Semantics


class DealMoveRow(MoveRow, frozen=True, rename="upper", kw_only=True, gc=False):
    category_id: int
    stage_id: str
    stage_semantic_id: Semantics


class ActivityRow(UpperRow, frozen=True, rename="upper", kw_only=True, gc=False):
    """`start_time` may be empty text."""

    owner_type_id: int
    owner_id: int
    type_id: int
    direction: int | None = None
    created: Moment
    start_time: str | None = None
    completed: str
    responsible_id: int | None = None
    last_updated: Moment


class PersonRow(UpperRow, frozen=True, rename="upper", kw_only=True, gc=False):
    active: bool | str = True
    name: str | None = None
    last_name: str | None = None
    email: str | None = None


class TaskRow(Row, frozen=True, rename="camel", kw_only=True):
    """A task of REST 2. Dates may be empty text; `tags` is a map, or `[]` when there are none."""

    title: str
    description: str | None = None
    status: int
    responsible_id: int | None = None
    deadline: str | None = None
    closed_date: str | None = None
    created_date: str | None = None
    changed_date: str | None = None
    xml_id: str | None = None
    uf_retro_key: str | None = None
    tags: dict[str, Any] | list[Any] = []


class StatusRow(Struct, frozen=True, rename="upper"):
    """A stage. Its id is unique inside its `entity_id` only."""

    entity_id: str
    status_id: str
    name: str
    sort: int = 0
    semantics: str | None = None


class CategoryRow(Struct, frozen=True):
    id: int
    name: str
    sort: int = 0
