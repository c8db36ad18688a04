"""Where each stream's reading goes on, and what was set aside on the way."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, func, update
from sqlmodel import Session, col, select

from connectors.port import Partition, RefusedRecord
from sync.store.ids import listed
from sync.store.mirror import Feed
from sync.tables.connections import WHOLE_STREAM, Cursor
from sync.tables.runs import Run, RunSeen, SetAside

# Built once, as those of runs: every page moves its share.
_SHARES = and_(
    col(Cursor.connection_id) == bindparam("of_connection"),
    col(Cursor.stream) == bindparam("of_stream"),
    col(Cursor.partition) != WHOLE_STREAM,
)
_SHARE = and_(_SHARES, col(Cursor.partition) == bindparam("share"))
_ANY = select(Cursor).where(_SHARES).limit(1)
_OPEN = (
    select(Cursor).where(_SHARES, col(Cursor.finished).is_(False)).order_by(col(Cursor.partition))
)
_POSITION = select(Cursor.position).where(_SHARE)
_MOVE = update(Cursor).where(_SHARE)
_FORGET = delete(Cursor).where(_SHARES)
_SEEN_OF = select(
    select(func.min(RunSeen.run_id)).scalar_subquery(),
    select(func.max(RunSeen.run_id)).scalar_subquery(),
)
_FORGET_SEEN = delete(RunSeen).where(col(RunSeen.run_id) == bindparam("run"))


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
    rows = session.exec(_OPEN, params=_of(feed)).all()
    return [Partition(row.partition, row.position, row.until) for row in rows]


def has_partitions(session: Session, feed: Feed) -> bool:
    return session.exec(_ANY, params=_of(feed)).first() is not None


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
    return session.exec(_POSITION, params={**_of(feed), "share": partition}).one()


def save_position(
    session: Session, feed: Feed, partition: str, *, position: str | None, finished: bool = False
) -> None:
    """Part of the page's own transaction (G1)."""
    values: dict[str, str | bool] = {"finished": finished}
    if position is not None:
        values["position"] = position
    session.connection().execute(_MOVE, {**_of(feed), "share": partition, **values})


def read_everything_again(session: Session, connection_id: int) -> None:
    """Forget how far the streams of a connection were read, and what the pulls that were cancelled
    for it had seen: the next pulls are full."""
    session.connection().execute(delete(Cursor).where(col(Cursor.connection_id) == connection_id))
    pulls = select(Run.id).where(Run.connection_id == connection_id)
    session.connection().execute(delete(RunSeen).where(col(RunSeen.run_id).in_(pulls)))


def forget_pull(session: Session, feed: Feed, run_id: int) -> None:
    """The pull is over: its shares and its enumeration have served."""
    session.connection().execute(_FORGET, _of(feed))
    only_one = (run_id, run_id)
    if session.connection().dialect.name == "sqlite" and _seen_of(session) == only_one:
        # Nobody else writes meanwhile. Row by row it took a tenth of a pull.
        session.connection().execute(delete(RunSeen))
    else:
        session.connection().execute(_FORGET_SEEN, {"run": run_id})


def _seen_of(session: Session) -> tuple[int | None, int | None]:
    """The first and the last run that remember what they saw."""
    first, last = session.connection().execute(_SEEN_OF).one()
    return first, last


def _of(feed: Feed) -> dict[str, Any]:
    return {"of_connection": feed.connection_id, "of_stream": feed.stream.value}


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
