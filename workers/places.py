"""Where each piece of a plan is written."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from connectors.capabilities import WritesTasks
from connectors.registry import tool
from sync.store import connections, retros
from sync.tables.connections import Connection
from workers.errors import CannotRun


@dataclass(frozen=True)
class Places:
    """What is about work under way goes where that work is; what is new goes to `default`. Where
    that is None, `why` says what to do."""

    connections: Mapping[int, Connection]
    of_action: Mapping[str, int]
    of_decision: Mapping[str, int]
    default: Connection | None
    why: str = ""

    def of(self, about: str, decision: str | None = None) -> Connection | None:
        """`about` is the key of an action, the id of a decision, or what else a rule fired on."""
        known = self.of_action.get(about) or self.of_decision.get(decision or about)
        return self.default if known is None else self.connections[known]


def places(session: Session, default: Connection | None, why: str = "") -> Places:
    actions = retros.actions(session)
    rows = connections.all_connections(session)
    return Places(
        connections={row.id: row for row in rows if row.id is not None},
        of_action={action.key: action.connection_id for action in actions},
        of_decision={action.decision_id: action.connection_id for action in actions},
        default=default,
        why=why,
    )


def connection_for_tasks(session: Session, name: str | None) -> Connection:
    """The connection of this name, or the only one that takes tasks. Raises CannotRun,
    UnknownConnection."""
    if name is not None:
        return connections.connection_named(session, name)
    able = [
        row
        for row in connections.all_connections(session)
        if issubclass(tool(row.kind), WritesTasks)
    ]
    if len(able) == 1:
        return able[0]
    if not able:
        raise CannotRun("No connection takes tasks; connect one first: retro connect …")
    names = ", ".join(row.name for row in able)
    raise CannotRun(f"Several connections take tasks ({names}); name one with --connection.")


def places_for_rules(session: Session) -> Places:
    """For what no command asked for, so that there is nobody to name a connection."""
    try:
        return places(session, connection_for_tasks(session, None))
    except CannotRun as error:
        return places(session, None, str(error).replace("name one with --connection", HINT))


HINT = "a rule cannot choose one for work that follows from no decision: disconnect the others"
