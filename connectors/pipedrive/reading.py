"""Which list a stream is read from, and in which shares."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import msgspec

from connectors.models import Deal, Lead, Stage, Stream
from connectors.pipedrive import mapping
from connectors.pipedrive.config import PipedriveConfig
from connectors.pipedrive.history import History
from connectors.pipedrive.paging import END, Listing, by_cursor, by_offset, whole
from connectors.pipedrive.rows import (
    ActivityRow,
    DealRow,
    LeadRow,
    PersonRow,
    PipelineRow,
    StageRow,
    UserRow,
)
from connectors.pipedrive.wire import Company
from connectors.port import Page, Partition, RefusedRecord, Window

ARCHIVED = "archived"
CURRENT = "current"
CONVERTED, CONVERTED_ARCHIVED = "converted", "converted-archived"

PEOPLE = Listing("v1/users", UserRow, mapping.to_account, cost=20)
CONTACTS = Listing("v2/persons", PersonRow, mapping.to_contact, cost=10)
ACTIVITIES = Listing("v2/activities", ActivityRow, mapping.to_activity, cost=10)
TASKS = Listing("v2/activities", ActivityRow, mapping.to_task, cost=10)


class Reading:
    def __init__(self, company: Company, config: PipedriveConfig) -> None:
        self._company = company
        self._config = config

    def partitions(self, stream: Stream, window: Window) -> Sequence[Partition]:
        """Archived records are in no other list. That of leads has no bound, so only a full read
        takes it: a page costs 40 tokens. Converted leads are in no list at all: deals name them."""
        if stream in (Stream.DEALS, Stream.STAGE_CHANGES):
            return [Partition(CURRENT), Partition(ARCHIVED)]
        if stream is Stream.LEADS:
            archives = [ARCHIVED, CONVERTED_ARCHIVED] if window.is_full else []
            return [Partition(name) for name in (CURRENT, CONVERTED, *archives)]
        return [Partition(CURRENT)]

    def pages(self, stream: Stream, window: Window, share: Partition) -> Iterator[Page[Any]]:
        if stream is Stream.PEOPLE:
            return whole(self._company, PEOPLE, share)
        if stream is Stream.PIPELINES:
            return self._pipelines(share)
        if stream is Stream.LEADS and share.name in (CONVERTED, CONVERTED_ARCHIVED):
            return self._converted(share.name == CONVERTED_ARCHIVED, window, share)
        if stream is Stream.LEADS:
            return by_offset(self._company, self.leads(share.name == ARCHIVED), window, share)
        if stream is Stream.STAGE_CHANGES:
            return self.history.pages(share.name == ARCHIVED, window, share)
        if stream is Stream.DEALS:
            return by_cursor(self._company, self.deals(share.name == ARCHIVED), window, share)
        return by_cursor(self._company, PLAIN[stream], window, share)

    def deals(self, archived: bool = False) -> Listing[DealRow, Deal]:
        return Listing(
            "v2/deals/archived" if archived else "v2/deals",
            DealRow,
            partial(mapping.to_deal, custom=self._config.fields),
            cost=20 if archived else 10,
            params={"include_fields": "source_lead_id", **mapping.custom_of(self._config.fields)},
        )

    def converted(self, archived: bool = False) -> Listing[DealRow, Lead]:
        """The leads that deals name."""
        to = partial(mapping.to_converted, custom=self._config.fields)
        deals = self.deals(archived)
        return Listing(deals.path, DealRow, to, deals.cost, deals.params)

    def leads(self, archived: bool = False) -> Listing[Any, Lead]:
        row, attributes = self._lead_row
        to = partial(
            mapping.to_lead,
            qualified=frozenset(self._config.qualified_labels),
            custom=attributes,
            archived=archived,
        )
        if archived:
            order = {"sort": "add_time"}
            return Listing("v1/leads/archived", row, to, cost=40, params=order, bounded=False)
        return Listing("v1/leads", row, to, cost=20, params={"sort": "update_time"})

    @cached_property
    def history(self) -> History:
        return History(self._company, self._config.stage_history == "all")

    @cached_property
    def _lead_row(self) -> tuple[type[Any], Mapping[str, str]]:
        """The row with the mapped fields, which v1 shows flat; and our name → its attribute."""
        names = {ours: f"custom_{number}" for number, ours in enumerate(self._config.fields)}
        added = [
            (names[ours], Any, msgspec.field(default=None, name=key))
            for ours, key in self._config.fields.items()
        ]
        if not added:
            return LeadRow, {}
        made = msgspec.defstruct("LeadRow", added, bases=(LeadRow,), kw_only=True, frozen=True)
        return made, names

    def _converted(self, archived: bool, window: Window, share: Partition) -> Iterator[Page[Lead]]:
        """A deal that cannot be read counts here where it names a lead, as that one."""
        for page in by_cursor(self._company, self.converted(archived), window, share):
            named = ((lead_named(one.raw), one) for one in page.refused)
            refused = [RefusedRecord(lead, one.reason, one.raw) for lead, one in named if lead]
            yield replace(page, refused=refused)

    def _pipelines(self, share: Partition) -> Iterator[Page[Stage]]:
        if share.after == END:
            return
        pipelines = self._company.every("v2/pipelines", list[PipelineRow], cost=5)
        stages = self._company.every("v2/stages", list[StageRow], cost=5)
        found = mapping.to_stages(stages.rows, pipelines.rows)
        asked = pipelines.requests + stages.requests
        yield Page(found, END, remote_now=pipelines.now, requests=asked)


class Named(msgspec.Struct, frozen=True):
    source_lead_id: str | None = None


def lead_named(deal: str) -> str | None:
    try:
        return msgspec.json.decode(deal, type=Named).source_lead_id
    except msgspec.MsgspecError:
        return None


PLAIN: Mapping[Stream, Listing[Any, Any]] = {
    Stream.CONTACTS: CONTACTS,
    Stream.ACTIVITIES: ACTIVITIES,
    Stream.TASKS: TASKS,
}
