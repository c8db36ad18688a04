"""The portal's words translated to canonical records. Pure."""

from collections.abc import Mapping, Set
from datetime import UTC, datetime
from typing import Any

from connectors.bitrix24.rows import (
    ActivityRow,
    CategoryRow,
    ContactRow,
    DealMoveRow,
    DealRow,
    LeadMoveRow,
    LeadRow,
    PersonRow,
    SaleRow,
    StatusRow,
    TaskRow,
    UtmRow,
)
from connectors.models import (
    Account,
    Activity,
    ActivityKind,
    Contact,
    Deal,
    Lead,
    LeadStatus,
    RemoteTask,
    Stage,
    StageChange,
    StageKind,
    TaskStatus,
    Utm,
)

TAG = "retro-roi"
LEAD, DEAL, CONTACT = 1, 2, 3
# Leads have one row of stages and no pipeline of their own.
LEAD_PIPELINE = "leads"

STAGE_KINDS = {"P": StageKind.OPEN, "S": StageKind.WON, "F": StageKind.LOST}
ACTIVITY_KINDS = {1: ActivityKind.MEETING, 2: ActivityKind.CALL, 4: ActivityKind.EMAIL}
STARTED = (ActivityKind.CALL, ActivityKind.MEETING)
OWNERS = {LEAD: "leads", DEAL: "deals"}
OUTGOING = 2
MOVED_TO_FINAL = 3
TASK_STATUSES = {
    2: TaskStatus.OPEN,
    3: TaskStatus.IN_PROGRESS,
    4: TaskStatus.IN_REVIEW,
    5: TaskStatus.DONE,
    6: TaskStatus.DEFERRED,
}


def to_lead(
    row: LeadRow, qualified: Set[str] = frozenset(), custom: Mapping[str, str] | None = None
) -> Lead:
    """`qualified` are the stages that mean so; `custom` is our name → attribute of the row."""
    return Lead(
        id=str(row.id),
        updated_at=row.updated_time.astimezone(UTC),
        title=row.title or "",
        stage=row.stage_id,
        status_kind=_lead_status(row, qualified),
        amount=row.opportunity,
        currency=row.currency_id or None,
        source=row.source_id or None,
        utm=_utm(row),
        owner=_link(row.assigned_by_id),
        contacts=_contacts(row),
        created_at=row.created_time.astimezone(UTC),
        closed_at=row.date_closed.astimezone(UTC) if row.date_closed else None,
        extra=_extra(row, custom),
    )


def to_deal(row: DealRow, custom: Mapping[str, str] | None = None) -> Deal | None:
    """None for the template of a recurring deal, which is no deal.

    A final deal closed when it was last moved; stage history knows better where it moved on from
    one final stage to another.
    """
    if row.is_recurring == "Y":
        return None
    kind = STAGE_KINDS[row.stage_semantic_id]
    closed = row.moved_time if kind is not StageKind.OPEN else None
    return Deal(
        id=str(row.id),
        updated_at=row.updated_time.astimezone(UTC),
        title=row.title or "",
        pipeline=str(row.category_id),
        stage=row.stage_id,
        stage_kind=kind,
        amount=row.opportunity,
        currency=row.currency_id or None,
        source=row.source_id or None,
        utm=_utm(row),
        owner=_link(row.assigned_by_id),
        contacts=_contacts(row),
        lead=_link(row.lead_id),
        created_at=row.created_time.astimezone(UTC),
        closed_at=closed.astimezone(UTC) if closed else None,
        extra=_extra(row, custom),
    )


def to_contact(row: ContactRow) -> Contact:
    return Contact(
        id=str(row.id),
        updated_at=row.updated_time.astimezone(UTC),
        name=_full_name(row.name, row.last_name),
        company=_link(row.company_id),
        source=row.source_id or None,
        utm=_utm(row),
        created_at=row.created_time.astimezone(UTC),
    )


def to_lead_move(row: LeadMoveRow) -> StageChange:
    return StageChange(
        id=f"leads:{row.id}",
        updated_at=row.created_time.astimezone(UTC),
        entity="leads",
        entity_id=str(row.owner_id),
        stage=row.status_id,
        stage_kind=STAGE_KINDS[row.status_semantic_id],
        closing=row.type_id == MOVED_TO_FINAL,
        at=row.created_time.astimezone(UTC),
    )


def to_deal_move(row: DealMoveRow) -> StageChange:
    return StageChange(
        id=f"deals:{row.id}",
        updated_at=row.created_time.astimezone(UTC),
        entity="deals",
        entity_id=str(row.owner_id),
        pipeline=str(row.category_id),
        stage=row.stage_id,
        stage_kind=STAGE_KINDS[row.stage_semantic_id],
        closing=row.type_id == MOVED_TO_FINAL,
        at=row.created_time.astimezone(UTC),
    )


