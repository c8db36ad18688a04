"""Reads a whole model by key: records above the last id of the page before, in order of ids.

Nothing is paged by offset, so records that change meanwhile are neither skipped nor read twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import GenericAlias
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from connectors.errors import BadResponse, NotPermitted
from connectors.models import Contact, Deal, Lead, Record, RemoteTask, StageChange, history_of
from connectors.port import Page, Partition, RefusedRecord, Window
from connectors.tryton import mapping
from connectors.tryton.mapping import MARK, Move, Moves
from connectors.tryton.rows import LogRow, OpportunityRow, PartyRow, Row, WorkRow
from connectors.tryton.wire import Domain, Found, Server, like, moment

RowT = TypeVar("RowT", bound=Row)
RecordT = TypeVar("RecordT", bound=Record, covariant=True)

DATES = ("create_date", "write_date")
# What a row raises that is in no shape of ours.
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError)


class IdOnly(Struct, frozen=True):
    id: int


@dataclass(frozen=True)
class Listing(Generic[RowT, RecordT]):
    """A model and what its records mean.

    `dated` are the relations, "" for the record itself, whose change is one of the record.
    `logged` says that the transitions of a record are needed to understand it.
    """

    model: str
    row: type[RowT]
    to: Callable[[RowT, Moves], Iterable[RecordT]]
    fields: Sequence[str]
    condition: Sequence[Any] = ()
    dated: Sequence[str] = ("",)
    logged: bool = False
    # The id under which a record that cannot be read is set aside.
    aside: Callable[[int], str] = str

    @property
    def shown(self) -> Sequence[str]:
        return (*self.fields, *(f"{one}{date}" for one in self.dated for date in DATES))

    def since(self, window: Window) -> Domain:
        """A record has no `write_date` until its first change."""
        if window.start is None:
            return ()
        bound = moment(window.start)
        dates = (f"{one}{date}" for one in self.dated for date in DATES)
        return [["OR", *([date, ">=", bound] for date in dates)]]

    @cached_property
    def decoder(self) -> "msgspec.json.Decoder[list[RowT]]":
        # A generic alias made at run time: the row type is a value here.
        many: Any = GenericAlias(list, (self.row,))
        return msgspec.json.Decoder(many, strict=False)


OPPORTUNITY = (
    *("number", "description", "state", "party", "employee", "converted_by", "amount"),
    *("currency.code", "end_date"),
)
WORK = (
    *("name", "comment", "progress", "status.progress", "status.default", "status.id"),
    *("allocations.id", "allocations.employee"),
    *("constraint_finish_time", "actual_finish_time"),
)


def _opportunities(
    to: Callable[[OpportunityRow, Moves], Iterable[RecordT]],
) -> Listing[OpportunityRow, RecordT]:
    return Listing("sale.opportunity", OpportunityRow, to, OPPORTUNITY, logged=True)


LEADS: Listing[OpportunityRow, Lead] = _opportunities(mapping.to_lead)
DEALS: Listing[OpportunityRow, Deal] = _opportunities(mapping.to_deal)
CHANGES: Listing[OpportunityRow, StageChange] = replace(
    _opportunities(mapping.to_stage_changes), aside=lambda one: history_of(mapping.LEADS, str(one))
)
# Without the condition on `active` those that were archived are left out.
CONTACTS: Listing[PartyRow, Contact] = Listing(
    "party.party",
    PartyRow,
    mapping.to_contact,
    ("rec_name",),
    condition=(["active", "in", [True, False]],),
)
WORKS: Listing[WorkRow, RemoteTask] = Listing(
    "project.work",
    WorkRow,
    mapping.to_task,
    WORK,
    condition=(["type", "=", "task"],),
    dated=("", "allocations."),
)
OURS = ["comment", "like", like(MARK)]


def pages(
    server: Server,
    listing: Listing[RowT, RecordT],
    window: Window,
    partition: Partition,
    more: Domain,
    size: int,
) -> Iterator[Page[RecordT]]:
    last, length = int(partition.after or 0), size
    wanted = [*listing.condition, *more, *listing.since(window)]
    while length == size:
        above = [["id", ">", last], *([["id", "<=", partition.until]] if partition.until else [])]
        found = server.search(listing.model, [*above, *wanted], listing.shown, limit=size)
        ids = ids_in_order(found, last)
        length, last = len(ids), ids[-1] if ids else last
        yield page(server, listing, found, ids, str(last))


def page(
    server: Server,
    listing: Listing[RowT, RecordT],
    found: Found,
    ids: Sequence[int],
    position: str = "",
) -> Page[RecordT]:
    moves, requests = _moves(server, listing.model, ids) if listing.logged else ({}, 0)
    try:
        rows = listing.decoder.decode(found.content)
        records = [one for row in rows for one in listing.to(row, moves.get(row.id, ()))]
        refused: list[RefusedRecord] = []
    except UNREADABLE:
        records, refused = _one_by_one(listing, found, moves)
    return Page(records, position, refused, found.now, requests=1 + requests)


def ids_in_order(found: Found, last: int) -> list[int]:
    """Raises BadResponse when the server does not list by ids: something would be lost."""
    ids = [row.id for row in found.rows(IdOnly)]
    for one in ids:
        if one <= last:
            raise BadResponse(f"Tryton lists id {one} after {last}: it is not in order.")
        last = one
    return ids


def _moves(server: Server, model: str, ids: Sequence[int]) -> tuple[Mapping[int, list[Move]], int]:
    """And how many requests that took. A search of the log must name the records, and is refused
    for one that was deleted a moment ago."""
    fields = ("resource", "event", "target", "create_date")
    requests = 0
    while ids:
        wanted = [
            ["resource", "in", [f"{model},{one}" for one in ids]],
            ["event", "in", ["transition", "button"]],
        ]
        requests += 1
        try:
            found = server.search("ir.model.log", wanted, fields)
        except NotPermitted:
            left = server.search(model, [["id", "in", list(ids)]], ()).rows(IdOnly)
            requests += 1
            if len(left) == len(ids):
                raise
            ids = [row.id for row in left]
        else:
            return mapping.moves_by_opportunity(found.rows(LogRow)), requests
    return {}, requests


def _one_by_one(
    listing: Listing[RowT, RecordT], found: Found, moves: Mapping[int, list[Move]]
) -> tuple[list[RecordT], list[RefusedRecord]]:
    """One odd row must not hold up the others of its page."""
    records: list[RecordT] = []
    refused: list[RefusedRecord] = []
    for raw in found.rows(Raw):
        row_id = msgspec.json.decode(raw, type=IdOnly).id
        try:
            row = msgspec.json.decode(raw, type=listing.row, strict=False)
            records += list(listing.to(row, moves.get(row_id, ())))
        except UNREADABLE as error:
            refused.append(RefusedRecord(listing.aside(row_id), str(error), bytes(raw).decode()))
    return records, refused
