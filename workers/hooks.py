"""Inbound webhooks: verified and stored when they arrive, applied by a job."""

import logging
from collections.abc import Mapping
from contextlib import closing

from connectors.capabilities import ReceivesHooks
from connectors.errors import AuthFailed, ConnectorError, TryLater
from connectors.models import Stream
from sync.store import connections, hooks
from sync.store.mirror import Feed
from sync.tables.runs import HookState, Trigger
from workers import doorbell
from workers.app import App
from workers.rereading import reread
from workers.running import PASSING

log = logging.getLogger(__name__)


def receive(app: App, name: str, headers: Mapping[str, str], body: bytes) -> int:
    """Store what a tool reports; returns how many events are to be applied.

    Raises UnknownConnection, AuthFailed when the call is not proven to come from the tool.
    """
    with app.database.reading() as session:
        connection = connections.connection_named(session, name)
    with closing(app.connector(connection)) as connector:
        if not isinstance(connector, ReceivesHooks):
            raise AuthFailed(
                f"{connector.label} sends no webhooks.",
                next_step=f"Take /hooks/{name} out of whatever posts to it.",
            )
        hints = connector.verify_hook(headers, body)
    assert connection.id is not None
    with app.database.writing() as session:
        stored = [
            hooks.store_hint(session, connection.id, hint, app.database.now()) for hint in hints
        ]
    new = [event_id for event_id in stored if event_id is not None]
    for event_id in new:
        doorbell.ring_for_hook(app, event_id)
    return len(new)


def apply_hint(app: App, event_id: int) -> None:
    """Read again what the event named. While a pull of that stream runs the event stays stored,
    and the reconciler rings for it later."""
    with app.database.reading() as session:
        event = hooks.hint_with(session, event_id)
    if event.state is not HookState.STORED:
        return
    feed = Feed(event.connection_id, Stream(event.stream))
    try:
        if not reread(app, feed, event.record_ids, Trigger.HOOK):
            return
    except ConnectorError as error:
        if not isinstance(error, TryLater):
            with app.database.writing() as session:
                hooks.note_failed(session, event_id, event.deliveries, app.database.now())
        return
    except PASSING:
        raise
    except Exception:
        # A defect would meet it again at every ring.
        with app.database.writing() as session:
            hooks.note_failed(session, event_id, event.deliveries, app.database.now())
        raise
    with app.database.writing() as session:
        hooks.note_applied(session, event_id, event.deliveries, app.database.now())
    doorbell.ring_for_rules(app)
