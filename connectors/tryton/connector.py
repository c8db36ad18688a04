"""Tryton: opportunities, parties and employees in; tasks and KPI targets out, as works of projects.

All calls go to the REST of the server, with the key of a user application. The quirks and what
guards against them are in the README of this folder.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

import httpx

from connectors.auth import Bearer
from connectors.errors import ConnectorError
from connectors.models import (
    Account,
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
from connectors.port import Connector, Page, Partition, Presence, Window
from connectors.rehearsal import StandIn
from connectors.tryton import about, checks, lookups, reading, wire
from connectors.tryton.config import TrytonConfig
from connectors.tryton.reading import Listing
from connectors.tryton.rehearsal import TrytonStandIn
from connectors.tryton.targets import FORMS, Targets
from connectors.tryton.tasks import Tasks
from connectors.tryton.wire import Domain, Server


class Tryton(Connector[TrytonConfig]):
    kind = "tryton"
    label = "Tryton"
    docs = "https://docs.tryton.org"
    Config = TrytonConfig
    scopes = about.SCOPES
    limits = about.LIMITS
    quirks = about.QUIRKS
    target_forms = FORMS

    def base_url(self) -> str:
        return f"{self.config.server}/{self.config.database}/rest/model/"

    def auth(self) -> httpx.Auth | None:
        return Bearer(self.config.key)

    def is_sandbox(self) -> bool:
        """Never: a server on this machine is as real as any other, with a clock of its own."""
        return False

    def refusal(self, response: httpx.Response) -> ConnectorError | None:
        return wire.name_refusal(response)

    def check(self) -> str:
        return checks.check(self._server, self._tasks, self.config)

    def people(self, window: Window, partition: Partition) -> Iterator[Page[Account]]:
        """All of them each time: there are few, and an e-mail address changes elsewhere."""
        return lookups.people(self._server)

    def pipelines(self, window: Window, partition: Partition) -> Iterator[Page[Stage]]:
        return lookups.pipelines(self._server)

    def contacts(self, window: Window, partition: Partition) -> Iterator[Page[Contact]]:
        return self._pages(reading.CONTACTS, window, partition)

    def leads(self, window: Window, partition: Partition) -> Iterator[Page[Lead]]:
        return self._pages(reading.LEADS, window, partition)

    def deals(self, window: Window, partition: Partition) -> Iterator[Page[Deal]]:
        return self._pages(reading.DEALS, window, partition)

    def stage_changes(self, window: Window, partition: Partition) -> Iterator[Page[StageChange]]:
        """Of what changed in the window, all there are: the log cannot be asked by time."""
        return self._pages(reading.CHANGES, window, partition)

    def tasks(self, window: Window, partition: Partition) -> Iterator[Page[RemoteTask]]:
        """Those with our key."""
        return self._pages(reading.WORKS, window, partition, [reading.OURS])

    def _pages(
        self,
        listing: Listing[Any, Any],
        window: Window,
        partition: Partition,
        more: Domain = (),
    ) -> Iterator[Page[Any]]:
        size = self.config.page
        return reading.pages(self._server, listing, window, partition, more, size)

    def by_ids(self, stream: Stream, ids: Sequence[str]) -> Page[Record]:
        return lookups.by_ids(self._server, stream, ids)

    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
        return lookups.presence(self._server, stream, ids)

    def create_task(self, task: Task) -> str:
        return self._tasks.create(task)

    def stamp_task(self, remote_id: str, task: Task) -> None:
        self._tasks.stamp(remote_id, task)

    def find_task(self, key: str) -> Sequence[str]:
        return self.find_tasks([key])[key]

    def find_tasks(
        self, keys: Sequence[str], since: datetime | None = None
    ) -> Mapping[str, Sequence[str]]:
        return self._tasks.find(keys)

    def update_task(self, remote_id: str, task: Task, only: Collection[str] | None = None) -> None:
        self._tasks.update(remote_id, task, only)

    def complete_task(self, remote_id: str) -> None:
        self._tasks.complete(remote_id)

    def reopen_task(self, remote_id: str) -> None:
        self._tasks.reopen(remote_id)

    def delete_task(self, remote_id: str) -> None:
        self._tasks.delete(remote_id)

    def comment_task(self, remote_id: str, text: str, marker: str) -> str:
        return self._tasks.comment(remote_id, text, marker)

    def find_comment(self, remote_id: str, marker: str) -> str | None:
        return self._tasks.find_comment(remote_id, marker)

    def prepare_targets(self) -> None:
        """Nothing: they are tasks."""

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
        return TrytonStandIn(httpx.URL(self.base_url()))

    @cached_property
    def _server(self) -> Server:
        return Server(self.api, lambda: self._company)

    @cached_property
    def _company(self) -> int:
        return checks.company_of(self.config, checks.whoami(self._server))

    @cached_property
    def _tasks(self) -> Tasks:
        return Tasks(self._server, self.config.project)

    @cached_property
    def _targets(self) -> Targets:
        return Targets(self._tasks)
