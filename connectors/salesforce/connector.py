"""Salesforce: leads, opportunities, campaigns and tasks in, tasks and KPI targets out.

REST API v67.0. Everything is read by queries, upwards by id; the quirks and what guards against
them are in the README of this folder.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx

from connectors.budget import Budget
from connectors.errors import ConnectorError
from connectors.models import (
    Account,
    CampaignStats,
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
    Page,
    Partition,
    Presence,
    RemoteField,
    Window,
    samples_of,
)
from connectors.rehearsal import StandIn
from connectors.salesforce import about, checks, lookups, mapping, wire
from connectors.salesforce.ahead import MOST_QUERIES
from connectors.salesforce.bulk import Bulk
from connectors.salesforce.campaigns import Campaigns
from connectors.salesforce.config import SalesforceConfig, SignIn
from connectors.salesforce.facts import Facts
from connectors.salesforce.history import History
from connectors.salesforce.keys import Keys
from connectors.salesforce.mapping import CAMPAIGN, DEAL, HISTORY, LEAD, MEMBER, TASK, USER
from connectors.salesforce.oauth import Grants, oauth
from connectors.salesforce.reading import Reading
from connectors.salesforce.refusals import name_refusal
from connectors.salesforce.rehearsal import OrgStandIn
from connectors.salesforce.streams import Streams
from connectors.salesforce.targets import FORMS, Targets
from connectors.salesforce.tasks import Tasks
from connectors.salesforce.wire import Org

# Fields of these types are no values: they are made of others, or files.
NO_SAMPLES = ("address", "location", "base64")
OBJECTS = {Stream.LEADS: LEAD, Stream.DEALS: DEAL}
# The objects that a stream is read from.
READ: Mapping[Stream, Sequence[str]] = {
    Stream.PEOPLE: (USER,),
    Stream.PIPELINES: (),
    Stream.LEADS: (LEAD,),
    Stream.DEALS: (DEAL,),
    Stream.STAGE_CHANGES: (HISTORY,),
    Stream.TASKS: (TASK,),
    Stream.CAMPAIGN_STATS: (CAMPAIGN, MEMBER),
}


class Salesforce(Connector[SalesforceConfig]):
    kind = "salesforce"
    label = "Salesforce"
    docs = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest"
    Config = SalesforceConfig
    scopes = about.SCOPES
    limits = about.LIMITS
    quirks = about.QUIRKS
    target_forms = FORMS
    # A record is stamped when it is touched; it can be seen once its transaction has ended.
    lag = timedelta(minutes=2)
    overlap = timedelta(minutes=10)
    # A request may take as long as that before Salesforce gives it up.
    longest_call = timedelta(minutes=10)
    shaping = frozenset(
        {
            *("qualified_statuses", "disqualified_statuses", "utm", "fields", "currency"),
            *("campaigns", "campaign_name", "key_field"),
        }
    )

    def base_url(self) -> str:
        return self.config.base_url

    def auth(self) -> httpx.Auth:
        grants = Grants(self.config, self.wire.transport)
        return oauth(self.config, self.wire.tokens, grants)

    def auth_server(self) -> Grants | None:
        by_consent = self.config.sign_in is SignIn.CONSENT
        return Grants(self.config, self.wire.transport) if by_consent else None

    def identity(self) -> Sequence[str]:
        """An org may get another address; its id stays."""
        return (f"salesforce:{self._facts.organization.id}",)

    def budget(self) -> Budget | None:
        found = wire.budget(self.config)
        return found if found.is_published else None

    def pacing(self) -> Budget:
        return wire.budget(self.config)

    def refusal(self, response: httpx.Response) -> ConnectorError | None:
        return name_refusal(response)

    def check(self) -> str:
        """Asks anew, whatever was known."""
        return checks.check(self._org, Facts(self._org, self.config), self.config)

    def people(self, window: Window, partition: Partition) -> Iterator[Page[Account]]:
        return self._reading.pages(self._streams.people(), window.start, partition.after)

    def pipelines(self, window: Window, partition: Partition) -> Iterator[Page[Stage]]:
        """All stages of opportunities and statuses of leads in one page."""
        disqualified = frozenset(self.config.disqualified_statuses)
        stages = [mapping.to_deal_stage(row) for row in self._facts.deal_stages]
        stages += [mapping.to_lead_stage(row, disqualified) for row in self._facts.lead_statuses]
        yield Page(stages, position="", requests=self._org.spent())

    def leads(self, window: Window, partition: Partition) -> Iterator[Page[Lead]]:
        return self._reading.pages(self._streams.leads(), window.start, partition.after)

    def deals(self, window: Window, partition: Partition) -> Iterator[Page[Deal]]:
        return self._reading.pages(self._streams.deals(), window.start, partition.after)

    def stage_changes(self, window: Window, partition: Partition) -> Iterator[Page[StageChange]]:
        """The whole history of each opportunity that changed: what was read before changes
        nothing."""
        return self._history.pages(window.start, partition.after)

    def tasks(self, window: Window, partition: Partition) -> Iterator[Page[RemoteTask]]:
        """Those with our key."""
        return self._tasks.pages(window.start, partition.after)

    def campaign_stats(self, window: Window, partition: Partition) -> Iterator[Page[CampaignStats]]:
        if not self.config.campaigns:
            return iter(())
        return self._campaigns.pages(window.start, partition.after)

    def by_ids(self, stream: Stream, ids: Sequence[str]) -> Page[Any]:
        if stream is Stream.TASKS:
            return self._tasks.by_ids(ids)
        if stream is Stream.STAGE_CHANGES:
            return self._history.by_ids(ids)
        listings = {
            Stream.PEOPLE: self._streams.people,
            Stream.LEADS: self._streams.leads,
            Stream.DEALS: self._streams.deals,
        }
        if stream not in listings:
            none: Page[Record] = Page([], position="", requests=0)
            return none
        return self._reading.by_ids(listings[stream](), ids)

    def read_ahead(self, windows: Mapping[Stream, Window]) -> None:
        """In two requests, a description of the objects and the first pages of their reads."""
        self._facts.describe(list(dict.fromkeys(k for one in windows for k in READ[one])))
        listings = {
            Stream.PEOPLE: self._streams.people,
            Stream.LEADS: self._streams.leads,
            Stream.DEALS: self._streams.deals,
            Stream.TASKS: self._tasks.listing,
        }
        urls = []
        for stream, window in windows.items():
            if stream in listings:
                urls.append(self._reading.first_url(listings[stream](), window.start))
            elif stream is Stream.STAGE_CHANGES:
                urls.append(self._org.query_url(self._history.soql(window.start)))
        self._org.ask_ahead(urls[:MOST_QUERIES])

    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
        return lookups.presence(self._org, stream, ids)

    def fields(self, stream: Stream) -> Sequence[RemoteField]:
        """None for streams whose fields nobody maps."""
        if stream not in OBJECTS:
            return ()
        known = self._facts.fields(OBJECTS[stream])
        plain = [name for name, row in known.items() if row.type not in NO_SAMPLES]
        first = lookups.first_rows(self._org, OBJECTS[stream], plain)
        return [
            RemoteField(
                row.name,
                row.label,
                row.type,
                row.custom,
                read_only=not row.updateable,
                samples=samples_of(each.get(row.name) for each in first),
            )
            for row in known.values()
        ]

    def create_task(self, task: Task) -> str:
        return self._tasks.create(task)

    def stamp_task(self, remote_id: str, task: Task) -> None:
        """Nothing is left to do: a create carries the key and the relation."""

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
        return OrgStandIn()

    @cached_property
    def _org(self) -> Org:
        return Org(self.api, self.config)

    @cached_property
    def _facts(self) -> Facts:
        return Facts(self._org, self.config)

    @cached_property
    def _reading(self) -> Reading:
        return Reading(self._org, Bulk(self._org, self.config.bulk_above))

    @cached_property
    def _streams(self) -> Streams:
        return Streams(self._org, self._facts)

    @cached_property
    def _history(self) -> History:
        return History(self._org, self._facts)

    @cached_property
    def _campaigns(self) -> Campaigns:
        config = self.config
        return Campaigns(self._facts, self._reading, config.campaign_days, config.currency)

    @cached_property
    def _targets(self) -> Targets:
        return Targets(self._org, self._facts, self.config)

    @cached_property
    def _tasks(self) -> Tasks:
        return Tasks(self._org, self._facts, self._reading, Keys(self._facts, self.config))
