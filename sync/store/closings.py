"""When deals ended, by their stage history: the tool's own date moves on with later moves."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlmodel import Session

from connectors.models import Deal, Record, StageChange, StageKind, Stream
from sync.store.ids import listed
from sync.store.mirror import Feed
from sync.tables.columns import table_of
from sync.tables.mirror import DealRow, StageChangeRow

DEAL, MOVE = table_of(DealRow), table_of(StageChangeRow)


def correct_closings(session: Session, feed: Feed, records: Sequence[Record]) -> None:
    """After a page of deals or of their moves: set when each ended one ended, from what is held.

    Deals and moves arrive in either order, so both bring the correction.
    """
    ids = {
        record.id if isinstance(record, Deal) else record.entity_id
        for record in records
        if (isinstance(record, Deal) and record.stage_kind is not StageKind.OPEN)
        or (isinstance(record, StageChange) and record.closing and record.entity == Stream.DEALS)
    }
    if not ids:
        return
    last = (
        select(func.max(MOVE.c.at))
        .where(
            MOVE.c.connection_id == feed.connection_id,
            MOVE.c.entity == Stream.DEALS.value,
            MOVE.c.entity_id == DEAL.c.id,
            MOVE.c.closing.is_(True),
        )
        .scalar_subquery()
    )
    session.connection().execute(
        update(DEAL)
        .where(
            DEAL.c.connection_id == feed.connection_id,
            DEAL.c.id.in_(listed(session, sorted(ids))),
            DEAL.c.final_at.is_distinct_from(last),
        )
        .values(final_at=last)
    )
