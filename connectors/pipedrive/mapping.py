"""Pipedrive's words translated to canonical records. Pure.

A row may be no record of ours, or stand for several: every translation gives a sequence.
"""

from collections.abc import Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

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
from connectors.pipedrive.notes import TARGET, from_note, key_in
from connectors.pipedrive.rows import (
    ActivityRow,
    DealRow,
    LeadRow,
    PersonRow,
    PipelineRow,
    Row,
    StageRow,
    UserRow,
)

# Leads stand in no pipeline: they are in the inbox, archived, or converted to a deal.
LEAD_PIPELINE, INBOX, ARCHIVED, CONVERTED = "leads", "inbox", "archived", "converted"
KINDS = {"open": StageKind.OPEN, "won": StageKind.WON, "lost": StageKind.LOST}
ACTIVITY_KINDS = {
    "call": ActivityKind.CALL,
    "email": ActivityKind.EMAIL,
    "meeting": ActivityKind.MEETING,
}
# From when a UUID of version 1 counts.
GREGORIAN = datetime(1582, 10, 15, tzinfo=UTC)
# So many custom fields can be named in one request.
MOST_NAMED = 15
# A date without a time is kept until that day is over.
END_OF_DAY = time(23, 59)


def to_deal(row: DealRow, custom: Mapping[str, str]) -> Sequence[Deal]:
    if _is_gone(row):
        return ()
    deal = Deal(
        id=str(row.id),
        updated_at=_changed(row),
        title=row.title or "",
        pipeline=str(row.pipeline_id),
        stage=str(row.stage_id),
        stage_kind=KINDS[row.status],
        amount=row.value,
        currency=row.currency or None,
        source=row.origin or None,
        utm=Utm(campaign=row.channel_id or None),
        owner=_link(row.owner_id),
        contacts=_links(row.person_id),
        lead=row.source_lead_id or None,
        created_at=row.add_time.astimezone(UTC),
        closed_at=closed_at(row),
        extra={ours: row.custom_fields.get(key) for ours, key in custom.items()},
    )
    return (deal,)


def closed_at(row: DealRow) -> datetime | None:
    moments = {"won": row.won_time, "lost": row.lost_time}
    if row.status not in moments:
        return None
    at = moments[row.status] or row.close_time
    return at.astimezone(UTC) if at else None


def to_latest_moves(row: DealRow) -> Sequence[StageChange]:
    """The move into the stage the deal stands in, and its end: what a deal itself tells."""
    if _is_gone(row):
        return ()
    stage, pipeline = str(row.stage_id), str(row.pipeline_id)
    moved = (row.stage_change_time or row.add_time).astimezone(UTC)
    moves = [to_move(row.id, stage, pipeline, moved)]
    ended = closed_at(row)
    if ended is not None:
        moves.append(to_move(row.id, stage, pipeline, ended, row.status))
    return moves


def to_move(
    deal: int, stage: str, pipeline: str | None, at: datetime, status: str | None = None
) -> StageChange:
    """Into a stage; with a `status`, won, lost or open again in the stage where it stands."""
    kind = KINDS[status] if status else StageKind.OPEN
    return StageChange(
        id=f"{deal}:{status or stage}:{int(at.timestamp())}",
        updated_at=at,
        entity="deals",
        entity_id=str(deal),
        pipeline=pipeline,
        stage=stage,
        stage_kind=kind,
        closing=kind is not StageKind.OPEN,
        at=at,
    )


def to_lead(
    row: LeadRow, qualified: Set[str], custom: Mapping[str, str], archived: bool = False
) -> Sequence[Lead]:
    """`custom` is our name → attribute of the row. An archived lead closed when it was archived,
    which is its last change: it cannot be edited after."""
    gone = archived or row.is_archived
    changed = moment(row.update_time or row.add_time)
    status = LeadStatus.QUALIFIED if qualified & set(row.label_ids) else LeadStatus.OPEN
    lead = Lead(
        id=row.id,
        updated_at=changed,
        title=row.title or "",
        stage=ARCHIVED if gone else INBOX,
        status_kind=LeadStatus.DISQUALIFIED if gone else status,
        amount=row.value.amount if row.value else None,
        currency=(row.value.currency or None) if row.value else None,
        source=row.source_name or None,
        utm=Utm(campaign=row.channel_id or None),
        owner=_link(row.owner_id),
        contacts=_links(row.person_id),
        created_at=moment(row.add_time),
        closed_at=changed if gone else None,
        extra={ours: getattr(row, attribute) for ours, attribute in custom.items()},
    )
    return (lead,)


def to_converted(row: DealRow, custom: Mapping[str, str]) -> Sequence[Lead]:
    """The lead that a deal came from: Pipedrive deletes it, and the deal has what it had."""
    if row.source_lead_id is None or _is_gone(row):
        return ()
    lead = Lead(
        id=row.source_lead_id,
        updated_at=_changed(row),
        title=row.title or "",
        stage=CONVERTED,
        status_kind=LeadStatus.CONVERTED,
        amount=row.value,
        currency=row.currency or None,
        source=row.origin or None,
        utm=Utm(campaign=row.channel_id or None),
        owner=_link(row.owner_id),
        contacts=_links(row.person_id),
        created_at=_made(row.source_lead_id, row.add_time.astimezone(UTC)),
        closed_at=row.add_time.astimezone(UTC),
        extra={ours: row.custom_fields.get(key) for ours, key in custom.items()},
    )
    return (lead,)


