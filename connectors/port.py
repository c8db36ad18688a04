"""The port: what a connector is and may offer.

A connector subclasses `Connector` and offers a capability by having its method; the protocols
below are the only list there is. It never opens a connection, sleeps, counts attempts, reads
settings or touches the database: `self.api` does the wire, `sync` keeps the state.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.budget import Budget
from connectors.errors import ConnectorError
from connectors.hosts import is_loopback
from connectors.http import ApiClient, Wire, refusal
from connectors.models import (
    Account,
    ActionStatus,
    Activity,
    CampaignStats,
    Contact,
    Deal,
    EmailStats,
    FormStats,
    KpiTarget,
    Lead,
    Record,
    RemoteTask,
    Stage,
    StageChange,
    Stream,
    Task,
    TaskStatus,
)
from connectors.redaction import Redactor

R = TypeVar("R", bound=Record, covariant=True)


TASK_STATUSES = {
    TaskStatus.OPEN: ActionStatus.OPEN,
    TaskStatus.DEFERRED: ActionStatus.OPEN,
    TaskStatus.IN_PROGRESS: ActionStatus.IN_PROGRESS,
    TaskStatus.IN_REVIEW: ActionStatus.IN_PROGRESS,
    TaskStatus.DONE: ActionStatus.DONE,
}


class ConnectorConfig(BaseModel):
    """The settings of one connection. Secrets are `SecretStr`; titles are shown in forms."""

    # A refused secret must not be quoted in the refusal.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    task_statuses: Mapping[TaskStatus, ActionStatus] = Field(
        default=TASK_STATUSES,
        title="Task statuses",
        description="Which status of a task in the tool means what for the action here.",
    )


C = TypeVar("C", bound=ConnectorConfig)


@dataclass(frozen=True)
class Window:
    """What changed in the tool since `start`, inclusive; None asks for everything."""

    start: datetime | None = None

    @property
    def is_full(self) -> bool:
        return self.start is None


@dataclass(frozen=True)
class Partition:
    """A share of a stream that is read on its own.

    `after` is the position to go on from: "" at first, then the `position` of the last page that
    was committed. `until` closes the share, inclusive; None leaves it open for new records.
    """

    name: str = "all"
    after: str = ""
    until: str | None = None


@dataclass(frozen=True)
class RefusedRecord:
    """A record in a shape we do not know: set aside with its reason and the raw answer."""

    id: str | None
    reason: str
    raw: str


@dataclass(frozen=True)
class Page(Generic[R]):
    """A committed unit of reading.

    `position` is where the partition goes on after this page; `remote_now` is the tool's clock
    when it was asked, from which watermarks are taken; `requests` is what the page cost.
    """

    records: Sequence[R]
    position: str
    refused: Sequence[RefusedRecord] = ()
    remote_now: datetime | None = None
    requests: int = 1


class Presence(StrEnum):
    """What the tool says of a record that a complete listing did not show."""

    DELETED = "deleted"
    HIDDEN = "hidden"
    PRESENT = "present"


@dataclass(frozen=True)
class HookEvent:
    """An inbound webhook after verification: a hint that `ids` of `stream` changed.

    `dedupe` tells one delivery from another of the same event.
    """

    stream: Stream
    ids: Sequence[str]
    dedupe: str


@dataclass(frozen=True)
class RemoteField:
    name: str
    title: str
    type: str
    custom: bool
    read_only: bool = False
    samples: Sequence[str] = field(default_factory=tuple)


class Connector(Generic[C]):
    """Base of every tool.

    `lag` is how long the tool takes to show a change in a listing; `overlap` how far back an
    incremental read starts before the last watermark. `shaping` are the settings by which records
    come out differently: when one changes, everything is read again.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    docs: ClassVar[str]
    Config: ClassVar[type[ConnectorConfig]]
    lag: ClassVar[timedelta] = timedelta(0)
    overlap: ClassVar[timedelta] = timedelta(minutes=10)
    shaping: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: C, wire: Wire) -> None:
        self.config = config
        self.wire = wire

    @cached_property
    def api(self) -> ApiClient:
        """The client of this account, made at the first call."""
        return ApiClient(
            self.base_url(),
            wire=self.wire,
            budget=self.budget(),
            auth=self.auth(),
            redact=Redactor(self.secrets()),
            name_refusal=self.refusal,
        )

    def base_url(self) -> str:
        raise NotImplementedError(f"{self.kind} has no address")

    def auth(self) -> httpx.Auth | None:
        return None

    def is_sandbox(self) -> bool:
        """Whether the account is an imitation, whose clock may be set."""
        return is_loopback(httpx.URL(self.base_url()).host)

    def identity(self) -> Sequence[str]:
        """By what the tool's account can be known again, whatever key reaches it. Two connections
        that share a name are to the same account."""
        return (self.base_url(),)

    def budget(self) -> Budget | None:
        """What the provider allows this account; None where it publishes no limit."""
        return None

    def secrets(self) -> Iterable[SecretStr]:
        """What must never be shown; by default every secret setting."""
        values = (getattr(self.config, name) for name in type(self.config).model_fields)
        return [value for value in values if isinstance(value, SecretStr)]

    def refusal(self, response: httpx.Response) -> ConnectorError | None:
        """The error that this answer stands for, None when the tool accepted the call."""
        return refusal(response)

    def close(self) -> None:
        if "api" in vars(self):
            self.api.close()

    @abstractmethod
    def check(self) -> str:
        """Try the credentials; returns what to call the account. Raises a ConnectorError that
        names what is missing."""

    def partitions(self, stream: Stream, window: Window) -> Sequence[Partition]:
        """How to cut a read of `stream` into shares read side by side, at most 8."""
        return (Partition(),)


