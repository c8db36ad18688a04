"""Salesforce's words translated to canonical records. Pure."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from connectors.models import (
    Account,
    Deal,
    Lead,
    LeadStatus,
    Stage,
    StageChange,
    StageKind,
    Utm,
)
from connectors.salesforce.rows import (
    DealRow,
    DealStageRow,
    HistoryRow,
    LeadRow,
    LeadStatusRow,
    UserRow,
)

DEAL, LEAD, USER, TASK = "Opportunity", "Lead", "User", "Task"
CAMPAIGN, MEMBER, HISTORY = "Campaign", "CampaignMember", "OpportunityHistory"
DEALS, LEADS = "opportunities", "leads"
CURRENCY = "CurrencyIsoCode"
TIMES = ("CreatedDate", "SystemModstamp")

# What is read of each object, all of it to be seen by the user. Ids come in any case.
FIELDS: Mapping[str, Sequence[str]] = {
    DEAL: (
        *("Name", "Amount", "StageName", "CloseDate", "IsClosed", "IsWon", "LeadSource"),
        *("CampaignId", "OwnerId", *TIMES),
    ),
    LEAD: (
        *("FirstName", "LastName", "Company", "Status", "LeadSource", "OwnerId", "IsConverted"),
        *("ConvertedDate", "ConvertedContactId", "ConvertedOpportunityId", *TIMES),
    ),
    USER: ("Name", "Email", "IsActive", "SystemModstamp"),
    HISTORY: ("OpportunityId", "StageName", "CreatedDate"),
    TASK: (
        *("Subject", "Description", "ActivityDate", "Status", "OwnerId", "IsClosed"),
        *("CompletedDateTime", *TIMES),
    ),
    CAMPAIGN: ("StartDate", "IsActive", "ActualCost", "CreatedDate"),
    MEMBER: ("CampaignId", "CreatedDate", "FirstRespondedDate"),
}
NUMBERS = {"double", "currency", "percent", "int", "long"}


@dataclass(frozen=True)
class Known:
    """What rows are read with. `custom` is our name → field, `types` field → its type, `campaigns`
    id → name, `leads` opportunity → the lead it came from."""

    currency: str | None = None
    stages: Mapping[str, StageKind] = field(default_factory=dict)
    qualified: Set[str] = frozenset()
    disqualified: Set[str] = frozenset()
    utm: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    campaigns: Mapping[str, str] = field(default_factory=dict)
    leads: Mapping[str, str] = field(default_factory=dict)


def to_account(row: UserRow) -> Account:
    return Account(
        id=row.id,
        updated_at=row.system_modstamp.astimezone(UTC),
        name=row.name,
        email=row.email or None,
        active=row.is_active,
    )


def to_deal(row: DealRow, values: Mapping[str, Any], known: Known) -> Deal:
    """The close date is a plan until the deal is closed. It is a day: stage history knows the
    moment."""
    kind = deal_kind(closed=row.is_closed, won=row.is_won)
    currency = row.currency_iso_code or known.currency
    campaign = None if row.campaign_id is None else known.campaigns.get(row.campaign_id)
    return Deal(
        id=row.id,
        updated_at=row.system_modstamp.astimezone(UTC),
        title=row.name,
        pipeline=DEALS,
        stage=row.stage_name,
        stage_kind=kind,
        amount=row.amount,
        currency=None if row.amount is None else currency,
        source=row.lead_source or None,
        utm=_utm(values, known, campaign),
        owner=row.owner_id,
        lead=known.leads.get(row.id),
        created_at=row.created_date.astimezone(UTC),
        closed_at=None if kind is StageKind.OPEN else midnight(row.close_date),
        extra=_extra(values, known),
    )


def to_lead(row: LeadRow, values: Mapping[str, Any], known: Known) -> Lead:
    name = " ".join(part for part in (row.first_name, row.last_name) if part)
    contact = row.converted_contact_id
    return Lead(
        id=row.id,
        updated_at=row.system_modstamp.astimezone(UTC),
        title=name or row.company or "",
        stage=row.status,
        status_kind=lead_status(row, known),
        source=row.lead_source or None,
        utm=_utm(values, known, None),
        owner=row.owner_id,
        contacts=[] if contact is None else [contact],
        created_at=row.created_date.astimezone(UTC),
        closed_at=midnight(row.converted_date) if row.converted_date is not None else None,
        extra=_extra(values, known),
    )


def to_moves(rows: Sequence[HistoryRow], known: Known) -> Iterator[StageChange]:
    """The moves of one opportunity, whose rows come oldest first. A row tells of a change of stage,
    amount, probability or date, so one with the same stage is no move. A move ends a deal when it
    leaves the open stages. Raises ValueError where the deal stands in an unknown stage; one that it
    passed, and that the org has removed since, was open."""
    before, was_open = "", True
    if rows and rows[-1].stage_name not in known.stages:
        raise ValueError(f"stage {rows[-1].stage_name!r} is not known to the org")
    for row in rows:
        if row.stage_name == before:
            continue
        kind = known.stages.get(row.stage_name, StageKind.OPEN)
        at = row.created_date.astimezone(UTC)
        yield StageChange(
            id=row.id,
            updated_at=at,
            entity="deals",
            entity_id=row.opportunity_id,
            pipeline=DEALS if row.stage_name in known.stages else None,
            stage=row.stage_name,
            stage_kind=kind,
            closing=was_open and kind is not StageKind.OPEN,
            at=at,
        )
        before, was_open = row.stage_name, kind is StageKind.OPEN


def to_deal_stage(row: DealStageRow) -> Stage:
    kind = deal_kind(closed=row.is_closed, won=row.is_won)
    return _stage(DEALS, "Opportunities", row, kind)


def to_lead_stage(row: LeadStatusRow, disqualified: Set[str]) -> Stage:
    lost = StageKind.LOST if row.api_name in disqualified else StageKind.OPEN
    return _stage(LEADS, "Leads", row, StageKind.WON if row.is_converted else lost)


def _stage(pipeline: str, named: str, row: DealStageRow | LeadStatusRow, kind: StageKind) -> Stage:
    return Stage(
        id=f"{pipeline}/{row.api_name}",
        pipeline=pipeline,
        pipeline_name=named,
        stage=row.api_name,
        name=row.master_label,
        kind=kind,
        sort=row.sort_order,
    )


def deal_kind(*, closed: bool, won: bool) -> StageKind:
    if not closed:
        return StageKind.OPEN
    return StageKind.WON if won else StageKind.LOST


def lead_status(row: LeadRow, known: Known) -> LeadStatus:
    if row.is_converted:
        return LeadStatus.CONVERTED
    if row.status in known.qualified:
        return LeadStatus.QUALIFIED
    return LeadStatus.DISQUALIFIED if row.status in known.disqualified else LeadStatus.OPEN


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def typed(value: Any, kind: str) -> Any:
    """A custom field by the type that the org says it has; in a table it comes as a text.

    Raises ValueError.
    """
    if value is None or value == "":
        return None
    if kind == "boolean":
        if value not in (True, False, "true", "false"):
            raise ValueError(f"{value!r} is no {kind}")
        return value in (True, "true")
    if kind in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"{value!r} is no {kind}")
        return float(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no {kind}")
    return value


def _utm(values: Mapping[str, Any], known: Known, campaign: str | None) -> Utm:
    """From the mapped fields; the campaign else from that of the opportunity."""
    told = {
        part: text
        for part, name in known.utm.items()
        if (text := typed(values.get(name), "string")) is not None
    }
    return Utm(**{"campaign": campaign, **told})


def _extra(values: Mapping[str, Any], known: Known) -> dict[str, Any]:
    return {
        ours: typed(values.get(name), known.types.get(name, "string"))
        for ours, name in known.custom.items()
    }
