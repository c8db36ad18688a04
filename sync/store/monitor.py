"""What a monitoring system is told: counts and moments, each in one query."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from sync.tables.connections import Connection, ConnectionState, Schedule
from sync.tables.outbox import Outbox, OutboxState
from sync.tables.runs import HookEvent, Run, RunStatus, SetAside


@dataclass(frozen=True)
class Monitored:
    """Counts by their labels. `oldest_run` and `oldest_write` (by connection) are when what waits
    longest was asked for; `successes` is the end of the last good run by connection and stream;
    `due` is when each schedule runs next, in business time, by connection ("" is none) and stream.
    """

    connections: Mapping[tuple[str, str], int]
    runs: Mapping[str, int]
    oldest_run: datetime | None
    writes: Mapping[tuple[str, str], int]
    oldest_write: Mapping[str, datetime]
    successes: Mapping[tuple[str, str], datetime]
    due: Mapping[tuple[str, str], datetime]
    hook_events: Mapping[str, int]
    set_aside: Mapping[tuple[str, str], int]


def monitored(session: Session) -> Monitored:
    names = {row.id or 0: row.name for row in session.exec(select(Connection)).all()}
    return Monitored(
        connections={
            (name, ConnectionState(state).value): 1
            for name, state in session.exec(select(Connection.name, Connection.state))
        },
        runs=_by_word(session.exec(select(Run.status, func.count()).group_by(col(Run.status)))),
        oldest_run=session.exec(
            select(func.min(Run.queued_at)).where(col(Run.status) == RunStatus.QUEUED)
        ).one(),
        writes={
            (names[connection], OutboxState(state).value): count
            for connection, state, count in session.exec(
                select(Outbox.connection_id, Outbox.state, func.count()).group_by(
                    col(Outbox.connection_id), col(Outbox.state)
                )
            )
        },
        oldest_write={
            names[connection]: moment
            for connection, moment in session.exec(
                select(Outbox.connection_id, func.min(Outbox.planned_at))
                .where(col(Outbox.state) == OutboxState.PLANNED)
                .group_by(col(Outbox.connection_id))
            )
        },
        successes={
            (names[connection], stream): moment
            for connection, stream, moment in session.exec(
                select(Run.connection_id, Run.stream, func.max(Run.ended_at))
                .where(col(Run.status) == RunStatus.SUCCEEDED)
                .group_by(col(Run.connection_id), col(Run.stream))
            )
            if moment is not None
        },
        due={
            (names.get(row.connection_id or 0, ""), row.stream): row.next_run_at
            for row in session.exec(select(Schedule).where(col(Schedule.enabled).is_(True)))
        },
        hook_events=_by_word(
            session.exec(select(HookEvent.state, func.count()).group_by(col(HookEvent.state)))
        ),
        set_aside={
            (names[connection], stream): count
            for connection, stream, count in session.exec(
                select(SetAside.connection_id, SetAside.stream, func.count()).group_by(
                    col(SetAside.connection_id), col(SetAside.stream)
                )
            )
        },
    )


def _by_word(rows: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    return {str(word): count for word, count in rows}
