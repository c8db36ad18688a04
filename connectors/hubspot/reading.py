"""Reads contacts, leads, deals and their histories: whole by listing, changes by search.

A listing goes by an opaque cursor and shows the links of its rows. A search knows neither links
nor more than 10,000 rows; so it is asked anew above the last id that came, and the links of its
rows are read in batches.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from types import GenericAlias
from typing import Any

import msgspec
from msgspec import Raw

from connectors.errors import BadResponse
from connectors.http import Answer, remote_now
from connectors.hubspot import mapping
from connectors.hubspot.account import AccountFacts
from connectors.hubspot.mapping import CONTACTS, DEALS, LEADS, STAGE_OF
from connectors.hubspot.rows import HistoryRow, Row
from connectors.hubspot.wire import (
    HISTORY_PAGE,
    LIST_PAGE,
    Envelope,
    Hub,
    condition,
    since,
)
from connectors.models import Record, history_of
from connectors.port import Page, Partition, RefusedRecord, Window

END = "end"
# Longer lists of names fit neither an address nor the 3,000 characters of a search.
LONGEST_NAMES = 1800
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError)
RowLinks = Mapping[str, list[str]]


@dataclass(frozen=True)
class Listing:
    """One object and what its rows mean. `linked` are the objects whose links are read, `history`
    the property whose past values are. `to` raises one of UNREADABLE for a row it cannot read."""

    object: str
    modified: str
    properties: Sequence[str]
    to: Callable[[Any, RowLinks], Iterable[Record | None]]
    linked: Sequence[str] = ()
    history: str | None = None

    @cached_property
    def by_batch(self) -> bool:
        """Whether pages bring ids alone, and the rows are read by them."""
        return sum(len(name) + 4 for name in self.properties) > LONGEST_NAMES

    def aside(self, id_: str) -> str:
        """The id under which a row that cannot be read is set aside."""
        return id_ if self.history is None else history_of(self.object, id_)

    @cached_property
    def row(self) -> type[Row] | type[HistoryRow]:
        return Row if self.history is None else HistoryRow

    @cached_property
    def many(self) -> "msgspec.json.Decoder[list[Any]]":
        kind: Any = GenericAlias(list, (self.row,))
        return msgspec.json.Decoder(kind)

    @cached_property
    def one(self) -> "msgspec.json.Decoder[Any]":
        return msgspec.json.Decoder(self.row)


@dataclass(frozen=True)
class Rows:
    """Decoded rows, and those in no shape of ours. `ids` are all that could be read."""

    good: Sequence[Any]
    refused: Sequence[RefusedRecord]
    ids: Sequence[str]


class Reading:
    def __init__(self, hub: Hub, facts: AccountFacts) -> None:
        self._hub = hub
        self._facts = facts

    def of(self, stream: str, share: str = "") -> Listing:
        """The listing of a stream; stage changes have one for each kind of record."""
        makers = {CONTACTS: self._contacts, LEADS: self._leads, DEALS: self._deals}
        return makers[stream]() if stream in makers else self._moves(share)

    def pages(self, listing: Listing, window: Window, partition: Partition) -> Iterator[Page[Any]]:
        if window.start is None:
            return self._listed(listing, partition.after)
        return self._changed(listing, window.start, partition.after)

    def by_ids(self, listing: Listing, ids: Sequence[str]) -> Page[Any]:
        """Records as they are now, past the index of the search."""
        rows, requests = self._batch(listing, ids)
        records, refused, more = self._records(listing, rows)
        return Page(records, position="", refused=refused, requests=requests + more)

    def _listed(self, listing: Listing, after: str) -> Iterator[Page[Any]]:
        last, ids_only = 0, listing.by_batch
        asked = {
            "limit": HISTORY_PAGE if listing.history else LIST_PAGE,
            "properties": None if ids_only else list(listing.properties),
            "associations": None if ids_only else list(listing.linked) or None,
            "propertiesWithHistory": None if ids_only else listing.history,
        }
        while after != END:
            path = self._hub.objects(listing.object)
            answer = self._hub.api.get(path, {**asked, "after": after or None})
            envelope = answer.decode(Envelope)
            if ids_only:
                ids = ids_of(envelope.results)
                rows, requests = self._batch(listing, ids)
            else:
                rows, requests = decoded(listing, envelope.results), 0
                ids = list(rows.ids)
            last = in_order(ids, last, listing.object)
            after = moved(envelope.after, after, listing.object)
            records, refused, more = self._records(listing, rows, shown=not ids_only)
            yield Page(records, after, refused, remote_now(answer), requests + more + 1)

    def _changed(self, listing: Listing, start: datetime, position: str) -> Iterator[Page[Any]]:
        ids_only = listing.by_batch or listing.history is not None
        asked = [] if ids_only else listing.properties
        changed = since(listing.modified, start)
        for found in searched(self._hub, listing.object, [[changed]], asked, position):
            if ids_only:
                rows, requests = self._batch(listing, found.ids)
            else:
                rows, requests = decoded(listing, found.envelope.results), 0
            records, refused, more = self._records(listing, rows)
            spent = requests + more + 1
            yield Page(records, found.position, refused, remote_now(found.answer), spent)

    def _batch(self, listing: Listing, ids: Sequence[str]) -> tuple[Rows, int]:
        history = [listing.history] if listing.history else []
        found = self._hub.batch_read(listing.object, ids, listing.properties, history=history)
        several = [decoded(listing, batch.results) for batch in found]
        good = [row for rows in several for row in rows.good]
        refused = [row for rows in several for row in rows.refused]
        return Rows(good, refused, [row.id for row in good]), len(found)

    def _records(
        self, listing: Listing, rows: Rows, *, shown: bool = False
    ) -> tuple[list[Record], list[RefusedRecord], int]:
        """With what the links of rows took in requests. A listing has `shown` the first of each
        row; a search and a batch show none."""
        links, requests = self._links(listing, rows.good, shown)
        records: list[Record] = []
        refused = list(rows.refused)
        for row in rows.good:
            try:
                made = listing.to(row, {name: links[name].get(row.id, []) for name in links})
                records += [record for record in made if record is not None]
            except UNREADABLE as error:
                raw = msgspec.json.encode(row).decode()
                refused.append(RefusedRecord(listing.aside(row.id), str(error), raw))
        return records, refused, requests

    def _links(
        self, listing: Listing, rows: Sequence[Any], shown: bool
    ) -> tuple[Mapping[str, Mapping[str, list[str]]], int]:
        found: dict[str, Mapping[str, list[str]]] = {}
        requests = 0
        for name in listing.linked:
            held: dict[str, list[str]] = {}
            wanted = []
            for row in rows:
                links = row.associations.get(name)
                if links is not None:
                    held[row.id] = list(dict.fromkeys(one.id for one in links.results))
                if not shown or (links is not None and links.paging is not None):
                    wanted.append(row.id)
            if wanted:
                read, more = self._hub.associations(listing.object, name, wanted)
                held |= read
                requests += more
            found[name] = held
        return found, requests

    def _contacts(self) -> Listing:
        known = self._facts.known(CONTACTS)
        return Listing(
            CONTACTS,
            "lastmodifieddate",
            (*mapping.CONTACT_FIELDS, *mapping.CONTACT_TIMES, *known.utm.values()),
            lambda row, links: (mapping.to_contact(row, known, links),),
        )

    def _leads(self) -> Listing:
        known = self._facts.known(LEADS)
        ended = [mapping.entered(stage) for stage in self._facts.final_stages(LEADS)]
        return Listing(
            LEADS,
            "hs_lastmodifieddate",
            (*mapping.LEAD_FIELDS, *ended, *known.utm.values(), *known.custom.values()),
            lambda row, links: (mapping.to_lead(row, known, links),),
            linked=(CONTACTS,),
        )

    def _deals(self) -> Listing:
        known = self._facts.known(DEALS)
        linked = (CONTACTS, LEADS) if self._facts.has_leads else (CONTACTS,)
        return Listing(
            DEALS,
            "hs_lastmodifieddate",
            (*mapping.DEAL_FIELDS, *known.utm.values(), *known.custom.values()),
            lambda row, links: (mapping.to_deal(row, known, links),),
            linked=linked,
        )

    def _moves(self, entity: str) -> Listing:
        known = self._facts.known(entity)
        to = partial(mapping.to_moves, entity)
        return Listing(
            entity,
            "hs_lastmodifieddate",
            (STAGE_OF[entity],),
            lambda row, _: list(to(row, known)),
            history=STAGE_OF[entity],
        )


@dataclass(frozen=True)
class Searched:
    """A page of a search; `position` is the last id that was read."""

    answer: Answer
    envelope: Envelope
    ids: Sequence[str]
    position: str


def searched(
    hub: Hub,
    kind: str,
    groups: Sequence[Sequence[Mapping[str, Any]]],
    properties: Sequence[str],
    position: str,
) -> Iterator[Searched]:
    """All that fits one of the groups, by id: each page begins above the last id before it, so
    that neither the cap of a search nor rows that change meanwhile cut anything off."""
    last, after = int(position or 0), "0"
    while True:
        above = condition("hs_object_id", "GT", str(last))
        answer = hub.search(kind, [[*group, above] for group in groups], properties, after)
        envelope = answer.decode(Envelope)
        ids = ids_of(envelope.results)
        if not ids and msgspec.json.decode(envelope.results):
            raise BadResponse(f"A whole page of {kind} has no ids to go on from.")
        last = in_order(ids, last, kind)
        yield Searched(answer, envelope, ids, str(last))
        if envelope.after is None:
            return
        # A page may be empty though there are more: then its own cursor leads on.
        if ids:
            after = "0"
        elif envelope.after == after:
            raise BadResponse(f"The search of {kind} does not move on.")
        else:
            after = envelope.after


def decoded(listing: Listing, results: Raw) -> Rows:
    try:
        rows = listing.many.decode(results)
        return Rows(rows, (), [row.id for row in rows])
    except msgspec.MsgspecError:
        pass
    # One odd row must not hold up the others of its page.
    good, refused, ids = [], [], []
    for raw in msgspec.json.decode(results, type=list[Raw]):
        id_ = id_of(raw)
        ids += [] if id_ is None else [id_]
        try:
            good.append(listing.one.decode(raw))
        except msgspec.MsgspecError as error:
            aside = None if id_ is None else listing.aside(id_)
            refused.append(RefusedRecord(aside, str(error), bytes(raw).decode()))
    return Rows(good, refused, ids)


def ids_of(results: Raw) -> list[str]:
    rows = msgspec.json.decode(results, type=list[Raw])
    return [id_ for id_ in map(id_of, rows) if id_ is not None]


def in_order(ids: Sequence[str], last: int, kind: str) -> int:
    """The last id. Raises BadResponse when rows come again, as from a link that repeats."""
    for id_ in ids:
        if not id_.isdecimal() or int(id_) <= last:
            raise BadResponse(f"The {kind} list id {id_} after {last}: they are not in order.")
        last = int(id_)
    return last


def moved(after: str | None, before: str, kind: str) -> str:
    if after is None:
        return END
    if after == before:
        raise BadResponse(f"The listing of {kind} does not move on.")
    return after


class _Identified(msgspec.Struct, frozen=True):
    id: str


def id_of(raw: Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=_Identified).id
    except msgspec.MsgspecError:
        return None