def to_activity(row: ActivityRow) -> Activity | None:
    """None for activities that belong to neither a lead nor a deal."""
    entity = OWNERS.get(row.owner_type_id)
    if entity is None:
        return None
    kind = ACTIVITY_KINDS.get(row.type_id, ActivityKind.OTHER)
    completed = row.completed == "Y"
    return Activity(
        id=str(row.id),
        updated_at=row.last_updated.astimezone(UTC),
        entity=entity,
        entity_id=str(row.owner_id),
        kind=kind,
        # A meeting has no direction: one that was held is a contact from our side.
        outbound=row.direction == OUTGOING or (kind is ActivityKind.MEETING and completed),
        at=_happened(row, kind, completed),
        completed=completed,
        owner=_link(row.responsible_id),
        created_at=row.created.astimezone(UTC),
    )


def to_account(row: PersonRow) -> Account:
    return Account(
        id=str(row.id),
        name=_full_name(row.name, row.last_name),
        email=row.email or None,
        active=row.active is True or row.active == "Y",
    )


def is_ours(row: TaskRow) -> bool:
    """Whether a task has our stamp or our tag; the others are none of our business."""
    return bool(row.uf_retro_key) or has_tag(row, TAG)


def to_task(row: TaskRow) -> RemoteTask:
    """Raises ValueError on a status that we do not know.

    XML_ID is our key on our tasks only: other integrations keep theirs there.
    """
    if row.status not in TASK_STATUSES:
        raise ValueError(f"task status {row.status} is unknown")
    return RemoteTask(
        id=str(row.id),
        updated_at=_moment(row.changed_date),
        title=row.title,
        description=row.description or None,
        status=TASK_STATUSES[row.status],
        owner=_link(row.responsible_id),
        due_at=_moment(row.deadline),
        closed_at=_moment(row.closed_date),
        created_at=_moment(row.created_date),
        key=row.uf_retro_key or (row.xml_id if is_ours(row) else None) or None,
    )


def to_stage(row: StatusRow, pipeline: str, pipeline_name: str) -> Stage:
    """`SEMANTICS` tells the kind everywhere; `EXTRA` is missing in smart processes."""
    return Stage(
        id=f"{pipeline}/{row.status_id}",
        pipeline=pipeline,
        pipeline_name=pipeline_name,
        stage=row.status_id,
        name=row.name,
        kind=STAGE_KINDS[row.semantics or "P"],
        sort=row.sort,
    )


def stages_of(category: CategoryRow) -> str:
    """The name under which the stages of a pipeline are listed; the first one has no number."""
    return f"DEAL_STAGE_{category.id}" if category.id else "DEAL_STAGE"


def has_tag(row: TaskRow, tag: str) -> bool:
    tags = row.tags.values() if isinstance(row.tags, dict) else row.tags
    titles = (entry.get("title") if isinstance(entry, dict) else entry for entry in tags)
    return tag in titles


def _lead_status(row: LeadRow, qualified: Set[str]) -> LeadStatus:
    if row.stage_semantic_id == "F":
        return LeadStatus.DISQUALIFIED
    if row.stage_semantic_id == "S":
        return LeadStatus.CONVERTED
    return LeadStatus.QUALIFIED if row.stage_id in qualified else LeadStatus.OPEN


def _utm(row: UtmRow) -> Utm:
    return Utm(
        row.utm_source or None,
        row.utm_medium or None,
        row.utm_campaign or None,
        row.utm_content or None,
        row.utm_term or None,
    )


def _contacts(row: SaleRow) -> list[str]:
    if row.contact_ids:
        return [str(contact) for contact in row.contact_ids]
    return [str(row.contact_id)] if row.contact_id else []


def _link(remote_id: int | None) -> str | None:
    return str(remote_id) if remote_id else None


def _full_name(first: str | None, last: str | None) -> str:
    return " ".join(part for part in (first, last) if part)


def _happened(row: ActivityRow, kind: ActivityKind, completed: bool) -> datetime | None:
    """The start of an open item is only a plan; a mail has come or gone when it is there."""
    if not completed and kind is not ActivityKind.EMAIL:
        return None
    started = _moment(row.start_time) if kind in STARTED else None
    return started or row.created.astimezone(UTC)


def _moment(text: str | None) -> datetime | None:
    """Raises ValueError when the text has no offset: it could be any zone's."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the moment {text} has no offset")
    return moment.astimezone(UTC)


def _extra(row: SaleRow, custom: Mapping[str, str] | None) -> dict[str, Any]:
    if not custom:
        return {}
    return {name: getattr(row, attribute) for name, attribute in custom.items()}
