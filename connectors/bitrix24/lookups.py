"""Single records again: after a webhook named them, or a listing did not show them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from connectors.bitrix24 import fields
from connectors.bitrix24.keyset import PAGE, UNREADABLE
from connectors.bitrix24.listings import TASK
from connectors.bitrix24.mapping import is_ours, to_task
from connectors.bitrix24.pipelines import pipelines
from connectors.bitrix24.reading import Reading
from connectors.bitrix24.rows import TaskRow
from connectors.bitrix24.wire import Command, Portal
from connectors.models import Record, Stream
from connectors.port import Page, Presence, RefusedRecord

MISSING = b"[]"


class TaskAnswer(Struct, frozen=True):
    task: TaskRow


def by_ids(portal: Portal, reading: Reading, stream: Stream, ids: Sequence[str]) -> Page[Record]:
    if stream is Stream.TASKS:
        return _tasks(portal, ids)
    if stream is Stream.PIPELINES:
        (page,) = pipelines(portal)
        wanted = set(ids)
        return Page([stage for stage in page.records if stage.id in wanted], position="")
    return _listed(portal, reading, stream, ids)


def presence(
    portal: Portal, reading: Reading, stream: Stream, ids: Sequence[str]
) -> Mapping[str, Presence]:
    """Rows the key's user may not read are left out of lists, so each is asked for alone.

    Streams without such a call can only be listed again: what is still missing there counts as
    hidden, since its delete is not proven. A hidden task cannot be told from a deleted one.
    """
    if stream in fields.ENTITY_TYPES:
        entity_type = fields.ENTITY_TYPES[stream]
        return _asked(
            portal, ids, "crm.item.get", lambda one: {"entityTypeId": entity_type, "id": one}
        )
    if stream is Stream.TASKS:
        return _asked(portal, ids, "tasks.task.get", lambda one: {"taskId": one, "select": ["ID"]})
    listed = {record.id for record in by_ids(portal, reading, stream, ids).records}
    return {one: Presence.PRESENT if one in listed else Presence.HIDDEN for one in ids}


def _listed(portal: Portal, reading: Reading, stream: Stream, ids: Sequence[str]) -> Page[Record]:
    commands, listing_of = [], {}
    for kind, numbers in _by_kind(stream, ids).items():
        listing = reading.of(stream, kind)
        for start in range(0, len(numbers), PAGE):
            name = f"{kind}{start}"
            some = numbers[start : start + PAGE]
            commands.append(listing.command(name, {f"@{listing.id_filter}": some}))
            listing_of[name] = listing
    records: list[Record] = []
    refused: list[RefusedRecord] = []
    requests = 0
    for batch in portal.batches(commands):
        requests += 1
        for name in batch.commands:
            found = listing_of[name].page(batch.result(name))
            records += [record for record in found.records if record is not None]
            refused += found.refused
    return Page(records, position="", refused=refused, requests=requests)


def _by_kind(stream: Stream, ids: Sequence[str]) -> Mapping[str, list[str]]:
    """Ids by the listing they are in: those of stage changes say it themselves, `deals:9001`."""
    kinds: dict[str, list[str]] = {}
    for one in ids:
        kind, _, number = one.rpartition(":")
        kinds.setdefault(kind or stream.value, []).append(number)
    return kinds


def _tasks(portal: Portal, ids: Sequence[str]) -> Page[Record]:
    """One by one, and only ours: events name the tasks of everybody.

    A task between its create and its stamp is left out as well; its stamp is an event of its own.
    """
    commands = [
        Command(f"t{one}", "tasks.task.get", {"taskId": one, "select": list(TASK)}) for one in ids
    ]
    records: list[Record] = []
    refused: list[RefusedRecord] = []
    requests = 0
    for batch in portal.batches(commands):
        requests += 1
        for name in batch.commands:
            raw = batch.result(name)
            if bytes(raw) == MISSING:
                continue
            try:
                answer = msgspec.json.decode(raw, type=TaskAnswer, strict=False)
                if is_ours(answer.task):
                    records.append(to_task(answer.task))
            except UNREADABLE as error:
                refused.append(RefusedRecord(name[1:], str(error), bytes(raw).decode()))
    return Page(records, position="", refused=refused, requests=requests)


def _asked(
    portal: Portal, ids: Sequence[str], method: str, params: Callable[[str], Mapping[str, Any]]
) -> Mapping[str, Presence]:
    commands = [Command(f"x{one}", method, params(one)) for one in ids]
    found: dict[str, Presence] = {}
    for batch in portal.batches(commands):
        for name in batch.commands:
            fault = batch.faults.get(name)
            if fault is not None and fault.code.upper() in ABSENT:
                found[name[1:]] = ABSENT[fault.code.upper()]
            elif bytes(batch.result(name)) == MISSING:
                found[name[1:]] = Presence.DELETED
            else:
                found[name[1:]] = Presence.PRESENT
    return found


ABSENT = {"NOT_FOUND": Presence.DELETED, "ACCESS_DENIED": Presence.HIDDEN}
