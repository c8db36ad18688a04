"""Rows as Salesforce shows them: the fields that are read, by its names."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Raw, Struct

MULTIPLE_CHOICES = 300
Moment = Annotated[datetime, Meta(tz=True)]


class Row(Struct, frozen=True, rename="pascal", gc=False):
    """`gc=False`: rows are many, short-lived and hold no cycles."""

    id: str


class DealRow(Row, frozen=True, rename="pascal", gc=False):
    name: str
    stage_name: str
    is_closed: bool
    is_won: bool
    close_date: date
    created_date: Moment
    system_modstamp: Moment
    amount: Decimal | None = None
    currency_iso_code: str | None = None
    lead_source: str | None = None
    campaign_id: str | None = None
    owner_id: str | None = None


class LeadRow(Row, frozen=True, rename="pascal", gc=False):
    status: str
    is_converted: bool
    created_date: Moment
    system_modstamp: Moment
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    lead_source: str | None = None
    owner_id: str | None = None
    converted_date: date | None = None
    converted_contact_id: str | None = None


class HistoryRow(Row, frozen=True, rename="pascal", gc=False):
    opportunity_id: str
    stage_name: str
    created_date: Moment


class TaskRow(Row, frozen=True, rename="pascal", gc=False):
    status: str
    is_closed: bool
    created_date: Moment
    system_modstamp: Moment
    subject: str | None = None
    description: str | None = None
    activity_date: date | None = None
    owner_id: str | None = None
    completed_date_time: Moment | None = None


class ForecastRow(Row, frozen=True, rename="pascal"):
    """A forecasting type: what quotas are of."""

    developer_name: str
    is_active: bool


class UserRow(Row, frozen=True, rename="pascal"):
    name: str
    system_modstamp: Moment
    email: str | None = None
    is_active: bool = True


class CampaignRow(Row, frozen=True, rename="pascal"):
    created_date: Moment
    start_date: date | None = None
    actual_cost: Decimal | None = None
    currency_iso_code: str | None = None


class MemberRow(Row, frozen=True, rename="pascal", gc=False):
    campaign_id: str
    created_date: Moment
    first_responded_date: date | None = None


class ConvertedRow(Row, frozen=True, rename="pascal", gc=False):
    converted_opportunity_id: str


class DealStageRow(Struct, frozen=True, rename="pascal"):
    api_name: str
    master_label: str
    sort_order: int
    is_closed: bool
    is_won: bool


class LeadStatusRow(Struct, frozen=True, rename="pascal"):
    api_name: str
    master_label: str
    sort_order: int
    is_converted: bool


class TaskStatusRow(Struct, frozen=True, rename="pascal"):
    api_name: str
    is_closed: bool
    is_default: bool


class BinRow(Struct, frozen=True, rename="pascal"):
    id: str
    is_deleted: bool


class ZoneRow(Struct, frozen=True, rename="pascal"):
    time_zone_sid_key: str


class OrganizationRow(Struct, frozen=True, rename="pascal"):
    id: str
    organization_type: str = ""
    instance_name: str = ""
    is_sandbox: bool = False


class FieldRow(Struct, frozen=True, rename="camel"):
    """A field as `describe` tells it."""

    name: str
    type: str
    label: str = ""
    custom: bool = False
    updateable: bool = False
    createable: bool = False
    external_id: bool = False
    unique: bool = False


class Described(Struct, frozen=True):
    fields: list[FieldRow]
    createable: bool = False


class Version(Struct, frozen=True):
    version: str


class Part(Struct, frozen=True, rename="camel"):
    http_status_code: int
    body: Raw = Raw(b"null")

    @property
    def is_good(self) -> bool:
        return self.http_status_code < MULTIPLE_CHOICES


class Parts(Struct, frozen=True, rename="camel"):
    composite_response: list[Part]
