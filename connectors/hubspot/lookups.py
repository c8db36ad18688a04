"""Owners, single records again, and what became of those that a listing did not show."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from connectors.http import remote_now
from connectors.hubspot import mapping
from connectors.hubspot.reading import Reading, ids_of, moved
from connectors.hubspot.rows import OwnerRow, Row, Values
from connectors.hubspot.tasks import Tasks
from connectors.hubspot.wire import LIST_PAGE, Envelope, Hub
from connectors.models import Account, Record, Stream, entity_in, history_of
from connectors.port import Page, Presence, RefusedRecord

# Owners who left still own old records.
HALVES = ("active", "archived")
OBJECTS = {Stream.CONTACTS, Stream.LEADS, Stream.DEALS, Stream.TASKS}
# Rows that fields are shown with.
SAMPLED = 10
MERGED = "hs_merged_object_ids"


class Identified(Struct, frozen=True):
    id: str
    properties: Values = {}


def people(hub: Hub, position: str) -> Iterator[Page[Account]]:
    """All of them each time: there are few, and no list by change. `position` is `half:cursor`."""
    half, _, after = position.partition(":")
    for now in HALVES[HALVES.index(half) if half else 0 :]:
        yield from _half(hub, now, after)
        after = ""


def _half(hub: Hub, half: str, after: str) -> Iterator[Page[Account]]:
    while after != "end":
        archived = "true" if half == "archived" else "false"
        answer = hub.api.get(
            hub.crm("owners"), {"limit": LIST_PAGE, "after": after or None, "archived": archived}
        )
        envelope = answer.decode(Envelope)
        records: list[Account] = []
        refused: list[RefusedRecord] = []
        for raw in msgspec.json.decode(envelope.results, type=list[Raw]):
            try:
                records.append(mapping.to_account(msgspec.json.decode(raw, type=OwnerRow)))
            except msgspec.MsgspecError as error:
                refused.append(RefusedRecord(None, str(error), bytes(raw).decode()))
        after = moved(envelope.after, after, "owners")
        yield Page(records, f"{half}:{after}", refused, remote_now(answer))


def asked(stream: Stream, ids: Sequence[str], *, leads: bool) -> Sequence[str]:
    """Without leads and their moves where leads are left out: the key may not read them then."""
    if leads:
        return ids
    if stream is Stream.LEADS:
        return ()
    return [id_ for id_ in ids if (_entity(id_) or ("",))[0] != mapping.LEADS]


def by_ids(reading: Reading, tasks: Tasks, stream: Stream, ids: Sequence[str]) -> Page[Any]:
    """As they are now. Ids of stage changes hold those of their records."""
    if stream is Stream.TASKS:
        return tasks.by_ids(ids)
    if stream in OBJECTS:
        return reading.by_ids(reading.of(stream.value), ids)
    if stream is not Stream.STAGE_CHANGES:
        return Page([], position="", requests=0)
    wanted = set(ids)
    records: list[Record] = []
    refused: list[RefusedRecord] = []
    requests = 0
    for entity, numbers in _entities(ids).items():
        page = reading.by_ids(reading.of(stream.value, entity), numbers)
        records += [
            move
            for move in page.records
            if move.id in wanted or history_of(entity, move.entity_id) in wanted
        ]
        refused += page.refused
        requests += page.requests
    return Page(records, position="", refused=refused, requests=requests)


def presence(hub: Hub, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
    """A batch read names those that are archived, merged into another record or deleted for good;
    what it neither shows nor names is not proven to be gone.

    A stage change is gone with its record. People and stages that are not listed, and figures of
    days that are not asked any more, are not proven to be gone either.
    """
    if stream in OBJECTS:
        return _told(hub, stream.value, ids)
    if stream is not Stream.STAGE_CHANGES:
        return dict.fromkeys(ids, Presence.HIDDEN)
    found = dict.fromkeys(ids, Presence.HIDDEN)
    for entity, numbers in _entities(ids).items():
        told = _told(hub, entity, numbers)
        gone = {(entity, number) for number in told if told[number] is Presence.DELETED}
        found |= {id_: Presence.DELETED for id_ in ids if _entity(id_) in gone}
    return found


def _told(hub: Hub, kind: str, ids: Sequence[str]) -> Mapping[str, Presence]:
    """The number of a record that was merged may be answered with the one that won."""
    found = dict.fromkeys(ids, Presence.HIDDEN)
    for batch in hub.batch_read(kind, ids, ["hs_object_id", MERGED]):
        rows = msgspec.json.decode(batch.results, type=list[Identified])
        there = {row.id for row in rows}
        merged = {id_ for row in rows for id_ in (row.properties.get(MERGED) or "").split(";")}
        found |= dict.fromkeys(found.keys() & there, Presence.PRESENT)
        found |= dict.fromkeys(found.keys() & (batch.absent | merged) - there, Presence.DELETED)
    return found


def _entities(ids: Sequence[str]) -> Mapping[str, list[str]]:
    """The records by their kind."""
    found: dict[str, list[str]] = {}
    for entity, number in filter(None, map(_entity, ids)):
        found.setdefault(entity, []).append(number)
    return found


def first_rows(hub: Hub, kind: str, properties: Sequence[str]) -> Sequence[Values]:
    """With all these properties: in an address, as of a listing, they would not fit."""
    listed = hub.api.get(hub.objects(kind), {"limit": SAMPLED}).decode(Envelope)
    ids = ids_of(listed.results)
    found = hub.batch_read(kind, ids, properties) if ids else ()
    rows = (row for one in found for row in msgspec.json.decode(one.results, type=list[Row]))
    return [row.properties for row in rows]


def _entity(id_: str) -> tuple[str, str] | None:
    """Whose move or history it is, of ids like `deals:9001:1795420800000`."""
    entity, _, rest = id_.partition(":")
    return entity_in(id_) or ((entity, rest.partition(":")[0]) if rest else None)
