"""Canonical records: what every tool's data is translated to.

Times are aware UTC, money is `Decimal` with an ISO currency, ids are text. `None` means the tool
did not say; it never means zero. Records are frozen msgspec structs because pages of thousands are
decoded, hashed and compared on the hot path.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct


class Stream(StrEnum):
    """Kinds of record that flow from a tool into the mirror, references before what uses them."""

    PEOPLE = "people"
    PIPELINES = "pipelines"
    CONTACTS = "contacts"
    LEADS = "leads"
    DEALS = "deals"
    STAGE_CHANGES = "stage_changes"
    ACTIVITIES = "activities"
    TASKS = "tasks"
    CAMPAIGN_STATS = "campaign_stats"
    FORM_STATS = "form_stats"
    EMAIL_STATS = "email_stats"


class StageKind(StrEnum):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class LeadStatus(StrEnum):
    OPEN = "open"
    QUALIFIED = "qualified"
    DISQUALIFIED = "disqualified"
    CONVERTED = "converted"


class TaskStatus(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    DEFERRED = "deferred"
    DONE = "done"


class ActionStatus(StrEnum):
    """How far an action of ours is, whatever the tool calls it. `lost`: its task was deleted."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    LOST = "lost"


class Record(Struct, frozen=True, kw_only=True, gc=False):
    """What every mirrored record has. `extra` holds mapped custom fields, by our field name.

    `gc=False`: records are many and hold no cycles; looking for some costs a pull a fifth of its
    time.
    """

    id: str
    updated_at: datetime | None = None
    extra: dict[str, Any] = {}


class Utm(Struct, frozen=True, gc=False):
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    content: str | None = None
    term: str | None = None


class Account(Record, frozen=True, kw_only=True, gc=False):
    """A user of the tool, who can own leads and tasks."""

    name: str
    email: str | None = None
    active: bool = True


class Stage(Record, frozen=True, kw_only=True, gc=False):
    """One stage of one pipeline; its id is `<pipeline>/<stage>`, unique over the tool."""

    pipeline: str
    pipeline_name: str
    stage: str
    name: str
    kind: StageKind
    sort: int


class Contact(Record, frozen=True, kw_only=True, gc=False):
    name: str
    company: str | None = None
    source: str | None = None
    utm: Utm = Utm()
    created_at: datetime | None = None


class Lead(Record, frozen=True, kw_only=True, gc=False):
    title: str
    stage: str
    status_kind: LeadStatus
    amount: Decimal | None = None
    currency: str | None = None
    source: str | None = None
    utm: Utm = Utm()
    owner: str | None = None
    contacts: list[str] = []
    created_at: datetime
    closed_at: datetime | None = None


class Deal(Record, frozen=True, kw_only=True, gc=False):
    title: str
    pipeline: str
    stage: str
    stage_kind: StageKind
    amount: Decimal | None = None
    currency: str | None = None
    source: str | None = None
    utm: Utm = Utm()
    owner: str | None = None
    contacts: list[str] = []
    lead: str | None = None
    created_at: datetime
    closed_at: datetime | None = None


class StageChange(Record, frozen=True, kw_only=True, gc=False):
    """A move of a lead or deal. `entity` is `leads` or `deals`; append-only in every tool.

    `closing` marks the move that ended it, unlike later moves of what had ended already.
    """

    entity: str
    entity_id: str
    pipeline: str | None = None
    stage: str
    stage_kind: StageKind
    closing: bool = False
    at: datetime


HISTORY, CAMPAIGNS = "history", "campaigns"


def history_of(entity: str, entity_id: str) -> str:
    """The id under which the whole history of a record is set aside: its moves are not known, or
    the days of a campaign."""
    return f"{HISTORY}:{entity}:{entity_id}"


def entity_in(id_: str) -> tuple[str, str] | None:
    """Whose history has this id; None for that of a move or a day."""
    kind, _, rest = id_.partition(":")
    entity, _, entity_id = rest.partition(":")
    return (entity, entity_id) if kind == HISTORY else None


class ActivityKind(StrEnum):
    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    OTHER = "other"


