"""What a connector can take; what it cannot is refused in words, for the one write."""

from typing import Any

from connectors.capabilities import CommentsOnTasks, WritesTargets, WritesTasks
from connectors.errors import NotPermitted, Rejected
from connectors.port import Connector


def tasks_of(connector: Connector[Any]) -> WritesTasks:
    """Raises Rejected."""
    if isinstance(connector, WritesTasks):
        return connector
    raise _cannot(connector, "tasks")


def comments_of(connector: Connector[Any]) -> CommentsOnTasks:
    """Raises Rejected."""
    if isinstance(connector, CommentsOnTasks):
        return connector
    raise _cannot(connector, "comments on tasks")


def targets_of(connector: Connector[Any]) -> WritesTargets:
    """Raises Rejected."""
    if isinstance(connector, WritesTargets):
        return connector
    raise _cannot(connector, "KPI targets")


def prepare(tool: WritesTargets) -> None:
    """A tool whose plan has no room for targets still takes tasks: only the target is refused."""
    try:
        tool.prepare_targets()
    except NotPermitted as error:
        raise Rejected(error.message, next_step=error.next_step) from error


def _cannot(connector: Connector[Any], what: str) -> Rejected:
    return Rejected(
        f"{connector.label} cannot take {what}.",
        next_step="Send it to another connection, or settle it by hand.",
    )
