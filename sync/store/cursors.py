"""Where each stream's reading goes on, and what was set aside on the way."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, func, update
from sqlmodel import Session, col, select

from connectors.port import Partition, RefusedRecord
from sync.store.ids import listed
from sync.store.mirror import Feed
from sync.tables.connections import WHOLE_STREAM, Cursor
from sync.tables.runs import Run, RunSeen, SetAside


def watermark(session: Session, feed: Feed) -> datetime | None:
    """From where the next incremental window starts; None before the first complete pull."""
    cursor = session.get(Cursor, (feed.connection_id, feed.stream.value, WHOLE_STREAM))
    return cursor.watermark if cursor else None


def save_watermark(session: Session, feed: Feed, moment: datetime) -> None:
    session.merge(
        Cursor(
            connection_id=feed.connection_id,
            stream=feed.stream.value,
            partition=WHOLE_STREAM,
            finished=True,
            watermark=moment,
        )
    )


def open_partitions(session: Session, feed: Feed) -> Sequence[Partition]:
    """The shares of the pull under way, to be read on from where they stand."""
    rows = session.exec(
        select(Cursor)
        .where(_shares(feed), col(Cursor.finished).is_(False))
        .order_by(col(Cursor.partition))
    ).all()
    return [Partition(row.partition, row.position, row.until) for row in rows]


def has_partitions(session: Session, feed: Feed) -> bool:
    return session.exec(select(Cursor).where(_shares(feed)).limit(1)).first() is not None


def plan_partitions(session: Session, feed: Feed, partitions: Sequence[Partition]) -> None:
    for share in partitions:
        session.add(
            Cursor(
                connection_id=feed.connection_id,
                stream=feed.stream.value,
                partition=share.name,
                position=share.after,
                until=share.until,
            )
        )


def position(session: Session, feed: Feed, partition: str) -> str:
    return session.exec(
        select(Cursor.position).where(_shares(feed), col(Cursor.partition) == partition)
    ).one()


def save_position(
    session: Session, feed: Feed, partition: str, *, position: str | None, finished: bool = False
) -> None:
    """Part of the page's own transaction (G1)."""
    values: dict[str, str | bool] = {"finished": finished}
    if position is not None:
        values["position"] = position
    session.connection().execute(
        update(Cursor).where(_shares(feed), col(Cursor.partition) == partition).values(**values)
    )


def read_everything_again(session: Session, connection_id: int) -> None:
    """Forget how far the streams of a connection were read, and what the pulls that were cancelled
    for it had seen: the next pulls are full."""
    session.connection().execute(delete(Cursor).where(col(Cursor.connection_id) == connection_id))
    pulls = select(Run.id).where(Run.connection_id == connection_id)
    session.connection().execute(delete(RunSeen).where(col(RunSeen.run_id).in_(pulls)))


def forget_pull(session: Session, feed: Feed, run_id: int) -> None:
    """The pull is over: its shares and its enumeration have served."""
    session.connection().execute(delete(Cursor).where(_shares(feed)))
    session.connection().execute(delete(RunSeen).where(col(RunSeen.run_id) == run_id))


def _shares(feed: Feed) -> ColumnElement[bool]:
    return and_(
        col(Cursor.connection_id) == feed.connection_id,
        col(Cursor.stream) == feed.stream.value,
        col(Cursor.partition) != WHOLE_STREAM,
    )


def set_aside(
    session: Session, feed: Feed, refused: Sequence[RefusedRecord], *, run_id: int, at: datetime
) -> None:
    """Keep each refused record with its reason; one that is refused again is kept once."""
    for record in refused:
        record_id = record.id or record.reason
        known = session.exec(
            select(SetAside).where(_aside(feed), SetAside.record_id == record_id)
        ).first()
        row = known or SetAside(
            connection_id=feed.connection_id,
            stream=feed.stream.value,
            record_id=record_id,
            run_id=run_id,
            reason=record.reason,
            raw=record.raw,
            seen_at=at,
        )
        row.run_id, row.reason, row.raw, row.seen_at = run_id, record.reason, record.raw, at
        session.add(row)


def clear_set_aside(session: Session, feed: Feed, ids: Sequence[str]) -> None:
    """Records that came through after all."""
    session.connection().execute(
        delete(SetAside).where(_aside(feed), col(SetAside.record_id).in_(listed(session, ids)))
    )


def count_set_aside(session: Session, feed: Feed, run_id: int) -> int:
    """Records that this run set aside."""
    return session.exec(
        select(func.count())
        .select_from(SetAside)
        .where(_aside(feed), col(SetAside.run_id) == run_id)
    ).one()


def count_lacking(session: Session, feed: Feed, run_id: int) -> int:
    """Records that this full pull saw and set aside, and of which the mirror holds nothing."""
    table = feed.table
    held = exists().where(
        table.c.connection_id == feed.connection_id,
        table.c.id == SetAside.record_id,
        table.c.deleted_at.is_(None),
    )
    return session.exec(
        select(func.count())
        .select_from(SetAside)
        .join(RunSeen, col(RunSeen.record_id) == col(SetAside.record_id))
        .where(_aside(feed), SetAside.run_id == run_id, RunSeen.run_id == run_id, ~held)
    ).one()


def drop_not_seen_again(session: Session, feed: Feed, run_id: int) -> None:
    """After a complete full pull: what it did not refuse is mended or gone."""
    session.connection().execute(
        delete(SetAside).where(_aside(feed), col(SetAside.run_id) != run_id)
    )


def _aside(feed: Feed) -> ColumnElement[bool]:
    return and_(
        col(SetAside.connection_id) == feed.connection_id,
        col(SetAside.stream) == feed.stream.value,
    )


def set_aside_with(session: Session, number: int) -> SetAside | None:
    return session.get(SetAside, number)


def drop_set_aside(session: Session, number: int) -> bool:
    """False when there is none of this number."""
    dropped = session.connection().execute(delete(SetAside).where(col(SetAside.id) == number))
    return dropped.rowcount == 1


def all_set_aside(session: Session) -> Sequence[SetAside]:
    return session.exec(select(SetAside).order_by(col(SetAside.id))).all()
