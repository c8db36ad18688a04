"""Single records again: after a webhook named them, or a list did not show them.

A record alone costs 1 or 2 tokens, a list of a hundred named ids 10; and only the former shows what
is archived, and tells gone from forbidden.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Raw, Struct

from connectors.errors import BadResponse, NotFound, Rejected
from connectors.models import Lead, Record, Stream, entity_in, history_of
from connectors.pipedrive.paging import UNREADABLE, AnyId, Listing
from connectors.pipedrive.reading import ACTIVITIES, CONTACTS, PEOPLE, TASKS, Reading
from connectors.pipedrive.rows import DealRow
from connectors.pipedrive.wire import Company, Forbidden, decode, listed
from connectors.port import Page, Partition, Presence, RefusedRecord, Window, among

# Of these streams there are few records, and one list has them all.
LISTED = (Stream.PEOPLE, Stream.PIPELINES)
# Of so many ids one list tells, at the price of ten records alone.
IDS_A_LIST = 100


class Kept(Struct, frozen=True):
    is_deleted: bool = False


class Lookups:
    def __init__(self, company: Company, reading: Reading) -> None:
        self._company = company
        self._reading = reading

    def by_ids(self, stream: Stream, ids: Sequence[str]) -> Page[Record]:
        if stream in LISTED:
            return self._listed(stream, ids)
        if stream is Stream.STAGE_CHANGES:
            return self._moves(ids)
        listing = self._listing(stream)
        records: list[Record] = []
        refused: list[RefusedRecord] = []
        missing: list[str] = []
        for one in ids:
            raw = self._alone(stream, one)
            if raw is None:
                missing.append(one)
                continue
            found = listing.rows(Raw(b"[" + bytes(raw) + b"]"))
            records += found.records
            refused += found.refused
        asked = len(ids)
        if stream is Stream.LEADS and missing:
            converted = self._converted()
            records += [converted[one] for one in missing if one in converted]
            asked += 1
        return Page(records, position="", refused=refused, requests=asked)

    def presence(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
        """Stage changes are never taken back: those that are only in a changelog stay."""
        if stream is Stream.STAGE_CHANGES:
            owners = {one: owner[1] for one in ids if (owner := entity_in(one)) is not None}
            found = dict.fromkeys(ids, Presence.PRESENT)
            return found | {one: self._asked(Stream.DEALS, deal) for one, deal in owners.items()}
        if stream in LISTED:
            page = self._listed(stream, ids)
            there = {record.id for record in page.records} | {one.id for one in page.refused}
            return {one: Presence.PRESENT if one in there else Presence.DELETED for one in ids}
        deleted = self._deleted(ids) if stream is Stream.DEALS else ()
        found = dict.fromkeys(deleted, Presence.DELETED)
        found |= {one: self._asked(stream, one) for one in ids if one not in found}
        if stream is Stream.LEADS and Presence.DELETED in found.values():
            found |= dict.fromkeys(found.keys() & self._converted(), Presence.PRESENT)
        return found

    def _deleted(self, ids: Sequence[str]) -> set[str]:
        """Of very many deals, those that a list of deleted ones shows. Which are purged by now,
        archived or hidden no list tells."""
        if len(ids) <= IDS_A_LIST:
            return set()
        listing = self._reading.deals()
        found: set[str] = set()
        for first in range(0, len(ids), IDS_A_LIST):
            some = ",".join(ids[first : first + IDS_A_LIST])
            params = {"ids": some, "status": "deleted", "limit": IDS_A_LIST}
            read = self._company.read(listing.path, params, listing.cost)
            found |= {str(row.id) for row in listed(read.envelope.data, list[AnyId])}
        return found

    def _converted(self) -> Mapping[str, Lead]:
        """The leads that the latest deals name, by id. Of older ones a full read has told, and a
        lead that was converted is never changed again."""
        listing = self._reading.converted()
        latest = {"sort_by": "id", "sort_direction": "desc", "limit": listing.limit}
        read = self._company.read(listing.path, {**listing.params, **latest}, listing.cost)
        return {lead.id: lead for lead in listing.rows(read.envelope.data).records}

    def _asked(self, stream: Stream, one: str) -> Presence:
        try:
            path, cost = self._place(stream, one)
            kept = self._company.get(path, Kept, cost)
        except NotFound:
            return Presence.DELETED
        except Forbidden:
            return Presence.HIDDEN
        return Presence.DELETED if kept.is_deleted else Presence.PRESENT

    def _alone(self, stream: Stream, one: str) -> Raw | None:
        with suppress(NotFound, Forbidden):
            path, cost = self._place(stream, one)
            params = dict(self._listing(stream).params) if stream is Stream.DEALS else None
            return self._company.get(path, Raw, cost, params)
        return None

    def _place(self, stream: Stream, one: str) -> tuple[str, int]:
        name, version, cost = PLACES[stream]
        if not one.replace("-", "").isalnum():
            raise Rejected(f"{one!r} is no id of a record in Pipedrive.")
        return f"{version}/{name}/{one}", cost

    def _listing(self, stream: Stream) -> Listing[Any, Any]:
        if stream is Stream.DEALS:
            return self._reading.deals()
        return self._reading.leads() if stream is Stream.LEADS else PLAIN[stream]

    def _listed(self, stream: Stream, ids: Sequence[str]) -> Page[Record]:
        return among(self._reading.pages(stream, Window(), Partition()), ids)

    def _moves(self, ids: Sequence[str]) -> Page[Record]:
        """Ids of moves begin with that of their deal."""
        wanted = set(ids)
        records: list[Record] = []
        refused: list[RefusedRecord] = []
        owners = ((entity_in(one), one.partition(":")[0]) for one in ids)
        deals = dict.fromkeys(owner[1] if owner else deal for owner, deal in owners)
        for deal in deals:
            raw = self._alone(Stream.DEALS, deal)
            if raw is None:
                continue
            history = history_of("deals", deal)
            try:
                moves = self._reading.history.of_deal(decode(raw, DealRow))
            except (BadResponse, *UNREADABLE) as error:
                refused.append(RefusedRecord(history, str(error), bytes(raw).decode()))
            else:
                records += [one for one in moves if one.id in wanted or history in wanted]
        return Page(records, position="", refused=refused, requests=len(deals))


PLACES = {
    Stream.CONTACTS: ("persons", "v2", 1),
    Stream.LEADS: ("leads", "v1", 2),
    Stream.DEALS: ("deals", "v2", 1),
    Stream.ACTIVITIES: ("activities", "v2", 1),
    Stream.TASKS: ("activities", "v2", 1),
}
PLAIN: Mapping[Stream, Listing[Any, Any]] = {
    Stream.CONTACTS: CONTACTS,
    Stream.ACTIVITIES: ACTIVITIES,
    Stream.TASKS: TASKS,
    Stream.PEOPLE: PEOPLE,
}
