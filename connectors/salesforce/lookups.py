"""What became of records that a listing did not show."""

from collections.abc import Mapping, Sequence

from connectors.models import Stream, entity_in
from connectors.port import Presence
from connectors.salesforce.mapping import DEAL, HISTORY, LEAD, TASK
from connectors.salesforce.rows import BinRow
from connectors.salesforce.wire import IDS_A_QUERY, Org, among, batches, select

# Rows that fields are shown with, and how many fields one query asks for.
SAMPLED, FIELDS_A_QUERY = 10, 100
OBJECTS = {
    Stream.LEADS: LEAD,
    Stream.DEALS: DEAL,
    Stream.TASKS: TASK,
    Stream.STAGE_CHANGES: HISTORY,
}


def presence(org: Org, stream: Stream, ids: Sequence[str]) -> Mapping[str, Presence]:
    """The Recycle Bin holds what was deleted or merged within 15 days; what was purged or hard
    deleted is nowhere. Users cannot be deleted, and stages and figures are not proven to be gone.
    """
    if stream not in OBJECTS:
        return dict.fromkeys(ids, Presence.HIDDEN)
    owners = {id_: owner[1] for id_ in ids if (owner := entity_in(id_)) is not None}
    found = _asked(org, stream, [id_ for id_ in ids if id_ not in owners])
    if owners:
        deals = _asked(org, Stream.DEALS, list(owners.values()))
        gone = {id_ for id_, deal in owners.items() if deals[deal] is Presence.DELETED}
        found |= {id_: Presence.DELETED if id_ in gone else Presence.HIDDEN for id_ in owners}
    return found


def _asked(org: Org, stream: Stream, ids: Sequence[str]) -> dict[str, Presence]:
    alive: set[str] = set()
    for some in batches(ids, IDS_A_QUERY):
        asked = select(("Id", "IsDeleted"), OBJECTS[stream], [among("Id", some)])
        rows = org.all(asked, BinRow, everything=True)
        alive |= {row.id for row in rows if not row.is_deleted}
    # A row of history that is there and was no move is none of ours.
    there = Presence.HIDDEN if stream is Stream.STAGE_CHANGES else Presence.PRESENT
    return {id_: there if id_ in alive else Presence.DELETED for id_ in ids}


def first_rows(org: Org, kind: str, fields: Sequence[str]) -> Sequence[Mapping[str, object]]:
    """Some rows of each hundred fields: the names of all would not fit into one address."""
    rows: list[Mapping[str, object]] = []
    for some in batches(fields, FIELDS_A_QUERY):
        rows += org.all(f"{select(some, kind)} LIMIT {SAMPLED}", dict[str, object])
    return rows
