"""Between canonical records and mirror rows: values by column, content hash, what differs."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from connectors.models import Record, Utm

R = TypeVar("R", bound=Record)

UTM = tuple(Utm.__struct_fields__)
# Not a change of the record itself: the tool bumps it for many reasons.
NOT_COMPARED = frozenset({"updated_at"})


@cache
def columns(record: type[Record]) -> tuple[str, ...]:
    """Column names of a record's row, `utm` spread out."""
    names: list[str] = []
    for name in record.__struct_fields__:
        names.extend(f"utm_{part}" for part in UTM) if name == "utm" else names.append(name)
    return tuple(names)


@cache
def _getter(record: type[Record]) -> Callable[[Record], tuple[Any, ...]]:
    paths: list[str] = []
    for field in msgspec.structs.fields(record):
        if field.name == "utm":
            paths.extend(f"utm.{part}" for part in UTM)
        elif isinstance(field.type, type) and issubclass(field.type, StrEnum):
            # Plain text: a driver takes a long way round for every word of an enumeration.
            paths.append(f"{field.name}._value_")
        else:
            paths.append(field.name)
    return attrgetter(*paths)


def values(record: Record) -> tuple[Any, ...]:
    """The row's values in the order of `columns`."""
    return _getter(type(record))(record)


def from_row(record: type[R], row: Any) -> R:
    """The record of a mirror row, given by column name."""
    fields = {name: getattr(row, name) for name in record.__struct_fields__ if name != "utm"}
    if "utm" in record.__struct_fields__:
        fields["utm"] = Utm(**{part: getattr(row, f"utm_{part}") for part in UTM})
    return msgspec.convert(fields, record)


def content_hash(record: Record) -> bytes:
    """Covers every field but `updated_at`, which a tool moves on for what we do not hold: a record
    that is the same without it has not changed (G2)."""
    said = msgspec.structs.replace(record, updated_at=None)
    return blake2b(msgspec.json.encode(said), digest_size=16).digest()


def differences(
    names: Sequence[str], old: Sequence[Any], new: Sequence[Any]
) -> list[tuple[str, str | None, str | None]]:
    """(column, old, new) of each column whose value differs, as JSON texts."""
    return [
        (name, _text(before), _text(after))
        for name, before, after in zip(names, old, new, strict=True)
        if before != after and name not in NOT_COMPARED
    ]


def _text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