@runtime_checkable
class ReadsPeople(Protocol):
    def people(self, window: Window, partition: Partition) -> Iterator[Page[Account]]: ...


@runtime_checkable
class ReadsPipelines(Protocol):
    def pipelines(self, window: Window, partition: Partition) -> Iterator[Page[Stage]]: ...


@runtime_checkable
class ReadsContacts(Protocol):
    def contacts(self, window: Window, partition: Partition) -> Iterator[Page[Contact]]: ...


@runtime_checkable
class ReadsLeads(Protocol):
    def leads(self, window: Window, partition: Partition) -> Iterator[Page[Lead]]: ...


@runtime_checkable
class ReadsDeals(Protocol):
    def deals(self, window: Window, partition: Partition) -> Iterator[Page[Deal]]: ...


@runtime_checkable
class ReadsStageChanges(Protocol):
    def stage_changes(
        self, window: Window, partition: Partition
    ) -> Iterator[Page[StageChange]]: ...


@runtime_checkable
class ReadsActivities(Protocol):
    def activities(self, window: Window, partition: Partition) -> Iterator[Page[Activity]]: ...


@runtime_checkable
class ReadsTasks(Protocol):
    def tasks(self, window: Window, partition: Partition) -> Iterator[Page[RemoteTask]]: ...


@runtime_checkable
class ReadsCampaignStats(Protocol):
    def campaign_stats(
        self, window: Window, partition: Partition
    ) -> Iterator[Page[CampaignStats]]: ...


@runtime_checkable
class ReadsFormStats(Protocol):
    def form_stats(self, window: Window, partition: Partition) -> Iterator[Page[FormStats]]: ...


@runtime_checkable
class ReadsEmailStats(Protocol):
    def email_stats(self, window: Window, partition: Partition) -> Iterator[Page[EmailStats]]: ...


@runtime_checkable
class ReadsById(Protocol):
    """Re-reads single records, after a webhook named them. Missing ones are left out."""

    def by_ids(self, stream: Stream, ids: Sequence[str]) -> Page[Record]: ...


@runtime_checkable
class ConfirmsPresence(Protocol):
    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]: ...


@runtime_checkable
class ListsFields(Protocol):
    def fields(self, stream: Stream) -> Sequence[RemoteField]: ...


@runtime_checkable
class WritesTasks(Protocol):
    """Tasks with our key on them.

    `create_task` may raise OutcomeUnknown: then `find_task` tells whether it took effect.
    `find_task` returns the ids of all tasks that carry the key (more than one is a conflict).
    `stamp_task` makes a task findable where the create could not; it is safe to repeat.
    """

    def create_task(self, task: Task) -> str: ...

    def stamp_task(self, remote_id: str, task: Task) -> None: ...

    def find_task(self, key: str) -> Sequence[str]: ...

    def update_task(self, remote_id: str, task: Task) -> None: ...

    def complete_task(self, remote_id: str) -> None: ...


@runtime_checkable
class CommentsOnTasks(Protocol):
    """`marker` is a text unique to the comment, by which `find_comment` tells it was sent."""

    def comment_task(self, remote_id: str, text: str, marker: str) -> str: ...

    def find_comment(self, remote_id: str, marker: str) -> str | None: ...


@runtime_checkable
class WritesTargets(Protocol):
    """KPI targets as objects of the tool; `prepare_targets` makes what they need on first use."""

    def prepare_targets(self) -> None: ...

    def create_target(self, target: KpiTarget) -> str: ...

    def find_target(self, key: str) -> Sequence[str]: ...

    def update_target(self, remote_id: str, target: KpiTarget) -> None: ...


@runtime_checkable
class ReceivesHooks(Protocol):
    """Raises AuthFailed when the call is not proven to come from the tool."""

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Sequence[HookEvent]: ...


CAPABILITIES: Mapping[str, type] = {
    "people": ReadsPeople,
    "pipelines": ReadsPipelines,
    "contacts": ReadsContacts,
    "leads": ReadsLeads,
    "deals": ReadsDeals,
    "stage changes": ReadsStageChanges,
    "activities": ReadsActivities,
    "tasks": ReadsTasks,
    "campaign figures": ReadsCampaignStats,
    "form figures": ReadsFormStats,
    "e-mail figures": ReadsEmailStats,
    "read by id": ReadsById,
    "confirm deletes": ConfirmsPresence,
    "discover fields": ListsFields,
    "write tasks": WritesTasks,
    "comment on tasks": CommentsOnTasks,
    "write KPI targets": WritesTargets,
    "webhooks": ReceivesHooks,
}
"""What `retro tools` shows: a tool has a capability when it has the protocol's methods."""


def readable_streams(tool: type[Connector[Any]] | Connector[Any]) -> tuple[Stream, ...]:
    """The streams a tool offers, in reading order: references before what points at them."""
    return tuple(stream for stream in Stream if callable(getattr(tool, stream.value, None)))


def read(
    connector: Connector[Any], stream: Stream, window: Window, partition: Partition
) -> Iterator[Page[Record]]:
    """Pages of one stream; the method's name is the stream's."""
    pages: Iterator[Page[Record]] = getattr(connector, stream.value)(window, partition)
    return pages
