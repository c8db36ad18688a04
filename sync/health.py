"""Turns a connector's error into what people read, and a connection's state (G16)."""

from typing import Any

from sqlmodel import Session, col, select

from connectors.errors import ConnectionBroken, ConnectorError
from sync.tables.connections import Connection, ConnectionState
from sync.tables.retros import UNFINISHED, Action, Target


def describe(session: Session, connection_id: int, error: ConnectorError) -> dict[str, Any]:
    """`{"kind","message","who","next_step","blocks"}`: `blocks` names the decisions and KPIs
    that wait for this connection."""
    return {
        "kind": error.kind,
        "message": error.message,
        "who": error.who,
        "next_step": error.next_step,
        "blocks": blocks(session, connection_id),
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
