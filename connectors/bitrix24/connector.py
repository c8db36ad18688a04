"""Bitrix24: the CRM and its tasks in, tasks and KPI targets out.

Reads go by chained key-set batches of `crm.item.list` and its kin, writes by single calls. The
quirks and what guards against them are in the README of this folder.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

import httpx
from pydantic import SecretStr

from connectors.bitrix24 import about, checks, fields, hooks, keyset, lookups, wire
from connectors.bitrix24.ahead import Ahead
from connectors.bitrix24.comments import Comments
from connectors.bitrix24.config import Bitrix24Config, Plan, origin_of
from connectors.bitrix24.oauth import BitrixServer, oauth
from connectors.bitrix24.pipelines import pipelines
from connectors.bitrix24.reading import Reading
from connectors.bitrix24.rehearsal import PortalStandIn
from connectors.bitrix24.targets import FORMS, Targets
from connectors.bitrix24.tasks import Tasks
from connectors.bitrix24.wire import OperatingTime, Portal
from connectors.budget import Budget
from connectors.consent import FIRST
from connectors.errors import AuthFailed, ConnectorError
from connectors.http import Wire
from connectors.models import (
    Account,
    Activity,
    Contact,
    Deal,
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
from connectors.port import Connector, HookEvent, Page, Partition, Presence, RemoteField, Window
from connectors.rehearsal import StandIn

BUDGETS = {Plan.STANDARD: (50, 2.0), Plan.ENTERPRISE: (250, 5.0)}


class Bitrix24(Connector[Bitrix24Config]):
    kind = "bitrix24"
    label = "Bitrix24"
    docs = "https://apidocs.bitrix24.com"
    Config = Bitrix24Config
    scopes = about.SCOPES
    limits = about.LIMITS
    quirks = about.QUIRKS
    target_forms = FORMS
    shaping = frozenset({"qualified_stages", "fields"})

    def __init__(self, config: Bitrix24Config, wire: Wire) -> None:
        super().__init__(config, wire)
        # Counted per portal, method and credential.
        user = config.user_and_code[0] if config.user_and_code else config.client_id
        self._operating = OperatingTime(wire.meter(f"bitrix24:{config.origin}:{user}"))

    def base_url(self) -> str:
        return f"{self.config.origin}/rest/"

    def auth(self) -> httpx.Auth | None:
        server = self.auth_server()
        if server is None:
            return None
        if self.wire.tokens is None:
            told = "The application has no token of this portal yet."
            raise AuthFailed(told, next_step=FIRST)
        return oauth(self.wire.tokens, server)

    def auth_server(self) -> BitrixServer | None:
        return None if self.config.webhook else BitrixServer(self.config, self.wire.transport)

    def identity(self) -> Sequence[str]:
        """Its address, and the id that it keeps when it is renamed."""
        member = self.config.member_id
        return (self.config.origin, *([f"member:{member}"] if member else []))

    def budget(self) -> Budget | None:
        """Counted per portal and address of ours, whatever the key."""
        if self.config.plan not in BUDGETS:
            return None
        burst, rate = BUDGETS[self.config.plan]
        return Budget(f"bitrix24:{self.config.origin}", burst, rate)

    def secrets(self) -> Iterable[SecretStr]:
        yield from super().secrets()
        if self.config.user_and_code:
            yield SecretStr(self.config.user_and_code[1])

    def refusal(self, response: httpx.Response) -> ConnectorError | None:
        return wire.name_refusal(response, self._operating)

    def moved(self) -> Mapping[str, Any]:
        found = self.api.moved_to if "api" in vars(self) else None
        return {} if found is None else {"base_url": origin_of(found)}

    def check(self) -> str:
        return checks.check(self._portal, self.config)

    def partitions(self, stream: Stream, window: Window) -> Sequence[Partition]:
        return self._reading.partitions(stream, window)

    def people(self, window: Window, partition: Partition) -> Iterator[Page[Account]]:
        """All of them each time: there are few, and no list by change."""
        return self._pages(Stream.PEOPLE, window, partition)

    def pipelines(self, window: Window, partition: Partition) -> Iterator[Page[Stage]]:
        return pipelines(self._portal)

    def contacts(self, window: Window, partition: Partition) -> Iterator[Page[Contact]]:
        return self._pages(Stream.CONTACTS, window, partition)

    def leads(self, window: Window, partition: Partition) -> Iterator[Page[Lead]]:
        return self._pages(Stream.LEADS, window, partition)

    def deals(self, window: Window, partition: Partition) -> Iterator[Page[Deal]]:
        return self._pages(Stream.DEALS, window, partition)

    def stage_changes(self, window: Window, partition: Partition) -> Iterator[Page[StageChange]]:
        return self._pages(Stream.STAGE_CHANGES, window, partition)

    def activities(self, window: Window, partition: Partition) -> Iterator[Page[Activity]]:
        return self._pages(Stream.ACTIVITIES, window, partition)

    def tasks(self, window: Window, partition: Partition) -> Iterator[Page[RemoteTask]]:
        """Those with our tag."""
        return self._pages(Stream.TASKS, window, partition)

    def _pages(self, stream: Stream, window: Window, partition: Partition) -> Iterator[Page[Any]]:
        listing = self._reading.of(stream, partition.name)
        ahead = self._ahead.take(stream, window, partition)
        before = self._ahead.count()
        return keyset.pages(self._portal, listing, window, partition, ahead, before)

    def read_ahead(self, windows: Mapping[Stream, Window]) -> None:
        self._ahead.ask(windows)

    def by_ids(self, stream: Stream, ids: Sequence[str]) -> Page[Record]:
        return lookups.by_ids(self._portal, self._reading, stream, ids)

    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
        return lookups.presence(self._portal, self._reading, stream, ids)

    def fields(self, stream: Stream) -> Sequence[RemoteField]:
        """None for streams whose fields the portal does not describe."""
        if stream not in fields.ENTITY_TYPES:
            return ()
        return fields.remote_fields(self._portal, fields.ENTITY_TYPES[stream])

    def create_task(self, task: Task) -> str:
        return self._tasks.create(task)

    def stamp_task(self, remote_id: str, task: Task) -> None:
        self._tasks.stamp(remote_id, task)

    def stamp_tasks(self, pairs: Sequence[tuple[str, Task]]) -> Mapping[str, ConnectorError | None]:
        return self._tasks.stamp_all(pairs)

    def delete_task(self, remote_id: str) -> None:
        self._tasks.delete(remote_id)

    def find_task(self, key: str) -> Sequence[str]:
        return self.find_tasks([key])[key]

    def find_tasks(
        self, keys: Sequence[str], since: datetime | None = None
    ) -> Mapping[str, Sequence[str]]:
        return self._tasks.find(keys, since)

    def update_task(self, remote_id: str, task: Task, only: Collection[str] | None = None) -> None:
        self._tasks.update(remote_id, task, only)

    def complete_task(self, remote_id: str) -> None:
        self._tasks.complete(remote_id)

    def reopen_task(self, remote_id: str) -> None:
        self._tasks.reopen(remote_id)

    def comment_task(self, remote_id: str, text: str, marker: str) -> str:
        return self._comments.add(remote_id, text, marker)

    def find_comment(self, remote_id: str, marker: str) -> str | None:
        return self._comments.find(remote_id, marker)

    def prepare_targets(self) -> None:
        self._targets.prepare()

    def create_target(self, target: KpiTarget) -> str:
        return self._targets.create(target)

    def find_target(self, key: str, since: datetime | None = None) -> Sequence[str]:
        return self._targets.find(key)

    def check_target(self, remote_id: str, target: KpiTarget) -> None:
        self._targets.check(remote_id, target)

    def update_target(self, remote_id: str, target: KpiTarget) -> date | None:
        return self._targets.update(remote_id, target)

    def target_as(self, target: KpiTarget, remote_id: str | None = None) -> TargetForm:
        return self._targets.form(target, remote_id)

    def rehearsal(self) -> StandIn:
        return PortalStandIn(httpx.URL(self.base_url()).host)

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Sequence[HookEvent]:
        return hooks.verify(body, self.config.application_token, self.config.member_id)

    @cached_property
    def _portal(self) -> Portal:
        key = self.config.user_and_code
        return Portal(self.api, f"{key[0]}/{key[1]}/" if key else "", self._operating)

    @cached_property
    def _reading(self) -> Reading:
        return Reading(self._portal, self.config)

    @cached_property
    def _ahead(self) -> Ahead:
        return Ahead(self._portal, self._reading)

    @cached_property
    def _tasks(self) -> Tasks:
        return Tasks(self._portal, self._creator, self._targets.entity_type)

    @cached_property
    def _comments(self) -> Comments:
        return Comments(self._portal)

    @cached_property
    def _targets(self) -> Targets:
        return Targets(self._portal)

    @cached_property
    def _user(self) -> str:
        return checks.whoami(self._portal).id

    def _creator(self) -> str:
        """The user whose rights we have: a webhook's address names it."""
        key = self.config.user_and_code
        return key[0] if key else self._user
