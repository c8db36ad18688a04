"""When deals ended, by their stage history: the tool's own date moves on with later moves."""

from collections.abc import Sequence

from sqlalchemy import exists, func, select, update
from sqlmodel import Session

from connectors.models import Deal, Record, StageChange, StageKind, Stream
from sync.store.database import one_at_a_time
from sync.store.ids import listed
from sync.store.mirror import Feed
from sync.tables.columns import table_of
from sync.tables.mirror import DealRow, StageChangeRow

DEAL, MOVE = table_of(DealRow), table_of(StageChangeRow)


def meet_in_turn(session: Session, feed: Feed) -> None:
    """Before a page of deals or of moves is saved: of two that commit at once neither would see
    what the other brings."""
    if feed.stream in (Stream.DEALS, Stream.STAGE_CHANGES):
        one_at_a_time(session, f"closings of {feed.connection_id}")


def correct_closings(session: Session, feed: Feed, records: Sequence[Record]) -> None:
    """After a page of deals or of their moves: set when each ended one ended, by the moves held.

    That is its first closing move after the last move into an open stage: later ones lead from
    one final stage to another. `records` are those that the page brought or changed. Deals and
    moves arrive in either order and shares side by side, so every one of them brings the
    correction.
    """
    ids = {
        record.id if isinstance(record, Deal) else record.entity_id
        for record in records
        if (isinstance(record, Deal) and record.stage_kind is not StageKind.OPEN)
        or (isinstance(record, StageChange) and record.entity == Stream.DEALS)
    }
    if not ids or not _any_moves(session, feed):
        return
    later = MOVE.alias("later")
    reopened = exists().where(
        later.c.connection_id == feed.connection_id,
        later.c.entity == Stream.DEALS.value,
        later.c.entity_id == MOVE.c.entity_id,
        later.c.stage_kind == StageKind.OPEN.value,
        later.c.at > MOVE.c.at,
    )
    ended = (
        select(func.min(MOVE.c.at))
        .where(
            MOVE.c.connection_id == feed.connection_id,
            MOVE.c.entity == Stream.DEALS.value,
            MOVE.c.entity_id == DEAL.c.id,
            MOVE.c.closing.is_(True),
            ~reopened,
        )
        .scalar_subquery()
    )
    session.connection().execute(
        update(DEAL)
        .where(
            DEAL.c.connection_id == feed.connection_id,
            DEAL.c.id.in_(listed(session, sorted(ids))),
            DEAL.c.stage_kind != StageKind.OPEN.value,
            DEAL.c.final_at.is_distinct_from(ended),
        )
        .values(final_at=ended)
    )


def _any_moves(session: Session, feed: Feed) -> bool:
    """A first pull of deals comes before their moves: then there is nothing to look up for each."""
    held = select(MOVE.c.id).where(
        MOVE.c.connection_id == feed.connection_id, MOVE.c.entity == Stream.DEALS.value
    )
    return session.execute(held.limit(1)).first() is not None
