"""Configured accounts: their settings with secrets apart, their state and token."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pydantic import SecretStr, ValidationError
from sqlalchemy import ColumnElement, delete, false, or_, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from connectors.auth import Token
from connectors.port import Connector, ConnectorConfig
from sync.store.database import Database, one_at_a_time
from sync.tables import metadata
from sync.tables.columns import table_of
from sync.tables.connections import Connection, ConnectionState
from sync.tables.retros import Action, Target
from sync.tables.runs import Run
from sync.vault import SecretsUnreadable, Vault

RUN = table_of(Run)
# Longer than a renewal may take with all its retries.
LOCK = timedelta(seconds=90)
# Who waits for the lock looks again after this.
LOOK = timedelta(seconds=0.2)


class UnknownConnection(LookupError):
    pass


class OtherAccount(LookupError):
    """A connection of this name leads elsewhere; the text says what to do."""


class StillNeeded(Exception):
    """Decisions live in a connection, so it is not forgotten; the text says what to do instead."""


class SettingsOutdated(Exception):
    """The stored settings are not those this version knows."""


def connection_named(session: Session, name: str) -> Connection:
    """Raises UnknownConnection, with the names there are."""
    found = session.exec(select(Connection).where(Connection.name == name)).first()
    if found is None:
        names = ", ".join(c.name for c in all_connections(session)) or "none yet"
        raise UnknownConnection(f"There is no connection {name!r}; there are: {names}.")
    return found


def connection_with(session: Session, connection_id: int) -> Connection:
    return session.get_one(Connection, connection_id)


def all_connections(session: Session) -> Sequence[Connection]:
    return session.exec(select(Connection).order_by(col(Connection.name))).all()


def find_connection(session: Session, name: str) -> Connection | None:
    return session.exec(select(Connection).where(Connection.name == name)).first()


def save_connection(
    session: Session,
    vault: Vault,
    *,
    kind: str,
    name: str,
    config: ConnectorConfig,
    account: str,
    sandbox: bool,
    at: datetime,
    identity: Sequence[str] = (),
    token: Token | None = None,
    keep_token: bool = False,
) -> Connection:
    """Store a connection that was checked, or update the one of this name; with `token` as its
    OAuth pair, or `keep_token` with the one that is there. For another one its lock is held.

    Raises OtherAccount when that one is to another account: what is mirrored and linked is of its
    records.
    """
    settings, secrets = _split(config)
    one_at_a_time(session, "connections")
    row = find_connection(session, name)
    if row is not None and row.kind != kind:
        raise OtherAccount(f"{name!r} is a {row.kind} connection; choose another name for {kind}.")
    if row is not None and row.identity and identity and not set(identity) & set(row.identity):
        raise OtherAccount(
            f"{name!r} is connected to {row.account}, and this is another account; choose another "
            f"name for it, or run `retro disconnect {name}` first."
        )
    if row is None:
        row = Connection(name=name, kind=kind, settings={}, secrets=b"", created_at=at)
    row.settings = settings
    row.secrets = vault.seal(secrets)
    row.state, row.error = ConnectionState.ACTIVE, None
    row.account, row.sandbox, row.checked_at = account, sandbox, at
    row.identity = list(identity) or row.identity
    if not keep_token:
        row.token = None if token is None else _sealed(vault, token)
    session.add(row)
    session.flush()
    return row


def seal_again(session: Session, vault: Vault) -> int:
    """Everything that is encrypted, under the newest key of the ring; returns of how many
    connections. No token is renewed meanwhile. Raises SecretsUnreadable, naming the connection."""
    rows = session.exec(select(Connection).order_by(col(Connection.id)).with_for_update()).all()
    for row in rows:
        try:
            row.secrets = vault.seal(vault.open(row.secrets))
            if row.token is not None:
                row.token = vault.seal(vault.open(row.token))
        except SecretsUnreadable as error:
            raise SecretsUnreadable(
                f"The secrets of {row.name} open with none of the keys in {vault.source.name}.",
                f"To use it again, {vault.source.restore}; or run: retro disconnect {row.name}",
            ) from error
        session.add(row)
    return len(rows)


def differing_settings(connection: Connection, config: ConnectorConfig) -> set[str]:
    """Names of the settings, secrets apart, that `config` has otherwise than what is stored."""
    settings, _secrets = _split(config)
    stored = connection.settings
    return {name for name in settings if name not in stored or settings[name] != stored[name]}


def forget_connection(session: Session, connection_id: int) -> None:
    """Take out everything that belongs to a connection, what points at it first.

    Raises StillNeeded when decisions were planned into it: their history would go with it.
    """
    _keep_others_away(session, connection_id)
    row = connection_with(session, connection_id)
    decisions = {
        *session.exec(select(Action.decision_id).where(Action.connection_id == connection_id)),
        *session.exec(select(Target.decision_id).where(Target.connection_id == connection_id)),
    }
    if decisions:
        raise StillNeeded(
            f"Decisions were planned into {row.name} ({', '.join(sorted(decisions))}) and their "
            f"history would be lost; to stop reading it: retro schedule {row.name} --off"
        )
    for table in reversed(metadata.sorted_tables):
        if "connection_id" in table.c:
            session.execute(delete(table).where(table.c.connection_id == connection_id))
        elif table.name == "run_seen":
            runs = select_columns(RUN.c.id).where(RUN.c.connection_id == connection_id)
            session.execute(delete(table).where(table.c.run_id.in_(runs)))
    session.delete(row)


def _keep_others_away(session: Session, connection_id: int) -> None:
    """Wait for the pages that are being committed, and let no new row point here: runs first, as
    whoever commits a page takes them."""
    session.execute(
        select_columns(RUN.c.id)
        .where(RUN.c.connection_id == connection_id)
        .order_by(RUN.c.id)
        .with_for_update()
    )
    session.exec(select(Connection.id).where(Connection.id == connection_id).with_for_update())


def _split(config: ConnectorConfig) -> tuple[dict[str, Any], dict[str, str]]:
    secrets = {
        name: value.get_secret_value()
        for name in type(config).model_fields
        if isinstance(value := getattr(config, name), SecretStr)
    }
    return config.model_dump(mode="json", exclude=set(secrets)), secrets


def config_of(connection: Connection, tool: type[Connector[Any]], vault: Vault) -> ConnectorConfig:
    """Raises SecretsUnreadable, or SettingsOutdated when this version knows other settings."""
    try:
        return tool.Config.model_validate({**connection.settings, **vault.open(connection.secrets)})
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise SettingsOutdated(
            f"The stored settings of {connection.name!r} do not fit this version ({fields}); "
            "connect it again."
        ) from error


def _sealed(vault: Vault, token: Token) -> bytes:
    return vault.seal(msgspec.to_builtins(token))


@dataclass(frozen=True)
class StoredToken:
    """The OAuth pair of a connection, encrypted, with a lock that all processes share (G14).

    The lock is a lease in the database, so no transaction is open while a token is renewed and a
    process that dies with it blocks the others for `LOCK` at most.
    """

    database: Database
    vault: Vault
    connection_id: int
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def load(self) -> Token:
        with self.database.reading() as session:
            sealed = connection_with(session, self.connection_id).token
        if sealed is None:
            raise LookupError("this connection has no token yet")
        return msgspec.convert(self.vault.open(sealed), Token, strict=False)

    def save(self, token: Token) -> None:
        sealed = _sealed(self.vault, token)
        # The tool has forgotten the token before it.
        with self.database.writing(outlasts_power=True) as session:
            connection_with(session, self.connection_id).token = sealed

    @contextmanager
    def locked(self) -> Iterator[None]:
        held, waited = None, timedelta(0)
        while (until := self._take_lock(held if waited >= LOCK else None)) is None:
            before, held = held, self._held_until()
            waited = waited + LOOK if held == before else LOOK
            self.sleep(LOOK.total_seconds())
        try:
            yield
        finally:
            self._free_lock(until)

    def _take_lock(self, abandoned: datetime | None) -> datetime | None:
        """Until when it is ours; None when it is somebody else's. One that was seen unchanged for
        as long as anybody may hold it is `abandoned`, whatever the clock was set to meanwhile."""
        now, held = self.now(), col(Connection.token_lock_until)
        until = now + LOCK
        free = or_(held.is_(None), held < now, held == abandoned if abandoned else false())
        return until if self._change_lock(free, until) else None

    def _held_until(self) -> datetime | None:
        with self.database.reading() as session:
            return connection_with(session, self.connection_id).token_lock_until

    def _free_lock(self, until: datetime) -> None:
        """Only our own: a renewal may have outlived its lock, which then is the next holder's. The
        moment tells whose it is: no two holders have the same."""
        self._change_lock(col(Connection.token_lock_until) == until, None)

    def _change_lock(self, condition: ColumnElement[bool], until: datetime | None) -> bool:
        with self.database.writing() as session:
            changed = session.connection().execute(
                update(Connection)
                .where(col(Connection.id) == self.connection_id, condition)
                .values(token_lock_until=until)
            )
            return changed.rowcount == 1
