"""The pulls of one connection that follow each other: one connector for all of them, which asks
ahead for what they will read."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.capabilities import ReadsAhead
from connectors.errors import AuthFailed, ConnectorError
from connectors.models import Stream
from connectors.port import Connector, Window
from sync.pull import window_start
from sync.store.connections import SettingsOutdated
from sync.store.mirror import Feed
from sync.tables.connections import Connection, ConnectionState
from sync.vault import SecretsUnreadable
from workers.app import App
from workers.moves import address_kept


@dataclass
class Round:
    """`streams` are queued to be read by what changed, since a moment or since they were read. They
    must be: what a webhook brings of a stream that is queued waits, and is not overwritten by what
    was asked before it came."""

    app: App
    streams: Sequence[Stream] = ()
    since: datetime | None = None
    opened: Connector[Any] | None = field(default=None, init=False)
    stored: tuple[Any, bytes] | None = field(default=None, init=False)

    def connector(self, connection: Connection) -> Connector[Any]:
        """For one of the pulls, by the settings of now: somebody may have connected anew since the
        one before it.

        Raises AuthFailed when what is stored cannot be used, and what a check says of a connection
        that was broken and still is.
        """
        stored = (connection.settings, connection.secrets)
        if self.opened is None or stored != self.stored:
            self.close()
            self.opened = connector_of(self.app, connection, bulk=True)
        with address_kept(self.app, connection, self.opened):
            if connection.state is ConnectionState.BROKEN:
                self.opened.check()
            if stored != self.stored:
                self._ask_ahead(connection, self.opened)
        self.stored = stored
        return self.opened

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()

    def _ask_ahead(self, connection: Connection, connector: Connector[Any]) -> None:
        """What cannot be had so is asked for by each pull, which then tells what is wrong."""
        if len(self.streams) < 2 or not isinstance(connector, ReadsAhead):
            return
        assert connection.id is not None
        with self.app.database.reading() as session:
            starts = {
                stream: self.since or window_start(session, connector, Feed(connection.id, stream))
                for stream in self.streams
            }
        windows = {stream: Window(start) for stream, start in starts.items() if start is not None}
        if len(windows) < 2:
            return
        with suppress(ConnectorError):
            connector.read_ahead(windows)


@contextmanager
def a_round(
    app: App, streams: Sequence[Stream] = (), since: datetime | None = None
) -> Iterator[Round]:
    with closing(Round(app, streams, since)) as opened:
        yield opened


def connector_of(app: App, connection: Connection, *, bulk: bool = False) -> Connector[Any]:
    """Raises AuthFailed when what is stored cannot be used."""
    try:
        return app.connector(connection, bulk=bulk)
    except SecretsUnreadable as error:
        raise AuthFailed(error.cause, next_step=error.next_step) from error
    except SettingsOutdated as error:
        raise AuthFailed(str(error), next_step="Connect it again.") from error
