"""Logging for a process of the service, with the secrets of all connections cut out."""

import logging

from config.log import configure_logging
from connectors.redaction import Redactor
from connectors.registry import UnknownTool
from sync.store.connections import all_connections
from sync.vault import SecretsUnreadable
from workers.app import App


def log_for(app: App) -> None:
    """Connections that are made later keep their secrets out of what they say themselves."""
    configure_logging(app.settings.log, Redactor(_secrets(app)))
    # It tells of every job three times; what matters of a run is in the database.
    logging.getLogger("rq").setLevel(logging.WARNING)


def _secrets(app: App) -> list[str]:
    found = [key.get_secret_value() for key in app.settings.secret_keys]
    with app.database.reading() as session:
        for connection in all_connections(session):
            try:
                found += app.vault.open(connection.secrets).values()
                # More than what is stored: a part of an address that is the secret in it.
                connector = app.connector(connection)
                found += [secret.get_secret_value() for secret in connector.secrets()]
            except (SecretsUnreadable, ValueError, UnknownTool):
                # What cannot be read, or not by this version, cannot be called with either.
                continue
    return found
