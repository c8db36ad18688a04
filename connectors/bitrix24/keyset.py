"""Reads a whole listing by key: chained pages in a batch, 50 rows a page, 50 pages a request.

Each command asks for ids above the last one of the page before it. Nothing is counted and nothing
is paged by offset, so rows that change meanwhile are neither skipped nor read twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import GenericAlias
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from connectors.bitrix24.rows import Row
from connectors.bitrix24.wire import (
    MAX_COMMANDS,
    Batch,
    Command,
    Portal,
    Ref,
    Times,
    decode,
    moment_text,
)
from connectors.errors import BadResponse
from connectors.models import Record
from connectors.port import Page, Partition, RefusedRecord, Window

RowT = TypeVar("RowT", bound=Row)
RecordT = TypeVar("RecordT", bound=Record)

PAGE = 50
# A request may take 60 seconds in all; a third of that leaves room for a slow hour.
SECONDS_A_REQUEST = 20.0
# A full read starts with some pages to learn what one costs; a delta is mostly empty.
FIRST_FULL = 10
FIRST_DELTA = 1
GROWTH = 8
# What a row raises that is in no shape of ours. A moment of the year 1 has none in UTC: arithmetic.
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError)


@dataclass(frozen=True)
class Listing(Generic[RowT, RecordT]):
    """One list method and what its rows mean.

    `holder` is the key of the answer that holds the rows, empty where the answer is the rows.
    `changed` is the field to filter by in a delta, None where the tool has none. `to` gives None
    for a row that is no record of ours and raises one of UNREADABLE for one it cannot read.
    """

    method: str
    row: type[RowT]
    to: Callable[[RowT], RecordT | None]
    select: Sequence[str]
    holder: str = "items"
    id_filter: str = "id"
    id_shown: str = "id"
    changed: str | None = None
    filter: Mapping[str, Any] = field(default_factory=dict)
    filter_name: str = "filter"
    order: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    # What the ids of records begin with, before that of the row.
    kind: str = ""

    def command(self, name: str, conditions: Mapping[str, Any]) -> Command:
        order = self.order or {"order": {self.id_filter: "ASC"}}
        wanted = {self.filter_name: {**self.filter, **conditions}}
        return Command(
            name,
            self.method,
            {**self.params, **order, **wanted, "select": list(self.select), "start": -1},
        )

    def chain(
        self, count: int, after: int, until: str | None, since: datetime | None
    ) -> list[Command]:
        """`count` pages, each after the last row of the one before it."""
        more: dict[str, Any] = {}
        if until is not None:
            more[f"<={self.id_filter}"] = until
        if since is not None and self.changed is not None:
            more[f">={self.changed}"] = moment_text(since)
        holder = f"[{self.holder}]" if self.holder else ""
        above: int | Ref = after
        commands = []
        for number in range(count):
            name = f"c{number:02}"
            commands.append(self.command(name, {f">{self.id_filter}": above, **more}))
            above = Ref(f"[{name}]{holder}[{PAGE - 1}][{self.id_shown}]")
        return commands

    def edge(self, name: str, direction: str) -> Command:
        """The first page of ids from one end. Only for looking: paging goes upwards."""
        params = {
            **self.params,
            "order": {self.id_filter: direction},
            self.filter_name: self.filter,
            "select": [self.id_filter],
            "start": -1,
        }
        return Command(name, self.method, params)

    def first_id(self, result: Raw) -> int | None:
        rows = decode(self._rows(result), list[Raw])
        return _id_of(rows[0]) if rows else None

    def page(self, result: Raw) -> "Rows[RecordT]":
        rows = self._rows(result)
        try:
            decoded = self._decoder.decode(rows)
            records = [self.to(row) for row in decoded]
            return Rows([row.id for row in decoded], records, [], len(decoded))
        except UNREADABLE:
            return self._one_by_one(rows)

    def _rows(self, result: Raw) -> Raw:
        if not self.holder:
            return result
        held = decode(result, dict[str, Raw])
        if self.holder not in held:
            raise BadResponse(f"The answer of {self.method} has no {self.holder}.")
        return held[self.holder]

    def _one_by_one(self, rows: Raw) -> "Rows[RecordT]":
        """One odd row must not hold up the others of its page."""
        several = decode(rows, list[Raw])
        found: Rows[RecordT] = Rows([], [], [], len(several))
        for raw in several:
            row_id = _id_of(raw)
            if row_id is not None:
                found.ids.append(row_id)
            try:
                found.records.append(self.to(self._single.decode(raw)))
            except UNREADABLE as error:
                aside = None if row_id is None else f"{self.kind}{row_id}"
                found.refused.append(RefusedRecord(aside, str(error), bytes(raw).decode()))
        return found

    @cached_property
    def _decoder(self) -> "msgspec.json.Decoder[list[RowT]]":
        # A generic alias made at run time: the row type is a value here.
        many: Any = GenericAlias(list, (self.row,))
        return msgspec.json.Decoder(many, strict=False)

    @cached_property
    def _single(self) -> "msgspec.json.Decoder[RowT]":
        return msgspec.json.Decoder(self.row, strict=False)


@dataclass
class Rows(Generic[RecordT]):
    """Rows of one page of the tool, or of several. A record is None where the row is none of ours.

    `length` counts rows, also those whose id could not be read.
    """

    ids: list[int]
    records: list[RecordT | None]
    refused: list[RefusedRecord]
    length: int


def _id_of(raw: Raw) -> int | None:
    try:
        keys = msgspec.json.decode(raw, type=dict[str, Raw])
        shown = next((keys[name] for name in ("id", "ID") if name in keys), None)
        return None if shown is None else msgspec.json.decode(shown, type=int, strict=False)
    except msgspec.MsgspecError:
        return None


@dataclass
class Progress:
    """How far a share has been read: ids up to `last`, and whether that was its end.

    `count` is how many pages the next request asks for.
    """

    last: int
    count: int
    ended: bool = False


def pages(
    portal: Portal,
    listing: Listing[RowT, RecordT],
    window: Window,
    partition: Partition,
    ahead: Batch | None = None,
    before: int = 0,
) -> Iterator[Page[RecordT]]:
    """One request a page, but for the first where `ahead` is its answer; `before` were sent already
    and are told with it. Raises BadResponse when the listing is not in order of ids."""
    progress = Progress(int(partition.after or 0), FIRST_FULL if window.is_full else FIRST_DELTA)
    if ahead is not None:
        yield _page_of(ahead, listing, window, partition, progress, before)
        before = 0
    while not progress.ended:
        # No local name for the page: it would stay in memory while its reader works on the next.
        yield _next_page(portal, listing, window, partition, progress, before + 1)
        before = 0


def _next_page(
    portal: Portal,
    listing: Listing[RowT, RecordT],
    window: Window,
    partition: Partition,
    progress: Progress,
    requests: int,
) -> Page[RecordT]:
    portal.operating.mind(listing.method, "batch")
    commands = listing.chain(progress.count, progress.last, partition.until, window.start)
    batch = portal.batch(commands, halt=True)
    return _page_of(batch, listing, window, partition, progress, requests)


def _page_of(
    batch: Batch,
    listing: Listing[RowT, RecordT],
    window: Window,
    partition: Partition,
    progress: Progress,
    requests: int,
) -> Page[RecordT]:
    found = _take(listing, batch, progress, partition.until)
    progress.count = next_count(progress.count, batch.time)
    return Page(
        records=_changed_since(found.records, window.start),
        position=str(progress.last),
        refused=found.refused,
        remote_now=batch.remote_now,
        requests=requests,
    )


def next_count(count: int, time: Times | None) -> int:
    """Pages of the next request, from what a page cost in this one."""
    cost = 0.0 if time is None else time.duration / count
    fitting = MAX_COMMANDS if cost == 0 else int(SECONDS_A_REQUEST / cost)
    return max(1, min(fitting, count * GROWTH, MAX_COMMANDS))


def _take(
    listing: Listing[RowT, RecordT], batch: Batch, progress: Progress, until: str | None
) -> Rows[RecordT]:
    """The rows of a chain up to its end, which is the first page that is not full.

    Behind it the references lead nowhere, and what the portal answered there counts for nothing.
    A page that is missing without an error is asked for again by the next request.
    """
    taken: Rows[RecordT] = Rows([], [], [], 0)
    for name in batch.commands:
        if taken.length and name not in batch.results and name not in batch.faults:
            break
        page = listing.page(batch.result(name))
        _check_order(page.ids, progress.last, listing.method)
        if page.length == PAGE and not page.ids:
            raise BadResponse(f"A whole page of {listing.method} has no ids to go on from.")
        taken.records += page.records
        taken.refused += page.refused
        taken.length += page.length
        progress.last = page.ids[-1] if page.ids else progress.last
        progress.ended = page.length < PAGE or str(progress.last) == until
        if progress.ended:
            break
    return taken


def _check_order(ids: Sequence[int], last: int, method: str) -> None:
    for row_id in ids:
        if row_id <= last:
            raise BadResponse(f"{method} lists id {row_id} after {last}: it is not in order.")
        last = row_id


def _changed_since(records: Sequence[RecordT | None], since: datetime | None) -> list[RecordT]:
    """The window again on our side: some portals ignore a filter they do not know.

    From the begin of the second on, since the portal tells no parts of one.
    """
    if since is not None:
        since = since.replace(microsecond=0)
    return [
        record
        for record in records
        if record is not None
        and (since is None or record.updated_at is None or record.updated_at >= since)
    ]
