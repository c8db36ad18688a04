"""Deletes that wait for a person: too many at once to be believed, listed until settled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, update
from sqlmodel import Session, col, select

from connectors.models import Stream
from sync.store import mirror
from sync.store.ids import listed
from sync.store.mirror import Feed
from sync.tables.runs import HeldDelete


@dataclass(frozen=True)
class HeldSet:
    """The records of one stream that a person is asked about; `id` is the run that found them."""

    id: int
    connection_id: int
    stream: str
    records: Sequence[str]
    seen_at: datetime


def kept(session: Session, feed: Feed, ids: Sequence[str]) -> set[str]:
    """Which of these a person said to keep, though the tool has deleted them."""
    return set(
        session.exec(
            select(HeldDelete.record_id).where(
                _of(feed),
                col(HeldDelete.kept).is_(True),
                col(HeldDelete.record_id).in_(listed(session, ids)),
            )
        ).all()
    )


def hold_back(
    session: Session, feed: Feed, ids: Collection[str], *, run_id: int, at: datetime
) -> None:
    """Ask about these, instead of what was asked before; none ends the question."""
    session.connection().execute(
        delete(HeldDelete).where(_of(feed), col(HeldDelete.kept).is_(False))
    )
    session.add_all(
        HeldDelete(
            connection_id=feed.connection_id,
            stream=feed.stream.value,
            record_id=id_,
            run_id=run_id,
            seen_at=at,
        )
        for id_ in ids
    )
    session.flush()


def forget_alive(session: Session, feed: Feed, ids: Sequence[str]) -> None:
    """The tool has shown these again: there is nothing to decide, nor was there."""
    if session.exec(select(HeldDelete.record_id).where(_of(feed)).limit(1)).first() is not None:
        session.connection().execute(
            delete(HeldDelete).where(_of(feed), col(HeldDelete.record_id).in_(listed(session, ids)))
        )


def held_sets(session: Session) -> Sequence[HeldSet]:
    rows = session.exec(
        select(HeldDelete)
        .where(col(HeldDelete.kept).is_(False))
        .order_by(col(HeldDelete.run_id), col(HeldDelete.record_id))
    ).all()
    runs = {row.run_id: row for row in rows}
    return [
        HeldSet(
            id=run_id,
            connection_id=one.connection_id,
            stream=one.stream,
            records=[row.record_id for row in rows if row.run_id == run_id],
            seen_at=one.seen_at,
        )
        for run_id, one in runs.items()
    ]


def accept(session: Session, set_id: int, at: datetime) -> int | None:
    """Delete the records of a set here too; how many, None when there is no such set.

    What the tool shows again meanwhile is asked about no more, so it is the question that is
    taken first, by whoever comes first.
    """
    taken = session.connection().execute(
        delete(HeldDelete)
        .where(_asked(set_id))
        .returning(col(HeldDelete.connection_id), col(HeldDelete.stream), col(HeldDelete.record_id))
    )
    asked = taken.all()
    if not asked:
        return None
    feed = Feed(asked[0].connection_id, Stream(asked[0].stream))
    return mirror.mark_deleted(session, feed, [row.record_id for row in asked], at)


def keep(session: Session, set_id: int) -> int | None:
    """Keep the records of a set here, and do not ask about them again; how many, None when there
    is no such set."""
    kept = session.connection().execute(update(HeldDelete).where(_asked(set_id)).values(kept=True))
    return kept.rowcount or None


def _asked(set_id: int) -> ColumnElement[bool]:
    return and_(col(HeldDelete.run_id) == set_id, col(HeldDelete.kept).is_(False))


def _of(feed: Feed) -> ColumnElement[bool]:
    return and_(
        col(HeldDelete.connection_id) == feed.connection_id,
        col(HeldDelete.stream) == feed.stream.value,
    )
