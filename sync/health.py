"""Turns a connector's error into what people read, and a connection's state (G16)."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlmodel import Session, col, select

from connectors.errors import ConnectionBroken, ConnectorError
from sync.tables.connections import Connection, ConnectionState
from sync.tables.outbox import Outbox
from sync.tables.retros import UNFINISHED, Action, Target

# A run's error is read at a glance; the outbox holds them all.
MOST_SHOWN = 3


def describe(session: Session, connection_id: int, error: ConnectorError) -> dict[str, Any]:
    """`{"kind","message","who","next_step","blocks"}`: `blocks` names the decisions and KPIs
    that wait for this connection."""
    return _told(error, blocks(session, connection_id))


def describe_write(session: Session, subject: str, error: ConnectorError) -> dict[str, Any]:
    """The same of one write: `blocks` names what waits for it alone."""
    return _told(error, _blocks_of(session, [subject]))


def _told(error: ConnectorError, blocks: Sequence[str]) -> dict[str, Any]:
    return {
        "kind": error.kind,
        "message": error.message,
        "who": error.who,
        "next_step": error.next_step,
        "blocks": blocks,
    }


def blocks(session: Session, connection_id: int) -> list[str]:
    decisions = session.exec(
        select(Action.decision_id).where(
            Action.connection_id == connection_id, col(Action.status).in_(UNFINISHED)
        )
    ).all()
    kpis = session.exec(
        select(Target.kpi).where(Target.connection_id == connection_id, Target.status == "open")
    ).all()
    return sorted({*(f"decision {d}" for d in decisions), *(f"KPI {k}" for k in kpis)})


def describe_given_up(
    session: Session, writes: Sequence[Outbox], behind: int = 0
) -> dict[str, Any]:
    """The same document for a push that left writes to be settled; `writes` has at least one, and
    so many wait `behind` them.

    `blocks` names the decisions and KPIs that wait for these writes, and `who` everybody who has
    one to settle.
    """
    told = [write.error or {} for write in writes]
    subjects = {write.subject for write in writes}
    shown = [
        f"{write.operation.value} {write.subject}: {error.get('message', '')}"
        for write, error in zip(writes[:MOST_SHOWN], told, strict=False)
    ]
    if len(writes) > MOST_SHOWN:
        shown.append(f"and {len(writes) - MOST_SHOWN} more.")
    if behind:
        shown.append(f"Held back behind: {behind}.")
    steps = {str(error.get("next_step", "")) for error in told}
    return {
        "kind": "WritesWait",
        "message": f"Not delivered: {len(writes)}. {' '.join(shown)}",
        "who": ", ".join(sorted({str(error.get("who", "")) for error in told})),
        "next_step": steps.pop()
        if len(steps) == 1
        else "Settle each of them as the outbox says, then retry it.",
        "blocks": _blocks_of(session, subjects),
    }


def _blocks_of(session: Session, keys: Collection[str]) -> list[str]:
    actions = session.exec(select(Action.decision_id).where(col(Action.key).in_(keys))).all()
    targets = session.exec(
        select(Target.decision_id, Target.kpi).where(col(Target.key).in_(keys))
    ).all()
    decisions = {*actions, *(decision for decision, _ in targets)}
    return sorted({*(f"decision {d}" for d in decisions), *(f"KPI {kpi}" for _, kpi in targets)})


def note_failure(session: Session, connection_id: int, error: ConnectorError) -> None:
    """Credentials that died break the connection, once; other errors leave its state alone."""
    if not isinstance(error, ConnectionBroken):
        return
    connection = session.get_one(Connection, connection_id)
    if connection.state is not ConnectionState.BROKEN:
        connection.state = ConnectionState.BROKEN
        connection.error = describe(session, connection_id, error)
        session.add(connection)


def note_success(session: Session, connection_id: int) -> None:
    """A call that went through heals a broken connection."""
    connection = session.get_one(Connection, connection_id)
    if connection.state is ConnectionState.BROKEN:
        connection.state = ConnectionState.ACTIVE
        connection.error = None
        session.add(connection)
