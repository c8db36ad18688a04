"""Pipedrive: leads, deals and persons in; activities as tasks and goals as KPI targets out.

Reads go by v2 where it has them, and by v1 for leads, users, goals and changelogs. The quirks and
what guards against them are in the README of this folder.
"""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx
from pydantic import SecretStr

from connectors.auth import bearer_oauth
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
from connectors.pipedrive import about, checks, fields, hooks, wire
from connectors.pipedrive.config import PipedriveConfig, Plan
from connectors.pipedrive.lookups import Lookups
from connectors.pipedrive.oauth import PipedriveServer
from connectors.pipedrive.reading import Reading
from connectors.pipedrive.rehearsal import CompanyStandIn
from connectors.pipedrive.targets import FORMS, Targets
from connectors.pipedrive.tasks import Tasks
from connectors.pipedrive.wire import Company
from connectors.port import Connector, HookEvent, Page, Partition, Presence, RemoteField, Window
from connectors.rehearsal import StandIn

TOKENS_A_SEAT = 30_000
# What a plan multiplies the tokens by, and its requests in 2 seconds with an API token.
PLANS = {Plan.LITE: (1, 20), Plan.GROWTH: (2, 40), Plan.PREMIUM: (5, 100), Plan.ULTIMATE: (7, 120)}
APPS = 4
# The window rolls: an even pace puts one request more into it than its seconds bring. What is left
# of it, 50 ms, is for requests that overtake each other on the way.
PACE = 0.4875


class ApiToken(httpx.Auth):
    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers["x-api-token"] = self._token.get_secret_value()
        yield request


class Pipedrive(Connector[PipedriveConfig]):
    kind = "pipedrive"
    label = "Pipedrive"
    docs = "https://developers.pipedrive.com/docs/api/v1"
    Config = PipedriveConfig
    scopes = about.SCOPES
    limits = about.LIMITS
    quirks = about.QUIRKS
    target_forms = FORMS
    lag = timedelta(minutes=1)
    overlap = timedelta(minutes=2)
    shaping = frozenset({"qualified_labels", "fields", "stage_history"})

    def __init__(self, config: PipedriveConfig, wire: Wire) -> None:
        super().__init__(config, wire)
        self._meter = wire.meter(self._account)
        by_token = config.api_token is not None
        self._server = None if by_token else PipedriveServer(config, wire.transport)

    def base_url(self) -> str:
        return f"{self.config.origin}/"

    def auth(self) -> httpx.Auth | None:
        if self.config.api_token is not None:
            return ApiToken(self.config.api_token)
        if self.wire.tokens is None or self._server is None:
            raise AuthFailed("The app has no token of this company yet.", next_step=FIRST)
        return bearer_oauth(self.wire.tokens, self._server.renew)

    def auth_server(self) -> PipedriveServer | None:
        return self._server

    def identity(self) -> Sequence[str]:
        company = self.config.company_id
        return (self.config.company, *([f"company:{company}"] if company else []))

    def budget(self) -> Budget | None:
        """Tokens are counted per company. Requests are per user, and here per company too."""
        if self.config.plan is Plan.UNLIMITED:
            return None
        factor, in_window = PLANS[self.config.plan]
        if self.config.api_token is None:
            in_window *= APPS
        tokens = TOKENS_A_SEAT * factor * self.config.seats + self.config.daily_top_up
        return Budget(self._account, burst=1, rate=in_window * PACE, per_day=tokens)

    def refusal(self, response: httpx.Response) -> ConnectorError | None:
        return wire.name_refusal(response, self._meter)

    def moved(self) -> Mapping[str, Any]:
        """An app calls the address that the answer with its token names."""
        told = self._server.told if self._server else None
        return {} if told in (None, self.config.origin) else {"api_domain": told}

    def check(self) -> str:
        return checks.check(self._company, self.config)

    def partitions(self, stream: Stream, window: Window) -> Sequence[Partition]:
        return self._reading.partitions(stream, window)

    def people(self, window: Window, partition: Partition) -> Iterator[Page[Account]]:
        return self._reading.pages(Stream.PEOPLE, window, partition)

    def pipelines(self, window: Window, partition: Partition) -> Iterator[Page[Stage]]:
        return self._reading.pages(Stream.PIPELINES, window, partition)

    def contacts(self, window: Window, partition: Partition) -> Iterator[Page[Contact]]:
        return self._reading.pages(Stream.CONTACTS, window, partition)

    def leads(self, window: Window, partition: Partition) -> Iterator[Page[Lead]]:
        return self._reading.pages(Stream.LEADS, window, partition)

    def deals(self, window: Window, partition: Partition) -> Iterator[Page[Deal]]:
        return self._reading.pages(Stream.DEALS, window, partition)

    def stage_changes(self, window: Window, partition: Partition) -> Iterator[Page[StageChange]]:
        return self._reading.pages(Stream.STAGE_CHANGES, window, partition)

    def activities(self, window: Window, partition: Partition) -> Iterator[Page[Activity]]:
        return self._reading.pages(Stream.ACTIVITIES, window, partition)

    def tasks(self, window: Window, partition: Partition) -> Iterator[Page[RemoteTask]]:
        """Activities with our marker."""
        return self._reading.pages(Stream.TASKS, window, partition)

    def by_ids(self, stream: Stream, ids: Sequence[str]) -> Page[Record]:
        return self._lookups.by_ids(stream, ids)

    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
        return self._lookups.presence(stream, ids)

    def fields(self, stream: Stream) -> Sequence[RemoteField]:
        """Leads have the fields of deals."""
        return fields.remote_fields(self._company, stream)

    def create_task(self, task: Task) -> str:
        return self._tasks.create(task)

    def stamp_task(self, remote_id: str, task: Task) -> None:
        """The marker is in the note from the first moment on."""

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

    def delete_task(self, remote_id: str) -> None:
        self._tasks.delete(remote_id)

    def prepare_targets(self) -> None:
        """Goals and activities need nothing."""

    def create_target(self, target: KpiTarget) -> str:
        return self._targets.create(target)

    def find_target(self, key: str, since: datetime | None = None) -> Sequence[str]:
        return self._targets.find(key, since)

    def check_target(self, remote_id: str, target: KpiTarget) -> None:
        self._targets.check(remote_id, target)

    def update_target(self, remote_id: str, target: KpiTarget) -> date | None:
        return self._targets.update(remote_id, target)

    def target_as(self, target: KpiTarget, remote_id: str | None = None) -> TargetForm:
        return self._targets.form(target, remote_id)

    def rehearsal(self) -> StandIn:
        return CompanyStandIn(httpx.URL(self.base_url()).host)

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Sequence[HookEvent]:
        config = self.config
        return hooks.verify(
            headers, body, config.hook_user, config.hook_password, config.company_id
        )

    @property
    def _account(self) -> str:
        return f"pipedrive:{self.config.company}"

    @cached_property
    def _company(self) -> Company:
        return Company(self.api, self._meter, bulk=self.wire.bulk)

    @cached_property
    def _reading(self) -> Reading:
        return Reading(self._company, self.config)

    @cached_property
    def _lookups(self) -> Lookups:
        return Lookups(self._company, self._reading)

    @cached_property
    def _tasks(self) -> Tasks:
        return Tasks(self._company, self.config.task_type)

    @cached_property
    def _targets(self) -> Targets:
        config = self.config
        return Targets(self._company, config.goals, config.task_type, self._me)

    @cached_property
    def _user(self) -> int:
        return checks.whoami(self._company).id

    def _me(self) -> int:
        return self._user
