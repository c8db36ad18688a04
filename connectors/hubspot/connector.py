"""HubSpot: the CRM, its campaigns and tasks in, tasks and KPI targets out. API 2026-03.

Whole reads go by listings, changes by searches; the quirks and what guards against them are in the
README of this folder.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx

from connectors.auth import Bearer, bearer_oauth
from connectors.budget import Budget
from connectors.consent import FIRST
from connectors.errors import AuthFailed, ConnectorError
from connectors.hubspot import about, campaigns, checks, hooks, lookups, mapping, refusals, wire
from connectors.hubspot.account import AccountFacts
from connectors.hubspot.config import HubSpotConfig
from connectors.hubspot.mapping import DEALS, LEADS
from connectors.hubspot.oauth import HubSpotServer
from connectors.hubspot.reading import Reading
from connectors.hubspot.rehearsal import HubStandIn
from connectors.hubspot.targets import FORMS, Targets
from connectors.hubspot.tasks import Tasks
from connectors.hubspot.wire import Hub
from connectors.models import (
    Account,
    CampaignStats,
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
from connectors.port import (
    Connector,
    HookEvent,
    Page,
    Partition,
    Presence,
    RemoteField,
    Window,
    among,
    read,
    samples_of,
)
from connectors.rehearsal import StandIn


class HubSpot(Connector[HubSpotConfig]):
    kind = "hubspot"
    label = "HubSpot"
    docs = "https://developers.hubspot.com/docs"
    Config = HubSpotConfig
    scopes = about.SCOPES
    limits = about.LIMITS
    quirks = about.QUIRKS
    target_forms = FORMS
    # A search shows what is new and changed "after a few moments".
    lag = timedelta(minutes=2)
    overlap = timedelta(minutes=5)
    shaping = frozenset({"qualified_stages", "utm", "fields", "leads", "campaigns"})

    def base_url(self) -> str:
        return self.config.base_url

    def auth(self) -> httpx.Auth:
        if self.config.token is not None:
            return Bearer(self.config.token)
        server = self.auth_server()
        if self.wire.tokens is None or server is None:
            raise AuthFailed("The app has no token of this account yet.", next_step=FIRST)
        return bearer_oauth(self.wire.tokens, server.renew)

    def auth_server(self) -> HubSpotServer | None:
        by_key = self.config.token is not None
        return None if by_key else HubSpotServer(self.config, self.wire.transport)

    def identity(self) -> Sequence[str]:
        """All accounts have one address; so it is the account's number that counts."""
        return (f"{self.config.base_url}:{self._hub.details.portal_id}",)

    def budget(self) -> Budget | None:
        return wire.main_budget(self.config)

    def pacing(self) -> Budget:
        return self.budget() or wire.unlimited(self.config)

    def refusal(self, response: httpx.Response) -> ConnectorError | None:
        hub = vars(self).get("_hub")
        known = vars(hub).get("details") if hub is not None else None
        told = None if known is None else known.time_zone
        return refusals.name_refusal(response, told or self.config.time_zone)

    def learned(self) -> Mapping[str, Any]:
        zone = self._hub.details.time_zone
        return {} if zone is None else {"time_zone": zone}

    def check(self) -> str:
        account = checks.check(self._hub, self._facts, self.config)
        self._targets.prepare()
        return account

    def partitions(self, stream: Stream, window: Window) -> Sequence[Partition]:
        if stream is Stream.STAGE_CHANGES:
            return [Partition(DEALS), *([Partition(LEADS)] if self.config.leads else [])]
        return (Partition(),)

    def people(self, window: Window, partition: Partition) -> Iterator[Page[Account]]:
        return lookups.people(self._hub, partition.after)

    def pipelines(self, window: Window, partition: Partition) -> Iterator[Page[Stage]]:
        """All stages of deals and leads in one page."""
        kinds = [DEALS, *([LEADS] if self.config.leads else [])]
        stages = [
            stage
            for kind in kinds
            for stage in mapping.to_stages(kind, self._facts.pipelines(kind))
        ]
        now = self._facts.asked_at
        yield Page(stages, position="", remote_now=now, requests=len(kinds))

    def contacts(self, window: Window, partition: Partition) -> Iterator[Page[Contact]]:
        listing = self._reading.of(Stream.CONTACTS)
        return self._reading.pages(listing, window, partition)

    def leads(self, window: Window, partition: Partition) -> Iterator[Page[Lead]]:
        if not self.config.leads:
            return iter(())
        return self._reading.pages(self._reading.of(Stream.LEADS), window, partition)

    def deals(self, window: Window, partition: Partition) -> Iterator[Page[Deal]]:
        return self._reading.pages(self._reading.of(Stream.DEALS), window, partition)

    def stage_changes(self, window: Window, partition: Partition) -> Iterator[Page[StageChange]]:
        """The whole history of each record that changed: what was read before changes nothing."""
        listing = self._reading.of(Stream.STAGE_CHANGES, partition.name)
        return self._reading.pages(listing, window, partition)

    def tasks(self, window: Window, partition: Partition) -> Iterator[Page[RemoteTask]]:
        """Those with our key."""
        return self._tasks.pages(window.start, partition.after)

    def campaign_stats(self, window: Window, partition: Partition) -> Iterator[Page[CampaignStats]]:
        if not self.config.campaigns:
            return iter(())
        days = self.config.campaign_days
        return campaigns.pages(self._hub, window.start, days, partition.after)

    def by_ids(self, stream: Stream, ids: Sequence[str]) -> Page[Record]:
        if stream in (Stream.PEOPLE, Stream.PIPELINES):
            return among(read(self, stream, Window(), Partition()), ids)
        if stream is Stream.CAMPAIGN_STATS and self.config.campaigns:
            return campaigns.by_ids(self._hub, self.config.campaign_days, ids)
        asked = lookups.asked(stream, ids, leads=self.config.leads)
        if not asked:
            return Page([], position="", requests=0)
        return lookups.by_ids(self._reading, self._tasks, stream, asked)

    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
        """What was read of leads before they were left out is neither shown nor proven to be
        gone."""
        asked = lookups.asked(stream, ids, leads=self.config.leads)
        hidden = dict.fromkeys(ids, Presence.HIDDEN)
        return hidden | dict(lookups.presence(self._hub, stream, asked))

    def fields(self, stream: Stream) -> Sequence[RemoteField]:
        """None for streams whose properties nobody maps."""
        if stream not in (Stream.CONTACTS, Stream.LEADS, Stream.DEALS):
            return ()
        known = self._facts.properties(stream.value)
        first = lookups.first_rows(self._hub, stream.value, list(known))
        return [
            RemoteField(
                row.name,
                row.label,
                row.type,
                custom=not row.hubspot_defined,
                read_only=row.modification_metadata.get("readOnlyValue", False),
                samples=samples_of(each.get(row.name) for each in first),
            )
            for row in known.values()
        ]

    def create_task(self, task: Task) -> str:
        return self._tasks.create(task)

    def stamp_task(self, remote_id: str, task: Task) -> None:
        """Nothing is left to do: a create carries the key and the links."""

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
        return HubStandIn(httpx.URL(self.base_url()).host)

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Sequence[HookEvent]:
        config = self.config
        return hooks.verify(
            headers,
            body,
            secret=config.client_secret,
            url=config.hook_url,
            portal_id=config.portal_id,
            now=datetime.now(UTC),
        )

    @cached_property
    def _hub(self) -> Hub:
        return Hub(self.api, self.config)

    @cached_property
    def _facts(self) -> AccountFacts:
        return AccountFacts(self._hub, self.config)

    @cached_property
    def _reading(self) -> Reading:
        return Reading(self._hub, self._facts)

    @cached_property
    def _tasks(self) -> Tasks:
        return Tasks(self._hub)

    @cached_property
    def _targets(self) -> Targets:
        return Targets(self._hub, self._tasks, self.config.goal_template)
