"""Rows as HubSpot shows them. Every value of a property is a text or null."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Raw, Struct, field

Moment = Annotated[datetime, Meta(tz=True)]
Values = dict[str, str | None]


class NextLink(Struct, frozen=True):
    after: str


class Paging(Struct, frozen=True):
    next: NextLink | None = None


class LinkedId(Struct, frozen=True, gc=False):
    id: str


class Links(Struct, frozen=True, gc=False):
    """`paging` says that there are more than are shown."""

    results: list[LinkedId]
    paging: Paging | None = None


class Row(Struct, frozen=True, rename="camel", gc=False):
    """One record of a page. `gc=False`: rows are many, short-lived and hold no cycles."""

    id: str
    properties: Values
    created_at: Moment
    updated_at: Moment
    associations: dict[str, Links] = {}


class Version(Struct, frozen=True, rename="camel", gc=False):
    """A value that a property had from `timestamp` on."""

    value: str | None
    timestamp: Moment


class HistoryRow(Struct, frozen=True, rename="camel", gc=False):
    """Histories are told newest first."""

    id: str
    properties: Values
    properties_with_history: dict[str, list[Version]]
    created_at: Moment
    updated_at: Moment


class OwnerRow(Struct, frozen=True, rename="camel"):
    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    archived: bool = False
    updated_at: Moment | None = None


class StageRow(Struct, frozen=True, rename="camel"):
    """`metadata` holds texts: isClosed "true", probability "1.0"."""

    id: str
    label: str
    display_order: int = 0
    metadata: dict[str, str | None] = {}
    archived: bool = False


class PipelineRow(Struct, frozen=True):
    id: str
    label: str
    stages: list[StageRow]


class PipelinesAnswer(Struct, frozen=True):
    results: list[PipelineRow]


class CampaignRow(Struct, frozen=True, rename="camel"):
    id: str
    properties: Values
    created_at: Moment
    updated_at: Moment


class MetricsAnswer(Struct, frozen=True, rename="camel"):
    sessions: int
    new_contacts_first_touch: int = 0
    new_contacts_last_touch: int = 0
    influenced_contacts: int = 0


class SpendItem(Struct, frozen=True, rename="camel"):
    """`created_at` is in milliseconds; the amount a number, read as it is written."""

    amount: Raw
    created_at: int


class TotalsAnswer(Struct, frozen=True, rename="camel"):
    currency_code: str
    spend_items: list[SpendItem] = []


class PropertyRow(Struct, frozen=True, rename="camel"):
    name: str
    label: str = ""
    type: str = "string"
    has_unique_value: bool = False
    hubspot_defined: bool = False
    modification_metadata: dict[str, bool] = field(default_factory=dict)


class PropertiesAnswer(Struct, frozen=True):
    results: list[PropertyRow]


class AccountAnswer(Struct, frozen=True, rename="camel"):
    portal_id: int
    account_type: str = ""
    time_zone: str | None = None
    company_currency: str = ""
