"""A task as the tool holds it: kept before a write of ours, compared before one is taken back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.capabilities import ConfirmsPresence, ReadsById
from connectors.models import Stream
from connectors.port import Connector, Presence

# What an update of ours writes, and what people change besides.
WRITTEN = ("title", "description", "owner", "due_at")
COMPARED = (*WRITTEN, "status")


def written(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a write's payload that the record then shows: an update may be of some fields
    (`only`)."""
    only = payload.get("only", WRITTEN)
    return {name: payload[name] for name in WRITTEN if name in payload and name in only}


def read(connector: Connector[Any], remote_id: str) -> dict[str, Any] | None:
    """The record's fields; None when the tool cannot show it, or not as one of ours."""
    return read_all(connector, [remote_id]).get(remote_id)


def read_all(connector: Connector[Any], ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Several in as few calls as one, without those that the tool cannot show."""
    if not ids or not isinstance(connector, ReadsById):
        return {}
    found = connector.by_ids(Stream.TASKS, ids).records
    return {record.id: msgspec.to_builtins(record) for record in found}


def is_gone(connector: Connector[Any], remote_id: str) -> bool:
    """Whether the tool says that it does not have it: one it does not show may only be hidden."""
    if not isinstance(connector, ConfirmsPresence):
        return False
    return connector.presence(Stream.TASKS, [remote_id])[remote_id] is Presence.DELETED


def changed(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The fields in which a record is not as it was left."""
    return [
        name
        for name in COMPARED
        if name in expected and _plain(name, expected[name]) != _plain(name, found.get(name))
    ]


def _plain(name: str, value: Any) -> Any:
    """Tools keep whole seconds, and do not tell an empty text from none."""
    if name != "due_at" or value is None:
        return str(value or "").strip()
    moment = msgspec.convert(value, datetime, strict=False)
    return moment.astimezone(UTC).replace(microsecond=0)
