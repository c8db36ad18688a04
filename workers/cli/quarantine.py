"""retro quarantine."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import click
from sqlmodel import Session

from sync.store import connections, cursors, deletes
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.quarantine import ACCEPT, DROP, settle_deletes, settle_record


@click.command("quarantine")
@click.argument("action", required=False, type=click.Choice([ACCEPT, DROP]))
@click.argument("which", required=False, metavar="[ID]")
@json_option
def quarantine_command(action: str | None, which: str | None, as_json: bool) -> Status:
    """What waits for a person: records that could not be taken, and deletes that were too many.

    The deletes of a stream have one id, such as d12. `accept` deletes them here too; `drop` keeps
    them here, and they are not asked about again. A record that was set aside is read again by
    `accept`, once it was corrected in the tool; `drop` forgets it, until a pull meets it again.
    """
    output = Output(as_json)
    if (action is None) != (which is None):
        raise click.UsageError("give nothing, or accept or drop with an id")
    with opened() as app:
        if action is not None and which is not None:
            settle = settle_deletes if which.startswith("d") else settle_record
            settle(app, action, _number(which))
        with app.database.reading() as session:
            names = {row.id: row.name for row in connections.all_connections(session)}
            shown = [*_deletes(session, names), *_records(session, names)]
    if as_json:
        output.document(shown)
    else:
        columns = ("id", "connection", "stream", "record", "reason")
        output.table("", columns, _told_once(shown))
    return Status.WAITS_FOR_A_PERSON if shown else Status.DONE


def _told_once(shown: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A file that feeds several streams is set aside in each, for one reason."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in shown:
        found.setdefault((row["connection"], row["record"], row["reason"]), []).append(row)
    return [
        [
            ", ".join(str(row["id"]) for row in rows),
            connection,
            ", ".join(row["stream"] for row in rows),
            *_place_and_reason(record, reason),
        ]
        for (connection, record, reason), rows in found.items()
    ]


def _place_and_reason(record: str, reason: str) -> tuple[str, str]:
    """What has no id is kept under its whole reason, which begins with its place."""
    place, colon, rest = reason.partition(": ")
    return (place, rest) if colon and record == reason else (record, reason)


def _number(which: str) -> int:
    found = re.fullmatch(r"d?([0-9]{1,18})", which)
    if found is None:
        raise click.UsageError(f"{which!r} is no id; retro quarantine shows them")
    return int(found[1])


def _deletes(session: Session, names: dict[int | None, str]) -> Iterator[dict[str, Any]]:
    for each in deletes.held_sets(session):
        yield {
            "id": f"d{each.id}",
            "kind": "deletes",
            "connection": names[each.connection_id],
            "stream": each.stream,
            "record": f"{len(each.records)} records",
            "records": each.records,
            "reason": "deleted in the tool, too many at once to be believed",
            "raw": None,
            "seen_at": each.seen_at,
        }


def _records(session: Session, names: dict[int | None, str]) -> Iterator[dict[str, Any]]:
    for row in cursors.all_set_aside(session):
        yield {
            "id": row.id,
            "kind": "record",
            "connection": names[row.connection_id],
            "stream": row.stream,
            "record": row.record_id,
            "records": [row.record_id],
            "reason": row.reason,
            "raw": row.raw,
            "seen_at": row.seen_at,
        }
