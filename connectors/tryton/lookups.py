"""Small lists, and single records again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from connectors.models import Account, Record, Stage, StageChange, Stream, entity_in, history_of
from connectors.port import Page, Presence
from connectors.tryton import mapping
from connectors.tryton.reading import (
    CHANGES,
    CONTACTS,
    DATES,
    DEALS,
    LEADS,
    WORKS,
    Listing,
    ids_in_order,
    page,
)
from connectors.tryton.rows import EmployeeRow, UserRow
from connectors.tryton.wire import Server

LISTINGS: Mapping[Stream, Listing[Any, Any]] = {
    Stream.CONTACTS: CONTACTS,
    Stream.LEADS: LEADS,
    Stream.DEALS: DEALS,
    Stream.STAGE_CHANGES: CHANGES,
    Stream.TASKS: WORKS,
}


class State(Struct, frozen=True):
    selection: list[tuple[str, str]]


class Described(Struct, frozen=True):
    state: State


def people(server: Server) -> Iterator[Page[Account]]:
    """All employees, those who left too: they own old records. Users tell the e-mail addresses
    that the parties of employees lack."""
    fields = ("party.rec_name", "party.email", "end_date", *DATES)
    found = server.search("company.employee", (), fields)
    rows = found.rows(EmployeeRow)
    users = server.search("res.user", [["employees", "!=", None]], ("email", "employees"))
    emails = {one: row.email for row in users.rows(UserRow) for one in row.employees}
    records = [mapping.to_account(row, emails.get(row.id), found.now) for row in rows]
    yield Page(records, position="", remote_now=found.now, requests=2)


def pipelines(server: Server) -> Iterator[Page[Stage]]:
    """The states of an opportunity, as a lead and as a deal, by their names in Tryton."""
    answer = server.call("sale.opportunity", "fields_get", {"fields_names": ["state"]})
    names = dict(answer.decode(Described).state.selection)
    yield Page(mapping.stages(names), position="", requests=1)


def by_ids(server: Server, stream: Stream, ids: Sequence[str]) -> Page[Record]:
    """A task is ours by its id here: whoever asks has it from us."""
    if stream in LISTINGS:
        listing = LISTINGS[stream]
        numbers = sorted({_number(one) for one in ids})
        wanted = [["id", "in", numbers], *listing.condition]
        found = server.search(listing.model, wanted, listing.shown)
        whole = page(server, listing, found, ids_in_order(found, 0))
    else:
        (whole,) = people(server) if stream is Stream.PEOPLE else pipelines(server)
    asked = set(ids)
    records = [one for one in whole.records if one.id in asked or _history(one) in asked]
    return Page(records, position="", refused=whole.refused, requests=whole.requests)


def presence(server: Server, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
    """A record that rules hide is left out like one that was deleted. Of an opportunity that is
    there and cannot be read it is not known which changes it has."""
    found = by_ids(server, stream, ids)
    odd = {one.id for one in found.refused}
    there = {record.id for record in found.records} | {_history(one) for one in found.records}
    told = dict.fromkeys(ids, Presence.DELETED)
    told |= {one: Presence.PRESENT for one in ids if one in there | odd}
    if stream is Stream.STAGE_CHANGES:
        told |= {one: Presence.HIDDEN for one in ids if CHANGES.aside(_number(one)) in odd}
    return told


def _history(record: Record) -> str | None:
    """An opportunity is a lead first: its whole history is set aside as that of the lead."""
    if not isinstance(record, StageChange):
        return None
    return history_of(mapping.LEADS, record.entity_id)


def _number(remote_id: str) -> int:
    """A stage change is found by its opportunity: `deals:7:31` is the 31st line of the log."""
    owner = entity_in(remote_id)
    parts = remote_id.split(":")
    return int(owner[1] if owner else parts[1] if len(parts) > 1 else parts[0])
