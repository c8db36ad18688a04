"""retro records."""

import csv
import sys
from typing import Any

import click
import msgspec

from connectors.models import RECORDS, Stream
from sync.rows import columns, from_row
from sync.store import connections, mirror
from workers.cli.context import opened


@click.command("records")
@click.argument("stream", type=click.Choice([each.value for each in Stream]))
@click.option("--connection", "name", help="Only of this connection.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl")
@click.option("--limit", type=click.IntRange(min=1))
def records_command(stream: str, name: str | None, form: str, limit: int | None) -> None:
    """The mirror of a stream, one canonical record a line."""
    kind = Stream(stream)
    with opened() as app, app.database.reading() as session:
        names = {row.id: row.name for row in connections.all_connections(session)}
        chosen = connections.connection_named(session, name).id if name else None
        writer, heads = csv.writer(sys.stdout), _heads(kind)
        if form == "csv":
            writer.writerow(heads)
        for row in mirror.iterate_rows(session, kind, chosen, limit):
            record = to_document(kind, row, names[row.connection_id])
            if form == "csv":
                flat = {**record, **{f"utm_{k}": v for k, v in record.get("utm", {}).items()}}
                cells = [
                    flat[each] for each in ("connection", *columns(RECORDS[kind]), "deleted_at")
                ]
                writer.writerow(_cell(value) for value in cells)
            else:
                sys.stdout.write(msgspec.json.encode(record).decode() + "\n")


def to_document(stream: Stream, row: Any, connection: str) -> dict[str, Any]:
    """A mirror row as the document that programs are promised."""
    record: dict[str, Any] = msgspec.to_builtins(from_row(RECORDS[stream], row))
    if stream is Stream.DEALS and row.final_at is not None and record["closed_at"] is not None:
        record["closed_at"] = msgspec.to_builtins(row.final_at)
    return {"connection": connection, **record, "deleted_at": msgspec.to_builtins(row.deleted_at)}


def _heads(stream: Stream) -> tuple[str, ...]:
    return ("connection", *columns(RECORDS[stream]), "deleted_at")


def _cell(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value