class Activity(Record, frozen=True, kw_only=True, gc=False):
    """A contact with a lead or deal. `at` is when it happened, None while it is only planned."""

    entity: str
    entity_id: str
    kind: ActivityKind
    outbound: bool
    at: datetime | None
    completed: bool
    owner: str | None = None
    created_at: datetime


class RemoteTask(Record, frozen=True, kw_only=True, gc=False):
    """A task as the tool holds it. `key` is our stamp, None on tasks we did not make."""

    title: str
    description: str | None = None
    status: TaskStatus
    owner: str | None = None
    due_at: datetime | None = None
    closed_at: datetime | None = None
    created_at: datetime | None = None
    key: str | None = None


class Group(StrEnum):
    """Which arm of a comparison a row of campaign figures belongs to."""

    TREATED = "treated"
    CONTROL = "control"


class DailyStats(Record, frozen=True, kw_only=True, gc=False):
    """Figures of one day, campaign and group. The id is those three, so a re-read updates."""

    day: date
    campaign: str
    group: Group = Group.TREATED


class CampaignStats(DailyStats, frozen=True, kw_only=True, gc=False):
    spend: Decimal | None = None
    currency: str | None = None
    impressions: int | None = None
    clicks: int | None = None
    sessions: int | None = None


def history_with(record: Record) -> str | None:
    """The history of which this move or day is a part. One is told as a whole, or set aside so."""
    if isinstance(record, StageChange):
        return history_of(record.entity, record.entity_id)
    if isinstance(record, CampaignStats):
        # Where the tool has campaigns of its own, by their id: `2026-11-23:<id>`.
        return history_of(CAMPAIGNS, record.id.partition(":")[2])
    return None


class FormStats(DailyStats, frozen=True, kw_only=True, gc=False):
    views: int | None = None
    starts: int | None = None
    completions: int | None = None


class EmailStats(DailyStats, frozen=True, kw_only=True, gc=False):
    delivered: int | None = None
    opened: int | None = None
    clicked: int | None = None


class Task(Struct, frozen=True, kw_only=True):
    """A task to be written into a tool: one owner, one due moment, our key.

    `owner` is the remote account's id; `bind_leads` and `bind_deals` are remote ids.
    """

    key: str
    title: str
    description: str
    owner: str
    due_at: datetime
    tags: list[str] = []
    bind_leads: list[str] = []
    bind_deals: list[str] = []
    bind_targets: list[str] = []
    parent: str | None = None


class TargetWords(Struct, frozen=True, kw_only=True):
    """What a KPI target says to people, in their language, where a tool has no field for it.
    `planned` are the lines that must stay as they are."""

    title: str
    planned: list[str] = []
    about: list[str] = []
    results: list[str] = []


class KpiTarget(Struct, frozen=True, kw_only=True):
    """A KPI target to be written into a tool, with its frozen baseline.

    `moved_from` stands in the update that moves the day of its re-check: the day that the tool was
    given before.
    """

    key: str
    title: str
    kpi: str
    segment: str | None = None
    unit: str
    decision: str
    owner: str | None = None
    baseline: float | None
    target: float
    actual: float | None = None
    starts_on: date
    recheck_on: date
    moved_from: date | None = None
    outcome: str | None = None
    words: TargetWords | None = None


class Words(Struct, frozen=True):
    """A text for people, in both languages."""

    en: str
    fr: str


class TargetForm(Struct, frozen=True):
    """What a KPI target is in a tool: an object of the tool's own for it, or a fallback, and
    `why`."""

    name: Words
    why: Words | None = None

    @property
    def is_fallback(self) -> bool:
        return self.why is not None


RECORDS: dict[Stream, type[Record]] = {
    Stream.PEOPLE: Account,
    Stream.PIPELINES: Stage,
    Stream.CONTACTS: Contact,
    Stream.LEADS: Lead,
    Stream.DEALS: Deal,
    Stream.STAGE_CHANGES: StageChange,
    Stream.ACTIVITIES: Activity,
    Stream.TASKS: RemoteTask,
    Stream.CAMPAIGN_STATS: CampaignStats,
    Stream.FORM_STATS: FormStats,
    Stream.EMAIL_STATS: EmailStats,
}
