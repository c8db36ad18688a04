"""What a connector can take; what it cannot is refused in words, for the one write."""

from typing import Any

from connectors.capabilities import CommentsOnTasks, DeletesTasks, WritesTargets, WritesTasks
from connectors.errors import NotPermitted, Rejected
from connectors.port import Connector

ELSEWHERE = "Send it to another connection, or settle it by hand."
# Of a write that is taken back: there is no other connection for that.
LEAVE = "Settle it in the tool, or leave it as it is: it was not touched."


def tasks_of(connector: Connector[Any]) -> WritesTasks:
    """Raises Rejected."""
    if isinstance(connector, WritesTasks):
        return connector
    raise Rejected(f"{connector.label} cannot take tasks.", next_step=ELSEWHERE)


def deleting_of(connector: Connector[Any]) -> DeletesTasks:
    """Raises Rejected."""
    if isinstance(connector, DeletesTasks):
        return connector
    raise Rejected(f"{connector.label} cannot delete tasks.", next_step=LEAVE)


def comments_of(connector: Connector[Any]) -> CommentsOnTasks:
    """Raises Rejected."""
    if isinstance(connector, CommentsOnTasks):
        return connector
    raise Rejected(f"{connector.label} cannot take comments on tasks.", next_step=ELSEWHERE)


def targets_of(connector: Connector[Any]) -> WritesTargets:
    """Raises Rejected."""
    if isinstance(connector, WritesTargets):
        return connector
    raise Rejected(f"{connector.label} cannot take KPI targets.", next_step=ELSEWHERE)


def prepare(tool: WritesTargets) -> None:
    """A tool whose plan has no room for targets still takes tasks: only the target is refused."""
    try:
        tool.prepare_targets()
    except NotPermitted as error:
        raise Rejected(error.message, next_step=error.next_step) from error