def _made(lead: str, converted: datetime) -> datetime:
    """When a lead was made: its id tells it, a UUID that holds its time, or else nobody."""
    try:
        told = UUID(lead)
        made = GREGORIAN + timedelta(microseconds=told.time // 10)
    except (ValueError, ArithmeticError):
        return converted
    return min(made, converted) if told.version == 1 else converted


def to_contact(row: PersonRow) -> Sequence[Contact]:
    if row.is_deleted:
        return ()
    contact = Contact(
        id=str(row.id),
        updated_at=_changed(row),
        name=row.name or "",
        company=_link(row.org_id),
        created_at=row.add_time.astimezone(UTC),
    )
    return (contact,)


def to_activity(row: ActivityRow) -> Sequence[Activity]:
    """What was done with a deal or lead; our own tasks are no contact with anybody."""
    ours = key_in(row.note) or key_in(row.note, TARGET)
    if row.is_deleted or ours or not (row.deal_id or row.lead_id):
        return ()
    kind = ACTIVITY_KINDS.get(row.type, ActivityKind.OTHER)
    activity = Activity(
        id=str(row.id),
        updated_at=_changed(row),
        entity="deals" if row.deal_id else "leads",
        entity_id=str(row.deal_id or row.lead_id),
        kind=kind,
        # Activities have no direction: they are what the owner did.
        outbound=kind is not ActivityKind.OTHER,
        at=_happened(row),
        completed=row.done,
        owner=_link(row.owner_id),
        created_at=row.add_time.astimezone(UTC),
    )
    return (activity,)


def to_task(row: ActivityRow) -> Sequence[RemoteTask]:
    """None of it without our marker."""
    key = key_in(row.note)
    if row.is_deleted or key is None:
        return ()
    task = RemoteTask(
        id=str(row.id),
        updated_at=_changed(row),
        title=row.subject or "",
        description=from_note(row.note),
        status=TaskStatus.DONE if row.done else TaskStatus.OPEN,
        owner=_link(row.owner_id),
        due_at=due_at(row),
        closed_at=_happened(row) if row.done else None,
        created_at=row.add_time.astimezone(UTC),
        key=key,
    )
    return (task,)


def due_at(row: ActivityRow) -> datetime | None:
    if not row.due_date:
        return None
    hour = time.fromisoformat(row.due_time) if row.due_time else END_OF_DAY
    return datetime.combine(date.fromisoformat(row.due_date), hour, UTC)


def to_account(row: UserRow) -> Sequence[Account]:
    account = Account(
        id=str(row.id),
        name=row.name or "",
        email=row.email or None,
        active=row.active_flag and not row.is_deleted,
    )
    return (account,)


def to_stages(stages: Sequence[StageRow], pipelines: Sequence[PipelineRow]) -> list[Stage]:
    """Won and lost are no stages here but what a deal ends as, in whatever stage it stands."""
    names = {row.id: row.name or "" for row in pipelines if not row.is_deleted}
    found = [
        Stage(
            id=f"{row.pipeline_id}/{row.id}",
            pipeline=str(row.pipeline_id),
            pipeline_name=names[row.pipeline_id],
            stage=str(row.id),
            name=row.name or "",
            kind=StageKind.OPEN,
            sort=row.order_nr,
        )
        for row in stages
        if not row.is_deleted and row.pipeline_id in names
    ]
    inbox = (
        (INBOX, "Inbox", StageKind.OPEN),
        (ARCHIVED, "Archived", StageKind.LOST),
        (CONVERTED, "Converted", StageKind.WON),
    )
    return found + [
        Stage(
            id=f"{LEAD_PIPELINE}/{stage}",
            pipeline=LEAD_PIPELINE,
            pipeline_name="Leads",
            stage=stage,
            name=name,
            kind=kind,
            sort=number,
        )
        for number, (stage, name, kind) in enumerate(inbox)
    ]


def moment(text: str) -> datetime:
    return utc(datetime.fromisoformat(text))


def utc(at: datetime) -> datetime:
    """v1 tells moments without an offset in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _happened(row: ActivityRow) -> datetime | None:
    if not row.done:
        return None
    if row.marked_as_done_time:
        return moment(row.marked_as_done_time)
    return due_at(row) or _changed(row)


def _is_gone(row: DealRow) -> bool:
    return row.is_deleted or row.status == "deleted"


def _changed(row: Row) -> datetime:
    return (row.update_time or row.add_time).astimezone(UTC)


def _link(remote_id: int | None) -> str | None:
    return str(remote_id) if remote_id else None


def _links(remote_id: int | None) -> list[str]:
    return [str(remote_id)] if remote_id else []


def seconds(at: datetime) -> str:
    """A bound of a window, in whole seconds downwards: in both versions it is inclusive."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def custom_of(mapped: Mapping[str, str]) -> Mapping[str, Any]:
    """How v2 is asked for the mapped custom fields. Where it is not asked, it tells all of them."""
    few = 0 < len(mapped) <= MOST_NAMED
    return {"custom_fields": ",".join(mapped.values())} if few else {}
