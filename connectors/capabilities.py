"""What a tool may offer: the protocols, which are the only list there is.

A connector offers a capability by having its methods; nothing is declared.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from connectors.consent import AuthServer
from connectors.errors import ConnectorError
from connectors.models import (
    Account,
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
    TargetForm,
    Task,
)
from connectors.port import HookEvent, Page, Partition, Presence, RemoteField, Window
from connectors.rehearsal import StandIn

MOST_STAMPS = 50


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
class ReadsAhead(Protocol):
    """Asks for the first pages of several streams in fewer requests than there are streams; the
    reads of these windows that follow at once begin with them."""

    def read_ahead(self, windows: Mapping[Stream, Window]) -> None: ...


@runtime_checkable
class ConfirmsPresence(Protocol):
    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]: ...


@runtime_checkable
class ListsFields(Protocol):
    def fields(self, stream: Stream) -> Sequence[RemoteField]: ...


@runtime_checkable
class PassesOver(Protocol):
    """What a source holds of which nothing is read, for people to see: no capability."""

    def passed_over(self) -> Sequence[str]: ...


@runtime_checkable
class TakesConsent(Protocol):
    """Signs in as an app that a person consents to in a browser: a way in, and no capability.

    None where the settings sign in another way.
    """

    def auth_server(self) -> AuthServer | None: ...


@runtime_checkable
class WritesTasks(Protocol):
    """Tasks with our key on them.

    `create_task` may raise OutcomeUnknown: then `find_task` tells whether it took effect.
    `find_task` returns the ids of all tasks that carry the key (more than one is a conflict).
    `stamp_task` makes a task findable where the create could not; it is safe to repeat.
    `update_task` writes title, description, owner and due_at, or `only` some of them: what was
    changed in the tool meanwhile must not be overwritten along with them. `complete_task` and
    `reopen_task` leave a task that is so already as it is.
    """

    def create_task(self, task: Task) -> str: ...

    def stamp_task(self, remote_id: str, task: Task) -> None: ...

    def find_task(self, key: str) -> Sequence[str]: ...

    def update_task(
        self, remote_id: str, task: Task, only: Collection[str] | None = None
    ) -> None: ...

    def complete_task(self, remote_id: str) -> None: ...

    def reopen_task(self, remote_id: str) -> None: ...


@runtime_checkable
class StampsTasks(WritesTasks, Protocol):
    """Many stamps in one request: pairs of a remote id and its task, at most `MOST_STAMPS`.

    Answers what each failed with, None where it is done, by remote id. Raises what the request as a
    whole failed with; it is safe to repeat.
    """

    def stamp_tasks(
        self, pairs: Sequence[tuple[str, Task]]
    ) -> Mapping[str, ConnectorError | None]: ...


@runtime_checkable
class FindsTasks(WritesTasks, Protocol):
    """Looks for many keys in fewer requests than there are keys; the ids for each of them, none
    where no task carries it. It finds what `find_task` finds, made since `since`: who has to list
    tasks for it needs no older ones."""

    def find_tasks(
        self, keys: Sequence[str], since: datetime | None = None
    ) -> Mapping[str, Sequence[str]]: ...


@runtime_checkable
class DeletesTasks(Protocol):
    """For what was pushed and is taken back. A task that is gone already is no error."""

    def delete_task(self, remote_id: str) -> None: ...


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

    def find_target(self, key: str, since: datetime | None = None) -> Sequence[str]:
        """The ids of all that carry the key, of those made since `since`."""

    def check_target(self, remote_id: str, target: KpiTarget) -> None:
        """Raises Rejected when a target that was found does not hold the planned values."""

    def update_target(self, remote_id: str, target: KpiTarget) -> date | None:
        """The actual value and the outcome, where there are any. With `moved_from` it is the day
        instead, and nothing else: written where the tool still holds that one, since one that
        people set is theirs. Returns the day that the tool held before such a move, None where a
        target has none that is ours, such as one that measures itself."""


@runtime_checkable
class ForetellsTargets(WritesTargets, Protocol):
    """Which of its `target_forms` a target takes, without a call. Where it has been written, its
    `remote_id` tells."""

    def target_as(self, target: KpiTarget, remote_id: str | None = None) -> TargetForm: ...


@runtime_checkable
class RehearsesWrites(Protocol):
    """A dry run of writes: the stand-in answers in the tool's place."""

    def rehearsal(self) -> StandIn: ...


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
    "read ahead": ReadsAhead,
    "confirm deletes": ConfirmsPresence,
    "discover fields": ListsFields,
    "write tasks": WritesTasks,
    "stamp tasks in batches": StampsTasks,
    "find tasks in batches": FindsTasks,
    "delete tasks": DeletesTasks,
    "comment on tasks": CommentsOnTasks,
    "write KPI targets": WritesTargets,
    "foretell KPI targets": ForetellsTargets,
    "dry run of writes": RehearsesWrites,
    "webhooks": ReceivesHooks,
}
"""What `retro tools` shows: a tool has a capability when it has the protocol's methods."""
