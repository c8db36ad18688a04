"""A mirror on a sandbox portal: a database with a stored connection, and runs worked on by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from connectors.bitrix24.connector import Bitrix24
from connectors.models import RECORDS, Record, Stream
from sync.rows import from_row
from sync.store import connections
from sync.store.database import Database
from sync.vault import Vault, new_key
from tests.connectors.bitrix24.kit import Hands, Sandbox
from tests.mirror import (
    ENDED,
    NOW,
    WORKER,
    Clock,
    MachineClock,
    Mirror,
    active_runs,
    new_database,
)

__all__ = [
    "ENDED",
    "NOW",
    "WORKER",
    "Clock",
    "MachineClock",
    "Mirrored",
    "active_runs",
    "new_database",
    "plain",
    "store_connection",
]

# The portal tells its fields by their upperName; so they are mapped to themselves here.
CUSTOM = {name: name for name in ("UF_CRM_1747309879", "UF_CRM_1747309912")}
QUALIFIED = "PROCESSED"


def store_connection(
    database: Database, portal: Sandbox, name: str = "portal", key: str | None = None
) -> int:
    """The connection to this portal, as `retro connect` would leave it, sealed under `key`; its
    id."""
    with database.writing() as session:
        row = connections.save_connection(
            session,
            Vault([key or new_key()]),
            kind="bitrix24",
            name=name,
            config=portal.connector(fields=CUSTOM, qualified_stages=[QUALIFIED]).config,
            account="sandbox",
            sandbox=True,
            at=NOW,
        )
        assert row.id is not None
        return row.id


@dataclass
class Mirrored(Mirror):
    """A worker with a portal, a database, and machine time of its own."""

    database: Database
    portal: Sandbox
    connection_id: int
    clock: Clock = field(default_factory=Clock)

    def connector(self, transport: httpx.BaseTransport | None = None) -> Bitrix24:
        plain = self.portal.connector(fields=CUSTOM, qualified_stages=[QUALIFIED])
        if transport is None:
            return plain
        made = Bitrix24(plain.config, Hands().wire(transport))
        self.portal.made.append(made)
        return made

    def records(self, stream: Stream) -> dict[str, dict[str, Any]]:
        """What the mirror holds as alive, in the words of the portal's truth."""
        return {
            id_: plain(from_row(RECORDS[stream], row)) | closing(stream, row)
            for id_, row in self.rows(stream).items()
            if row.deleted_at is None
        }

    def truth(self, stream: Stream) -> dict[str, dict[str, Any]]:
        """What a right connector must hold, by id."""
        query = {
            Stream.LEADS: f"?qualified={QUALIFIED}&custom=all",
            Stream.DEALS: "?custom=all",
            Stream.CONTACTS: "?custom=all",
            Stream.TASKS: "?key=UF_RETRO_KEY",
        }.get(stream, "")
        found = (normal(stream, one) for one in self.portal.records(stream, query))
        return {one["id"]: one for one in found if one.get("entity") != "contacts"}


def closing(stream: Stream, row: Any) -> Mapping[str, Any]:
    """Stage history says when a deal ended, once it is known."""
    if stream is not Stream.DEALS or row.closed_at is None or row.final_at is None:
        return {}
    return {"closed_at": msgspec.to_builtins(row.final_at)}


def plain(record: Record) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(record)
    if values.get("amount") is not None:
        values["amount"] = f"{Decimal(values['amount']):.2f}"
    return values


def normal(stream: Stream, record: Mapping[str, Any]) -> dict[str, Any]:
    """The sandbox tells more than our records hold: deletes, the moment of what has not happened
    yet, and our own user field as a custom field of tasks."""
    found = {k: v for k, v in record.items() if k != "deleted_at"}
    if stream is Stream.ACTIVITIES and record["kind"] == "other" and not record["completed"]:
        found["at"] = None
    if stream is Stream.TASKS:
        found["extra"] = {}
    return found
