"""Reads lists page by page: v2 by cursor in order of ids, v1 by offset with a rope.

A list of v1 knows offsets only. Sorted by change and bounded from below, the bound moves along
with the rows, so that an offset is needed within one second alone. Each such page begins with the
last row of the one before it: when another row stands there, rows have moved, and the second (or
the archive, which has no bound) is read again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import GenericAlias
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

from connectors.errors import BadResponse, NoProgress
from connectors.models import Record
from connectors.pipedrive.mapping import moment, seconds
from connectors.pipedrive.wire import Company, decode, listed
from connectors.port import Page, Partition, RefusedRecord, Window

RowT = TypeVar("RowT")
RecordT = TypeVar("RecordT", bound=Record)

PAGE = 500
# The position of a share that was read to its end.
END = "end"
MOST_RESTARTS = 5
# What a row raises that is in no shape of ours.
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, KeyError)


@dataclass(frozen=True)
class Listing(Generic[RowT, RecordT]):
    """One list and what its rows mean; `cost` in tokens a page. `to` raises one of UNREADABLE."""

    path: str
    row: type[RowT]
    to: Callable[[RowT], Sequence[RecordT]]
    cost: int
    params: Mapping[str, Any] = field(default_factory=dict)
    bounded: bool = True
    limit: int = PAGE
    # The id under which a row that cannot be read is set aside.
    aside: Callable[[str], str] = str

    def rows(self, data: Raw) -> "Rows[RowT, RecordT]":
        if bytes(data) == b"null":
            return Rows([], [], [])
        try:
            rows: list[RowT] = self._decoder.decode(data)
            return Rows(rows, [one for row in rows for one in self.to(row)], [])
        except UNREADABLE:
            return self._one_by_one(data)

    def _one_by_one(self, data: Raw) -> "Rows[RowT, RecordT]":
        """One odd row must not hold up the others of its page."""
        found: Rows[RowT, RecordT] = Rows([], [], [])
        for raw in decode(data, list[Raw]):
            try:
                row = self._single.decode(raw)
                found.records.extend(self.to(row))
                found.rows.append(row)
            except UNREADABLE as error:
                reason = str(error) or type(error).__name__
                row_id = id_of(raw)
                aside = None if row_id is None else self.aside(row_id)
                found.refused.append(RefusedRecord(aside, reason, bytes(raw).decode()))
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
class Rows(Generic[RowT, RecordT]):
    rows: list[RowT]
    records: list[RecordT]
    refused: list[RefusedRecord]


class AnyId(msgspec.Struct, frozen=True):
    id: int | str


class Dated(msgspec.Struct, frozen=True):
    """What the paging of v1 needs of a row, whatever is wrong with it."""

    id: Any = None
    update_time: Any = None
    add_time: Any = None

    @property
    def name(self) -> str:
        return "" if self.id is None else str(self.id)

    @property
    def second(self) -> str | None:
        """None where it cannot be read: then rows are counted on."""
        try:
            return seconds(moment(str(self.update_time or self.add_time)))
        except (ValueError, ArithmeticError):
            return None


def id_of(raw: Raw) -> str | None:
    try:
        return str(msgspec.json.decode(raw, type=AnyId).id)
    except msgspec.MsgspecError:
        return None


def by_cursor(
    company: Company, listing: Listing[Any, RecordT], window: Window, partition: Partition
) -> Iterator[Page[RecordT]]:
    """Raises BadResponse when a cursor leads back to where it was got."""
    cursor = partition.after
    last = 0
    while cursor != END:
        params = {**listing.params, "sort_by": "id", "limit": listing.limit}
        if window.start is not None:
            params["updated_since"] = seconds(window.start)
        read = company.read(listing.path, {**params, "cursor": cursor or None}, listing.cost)
        found = listing.rows(read.envelope.data)
        following = read.envelope.next_cursor or END
        if following == cursor:
            raise BadResponse(f"A cursor of {listing.path} leads back to itself.")
        last = _in_order(found.rows, last, listing.path)
        cursor = following
        yield Page(found.records, cursor, found.refused, read.now)


def _in_order(rows: Sequence[Any], last: int, path: str) -> int:
    for row in rows:
        if row.id <= last:
            raise BadResponse(f"{path} lists id {row.id} after {last}: it is not in order.")
        last = row.id
    return last


def whole(
    company: Company, listing: Listing[Any, RecordT], partition: Partition
) -> Iterator[Page[RecordT]]:
    """A list of v1 that comes in one piece."""
    if partition.after != END:
        read = company.read(listing.path, listing.params, listing.cost)
        found = listing.rows(read.envelope.data)
        yield Page(found.records, END, found.refused, read.now)


@dataclass
class Place:
    """Where a walk goes on: from the bound `since`, `start` rows further; `last` is the id that
    stands there if nothing has moved."""

    since: str = ""
    start: int = 0
    last: str = ""

    @classmethod
    def at(cls, position: str, since: str) -> "Place":
        if not position:
            return cls(since)
        bound, start, last = position.split("|")
        return cls(bound, int(start), last)

    def __str__(self) -> str:
        return f"{self.since}|{self.start}|{self.last}"


def by_offset(
    company: Company, listing: Listing[Any, RecordT], window: Window, partition: Partition
) -> Iterator[Page[RecordT]]:
    """Raises NoProgress when rows move faster than they can be read, and BadResponse when a page
    without rows does not say where others are."""
    if partition.after == END:
        return
    first = seconds(window.start) if window.start and listing.bounded else ""
    place = Place.at(partition.after, first)
    restarts = 0
    told: set[str] = set()
    while True:
        params = {**listing.params, "limit": listing.limit, "start": place.start}
        if listing.bounded:
            params["updated_since"] = place.since or None
        read = company.read(listing.path, params, listing.cost)
        dated = listed(read.envelope.data, list[Dated])
        if place.last and (not dated or dated[0].name != place.last):
            restarts += 1
            if restarts > MOST_RESTARTS:
                raise NoProgress(f"The rows of {listing.path} move faster than they are read.")
            place = Place(place.since)
            continue
        found = listing.rows(read.envelope.data)
        ended = not read.envelope.has_more
        if not ended and dated:
            place = _next(place, dated, listing.bounded)
        elif not ended:
            place = _over(place, read.envelope.next_start, listing.path)
        refused = _not_told(found.refused, told)
        yield Page(found.records, END if ended else str(place), refused, read.now)
        if ended:
            return


def _not_told(refused: Sequence[RefusedRecord], told: set[str]) -> list[RefusedRecord]:
    """Those that no page before this one has set aside: pages begin with rows that were read."""
    fresh = [one for one in refused if (one.id or one.raw) not in told]
    told.update(one.id or one.raw for one in fresh)
    return fresh


def _next(place: Place, dated: Sequence[Dated], bounded: bool) -> Place:
    second = dated[-1].second if bounded else None
    if second is not None and second > place.since:
        return Place(second)
    step = max(1, len(dated) - 1)
    return Place(place.since, place.start + step, dated[-1].name if len(dated) > 1 else "")


def _over(place: Place, start: int | None, path: str) -> Place:
    """Past a page that shows nothing, though there is more."""
    if start is None or start <= place.start:
        raise BadResponse(f"{path} has more rows and shows none from {place.start} on.")
    return Place(place.since, start)
