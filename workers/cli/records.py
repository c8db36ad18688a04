"""retro records."""

import csv
import sys
from collections.abc import Iterable
from typing import Any

import click
import msgspec

from connectors.models import RECORDS, Stream
from sync.rows import columns, from_row
from sync.store import connections, mirror
from workers.cli.context import NUMBER, json_option, opened
from workers.cli.output import Output


@click.command("records")
@click.argument("stream", type=click.Choice([each.value for each in Stream]))
@click.option("--connection", "name", help="Only of this connection.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="A JSON document a line, or a table with a header.",
)
@click.option("--limit", type=NUMBER, help="At most so many; all by default.")
@json_option
def records_command(
    stream: str, name: str | None, form: str, limit: int | None, as_json: bool
) -> None:
    """The mirror of a stream, one canonical record a line."""
    kind = Stream(stream)
    output = Output(as_json)
    with opened() as app, app.database.reading() as session:
        names = {row.id: row.name for row in connections.all_connections(session)}
        chosen = connections.connection_named(session, name).id if name else None
        records = (
            to_document(kind, row, names[row.connection_id])
            for row in mirror.iterate_rows(session, kind, chosen, limit)
        )
        if as_json:
            output.document(list(records))
        elif form == "csv":
            _write_csv(kind, records)
        else:
            for record in records:
                output.line(record)


def _write_csv(kind: Stream, records: Iterable[dict[str, Any]]) -> None:
    writer, heads = csv.writer(sys.stdout), _heads(kind)
    writer.writerow(heads)
    for record in records:
        flat = {**record, **{f"utm_{k}": v for k, v in record.get("utm", {}).items()}}
        writer.writerow(_cell(flat[head]) for head in heads)


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
