"""What is listed and how its rows are read: from an answer, or one by one."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from connectors.errors import BadResponse
from connectors.models import Record
from connectors.port import RefusedRecord
from connectors.salesforce.rows import Row
from connectors.salesforce.wire import literal, quoted, select

UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError)
MODIFIED = "SystemModstamp"
# A longer list of names goes in a body: an address may have 16,384 bytes.
LONGEST_NAMES = 6000
# Ids of 15 characters tell capitals apart; the other three are computed from them.
SHORT = 15


@dataclass(frozen=True)
class Listing:
    """One object and how its rows are read. `to` makes a record of a row and its custom `values`,
    raising one of UNREADABLE; None leaves it out. `about` is asked of a page of rows first, by
    the queries of `asks`. `everything` reads archived tasks too.
    """

    kind: str
    fields: Sequence[str]
    row: type[Row]
    to: Callable[[Any, Mapping[str, Any]], Record | None]
    about: Callable[[Sequence[Any]], None] = lambda _rows: None
    asks: Callable[[Sequence[Any]], Sequence[str]] = lambda _rows: ()
    conditions: Sequence[str] = ()
    has_values: bool = False
    everything: bool = False

    @property
    def by_batch(self) -> bool:
        """Whether a query brings ids alone, and the rows are read by them."""
        return sum(len(name) + 1 for name in self.fields) > LONGEST_NAMES

    def soql(self, start: datetime | None, above: str = "", *, whole: bool = False) -> str:
        """`whole`: with all fields, however long their list is."""
        names = ["Id"] if self.by_batch and not whole else self.fields
        return select(names, self.kind, [*self.conditions, *changed(start), *above_id(above)])


@dataclass(frozen=True)
class Rows:
    """Decoded rows with their custom values, and those in no shape of ours."""

    good: Sequence[tuple[Any, Mapping[str, Any]]]
    refused: Sequence[RefusedRecord]


def changed(start: datetime | None, name: str = MODIFIED) -> list[str]:
    return [] if start is None else [f"{name} >= {literal(start)}"]


def above_id(last: str, name: str = "Id") -> list[str]:
    return [f"{name} > {quoted(last)}"] if last else []


def decoded(listing: Listing, records: Raw) -> Rows:
    if not listing.has_values:
        try:
            rows = msgspec.json.decode(records, type=list[listing.row])  # type: ignore[name-defined]
            return Rows([(row, {}) for row in rows], ())
        except msgspec.MsgspecError:
            pass
    return decoded_one_by_one(listing, _each(records))


def decoded_one_by_one(listing: Listing, raws: Sequence[Raw]) -> Rows:
    """One odd row must not hold up the others of its page."""
    good: list[tuple[Any, Mapping[str, Any]]] = []
    refused: list[RefusedRecord] = []
    for raw in raws:
        try:
            row = msgspec.json.decode(raw, type=listing.row)
            values = msgspec.json.decode(raw, type=dict[str, Any]) if listing.has_values else {}
            good.append((row, values))
        except msgspec.MsgspecError as error:
            refused.append(RefusedRecord(id_of(raw), str(error), bytes(raw).decode()))
    return Rows(good, refused)


def ids_of(records: Raw) -> list[str]:
    with suppress(msgspec.MsgspecError):
        return [row.id for row in msgspec.json.decode(records, type=list[Row])]
    return [id_ for id_ in map(id_of, _each(records)) if id_ is not None]


def _each(records: Raw) -> list[Raw]:
    try:
        return msgspec.json.decode(records, type=list[Raw])
    except msgspec.MsgspecError as error:
        raise BadResponse(f"The rows of a page could not be read: {error}") from error


def id_of(raw: Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=Row).id
    except msgspec.MsgspecError:
        return None


def in_order(ids: Sequence[str], last: str, kind: str) -> str:
    """The last id. Raises BadResponse when rows come again, as from a cursor that repeats."""
    for id_ in ids:
        if id_[:SHORT] <= last[:SHORT]:
            raise BadResponse(f"The id {id_} of {kind} comes after {last}: they are not in order.")
        last = id_
    return last
