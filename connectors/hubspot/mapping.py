"""HubSpot's words translated to canonical records. Pure."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.hubspot.rows import HistoryRow, OwnerRow, PipelineRow, Row, StageRow, Values
from connectors.models import (
    Account,
    Contact,
    Deal,
    Lead,
    LeadStatus,
    Stage,
    StageChange,
    StageKind,
    Utm,
)

LEADS, DEALS, CONTACTS, TASKS = "leads", "deals", "contacts", "tasks"
# Pipelines of leads and of deals are numbered apart.
LEAD_PIPELINE = "leads:"
STAGE_OF = {DEALS: "dealstage", LEADS: "hs_pipeline_stage"}
FIRST_URL = "hs_analytics_first_url"
SOURCE = "hs_analytics_source"

CONTACT_FIELDS = ("email", "firstname", "lastname", "company", SOURCE, FIRST_URL)
CONTACT_TIMES = ("createdate", "lastmodifieddate")
LEAD_FIELDS = (
    *("hs_lead_name", "hs_pipeline", "hs_pipeline_stage", "hubspot_owner_id", SOURCE),
    *("hs_createdate", "hs_lastmodifieddate"),
)
DEAL_FIELDS = (
    *("dealname", "amount", "deal_currency_code", "pipeline", "dealstage", "closedate"),
    *("createdate", "hs_is_closed", "hs_is_closed_won", "hubspot_owner_id", SOURCE),
    "hs_lastmodifieddate",
)


@dataclass(frozen=True)
class Known:
    """What rows are read with: the account's currency, its stages, and the mapped properties.

    `custom` is our name → property, `types` property → its type, `kinds` (entity, stage) → its
    pipeline and kind.
    """

    currency: str = ""
    kinds: Mapping[tuple[str, str], tuple[str, StageKind]] = field(default_factory=dict)
    qualified: Set[str] = frozenset()
    utm: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def stage(self, entity: str, stage: str) -> tuple[str, StageKind]:
        """Its pipeline and kind. Raises ValueError for a stage that no pipeline has."""
        if (entity, stage) not in self.kinds:
            raise ValueError(f"stage {stage!r} is in no pipeline of {entity}")
        return self.kinds[entity, stage]


def to_account(row: OwnerRow) -> Account:
    name = " ".join(part for part in (row.first_name, row.last_name) if part)
    return Account(
        id=row.id,
        updated_at=row.updated_at.astimezone(UTC) if row.updated_at else None,
        name=name or row.email or row.id,
        email=row.email or None,
        active=not row.archived,
    )


def to_stages(entity: str, pipelines: Sequence[PipelineRow]) -> Iterator[Stage]:
    prefix = LEAD_PIPELINE if entity == LEADS else ""
    for pipeline in pipelines:
        for stage in pipeline.stages:
            yield Stage(
                id=f"{prefix}{pipeline.id}/{stage.id}",
                pipeline=f"{prefix}{pipeline.id}",
                pipeline_name=pipeline.label,
                stage=stage.id,
                name=stage.label,
                kind=_kind(stage),
                sort=stage.display_order,
            )


def to_contact(row: Row, known: Known, _links: Mapping[str, list[str]]) -> Contact:
    values = row.properties
    name = " ".join(part for part in (values.get("firstname"), values.get("lastname")) if part)
    return Contact(
        id=row.id,
        updated_at=moment(values.get("lastmodifieddate")) or row.updated_at.astimezone(UTC),
        name=name or values.get("email") or "",
        company=values.get("company") or None,
        source=values.get(SOURCE) or None,
        utm=_utm(values, known),
        created_at=moment(values.get("createdate")) or row.created_at.astimezone(UTC),
    )


def to_lead(row: Row, known: Known, links: Mapping[str, list[str]]) -> Lead:
    values = row.properties
    stage = _needed(values, "hs_pipeline_stage")
    status = lead_status(stage, known)
    ended = status in (LeadStatus.CONVERTED, LeadStatus.DISQUALIFIED)
    return Lead(
        id=row.id,
        updated_at=moment(values.get("hs_lastmodifieddate")) or row.updated_at.astimezone(UTC),
        title=values.get("hs_lead_name") or "",
        stage=stage,
        status_kind=status,
        source=values.get(SOURCE) or None,
        utm=_utm(values, known),
        owner=values.get("hubspot_owner_id") or None,
        contacts=links.get(CONTACTS, []),
        created_at=moment(values.get("hs_createdate")) or row.created_at.astimezone(UTC),
        closed_at=moment(values.get(entered(stage))) if ended else None,
        extra=_extra(values, known),
    )


def to_deal(row: Row, known: Known, links: Mapping[str, list[str]]) -> Deal:
    """The close date is a plan until the deal is closed; stage history knows better, since people
    may change it afterwards."""
    values = row.properties
    kind = _deal_kind(values)
    amount = values.get("amount")
    return Deal(
        id=row.id,
        updated_at=moment(values.get("hs_lastmodifieddate")) or row.updated_at.astimezone(UTC),
        title=values.get("dealname") or "",
        pipeline=_needed(values, "pipeline"),
        stage=_needed(values, "dealstage"),
        stage_kind=kind,
        amount=Decimal(amount) if amount else None,
        # Without several currencies a deal has none of its own.
        currency=(values.get("deal_currency_code") or known.currency or None) if amount else None,
        source=values.get(SOURCE) or None,
        utm=_utm(values, known),
        owner=values.get("hubspot_owner_id") or None,
        contacts=links.get(CONTACTS, []),
        lead=next(iter(links.get(LEADS, [])), None),
        created_at=moment(values.get("createdate")) or row.created_at.astimezone(UTC),
        closed_at=moment(values.get("closedate")) if kind is not StageKind.OPEN else None,
        extra=_extra(values, known),
    )


def to_moves(entity: str, row: HistoryRow, known: Known) -> Iterator[StageChange]:
    """The moves of a record, oldest first. A value that was written again is no move.

    A move ends a record when it leaves the open stages. Raises ValueError where the record stands
    in an unknown stage; one that it passed, and that was removed since, was open.
    """
    before, was_open = "", True
    versions = row.properties_with_history.get(STAGE_OF[entity], [])
    current = next((version.value for version in versions if version.value), None)
    if current is not None:
        known.stage(entity, current)
    for version in reversed(versions):
        stage = version.value
        if not stage or stage == before:
            continue
        pipeline, kind = known.kinds.get((entity, stage), (None, StageKind.OPEN))
        at = version.timestamp.astimezone(UTC)
        yield StageChange(
            id=f"{entity}:{row.id}:{round(at.timestamp() * 1000)}",
            updated_at=at,
            entity=entity,
            entity_id=row.id,
            pipeline=pipeline if entity == DEALS else None,
            stage=stage,
            stage_kind=kind,
            closing=was_open and kind is not StageKind.OPEN,
            at=at,
        )
        before, was_open = stage, kind is StageKind.OPEN


def stage_kinds(
    entity: str, pipelines: Sequence[PipelineRow]
) -> Mapping[tuple[str, str], tuple[str, StageKind]]:
    return {
        (entity, stage.id): (pipeline.id, _kind(stage))
        for pipeline in pipelines
        for stage in pipeline.stages
    }


def lead_status(stage: str, known: Known) -> LeadStatus:
    if stage in known.qualified:
        return LeadStatus.QUALIFIED
    kind = known.stage(LEADS, stage)[1]
    if kind is StageKind.OPEN:
        return LeadStatus.OPEN
    return LeadStatus.CONVERTED if kind is StageKind.WON else LeadStatus.DISQUALIFIED


def entered(stage: str) -> str:
    """The computed property that tells when a record came into a stage."""
    return f"hs_v2_date_entered_{stage}"


def _kind(stage: StageRow) -> StageKind:
    """Texts: "true", and "1.0" for won."""
    if stage.metadata.get("isClosed") != "true":
        return StageKind.OPEN
    probability = stage.metadata.get("probability")
    return StageKind.WON if probability and Decimal(probability) == 1 else StageKind.LOST


def _deal_kind(values: Values) -> StageKind:
    if _needed(values, "hs_is_closed") != "true":
        return StageKind.OPEN
    return StageKind.WON if values.get("hs_is_closed_won") == "true" else StageKind.LOST


def _needed(values: Values, name: str) -> str:
    value = values.get(name)
    if not value:
        raise ValueError(f"the record has no {name}")
    return value


def _utm(values: Values, known: Known) -> Utm:
    """From the mapped properties, else from the first address that a contact came to."""
    told: dict[str, str | None] = {
        part: values[name] for part, name in known.utm.items() if values.get(name)
    }
    address = values.get(FIRST_URL)
    if not told and address:
        query = dict(parse_qsl(urlsplit(address).query))
        parts = ("source", "medium", "campaign", "content", "term")
        told = {part: query[f"utm_{part}"] for part in parts if query.get(f"utm_{part}")}
    return Utm(**told)


def _extra(values: Values, known: Known) -> dict[str, Any]:
    return {
        ours: typed(values.get(name), known.types.get(name, "string"))
        for ours, name in known.custom.items()
    }


def typed(value: str | None, kind: str) -> Any:
    """A text by the type of its property. Raises ValueError."""
    if value is None or value == "":
        return None
    if kind == "bool":
        return value == "true"
    if kind == "number":
        return float(value)
    return value


def moment(text: str | None) -> datetime | None:
    """Raises ValueError when the text has no offset: it could be any zone's."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"the moment {text} has no offset")
    return found.astimezone(UTC)
