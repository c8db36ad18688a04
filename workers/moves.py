"""Keeps the address under which an account was found."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.port import Connector
from sync.store import connections
from sync.tables.connections import Connection
from workers.app import App


@contextmanager
def address_kept(app: App, connection: Connection, connector: Connector[Any]) -> Iterator[None]:
    """Afterwards, also after an error: the next connector calls the new address at once.

    Settings that somebody replaced meanwhile are left alone.
    """
    try:
        yield
    finally:
        if moved := connector.moved():
            assert connection.id is not None
            with app.database.writing() as session:
                row = connections.connection_with(session, connection.id)
                if row.settings == connection.settings:
                    row.settings = {**row.settings, **moved}
                    session.add(row)
