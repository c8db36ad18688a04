"""The wiring: settings read once, and everything that has an effect made from them."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from redis import Redis
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError

from config.settings import Settings
from connectors.auth import TokenStore
from connectors.budget import Budget, Limiter, Meter
from connectors.hosts import PublicHostsOnly
from connectors.http import Wire
from connectors.port import Connector, ConnectorConfig
from connectors.registry import tool
from sync.store.connections import StoredToken, all_connections, config_of
from sync.store.database import Database
from sync.tables.connections import Connection
from sync.vault import Vault
from workers.clock import BusinessClock, business_clock
from workers.errors import CannotRun
from workers.home_limits import HomeLimiters
from workers.kept_budgets import KeptInDatabase
from workers.keyring import open_vault
from workers.limits import MemoryLimiters, RedisLimiter, RedisMeter, SharedPauses

POSTGRES_PORT = 5432


@dataclass(frozen=True)
class App:
    """What commands and jobs work with. Without `redis` budgets are kept by `limits` alone. `sleep`
    is how they wait for a tool."""

    settings: Settings
    database: Database
    vault: Vault
    clock: BusinessClock
    redis: Redis | None
    limits: MemoryLimiters
    sleep: Callable[[float], None] = time.sleep

    def connector(self, connection: Connection, *, bulk: bool = False) -> Connector[Any]:
        """`bulk` is for pulls: they leave a reserve of the budget to what people wait for.

        Raises SecretsUnreadable, SettingsOutdated when the settings do not fit this version.
        """
        kind = tool(connection.kind)
        config = config_of(connection, kind, self.vault)
        assert connection.id is not None
        return self.unstored(kind, config, self.tokens(connection.id), bulk=bulk)

    def unstored(
        self,
        kind: type[Connector[Any]],
        config: ConnectorConfig,
        tokens: TokenStore | None = None,
        *,
        bulk: bool = False,
    ) -> Connector[Any]:
        """A connector for settings that are not kept, or not yet."""
        network = httpx.HTTPTransport(verify=trusted(), retries=0)
        allowed = self.settings.allow_private_hosts
        return kind(
            config,
            Wire(
                limiter=self.limiter,
                meter=self.meter,
                bulk=bulk,
                sleep=self.sleep,
                tokens=tokens,
                transport=network if allowed else PublicHostsOnly(network),
            ),
        )

    def tokens(self, connection_id: int) -> StoredToken:
        """The OAuth pair of a connection, under the lock that all processes share."""
        return StoredToken(self.database, self.vault, connection_id, self.database.now, self.sleep)

    def limiter(self, budget: Budget) -> Limiter:
        here = self.limits.limiter(budget)
        if self.redis is None:
            return here
        shared = RedisLimiter(self.redis, budget, KeptInDatabase(self.database))
        return shared if budget.is_published else SharedPauses(shared, here)

    def meter(self, account: str) -> Meter:
        if self.redis is None:
            return self.limits.meter(account)
        return RedisMeter(self.redis, account)

    def close(self) -> None:
        self.database.close()
        if self.redis is not None:
            self.redis.close()


@cache
def trusted() -> ssl.SSLContext:
    """The certificate authorities, read once: a worker does so before its horses are born."""
    return httpx.create_ssl_context()


def open_app(settings: Settings, redis: Redis | None = None, *, upgrade: bool = True) -> App:
    """Brings the database up to date, unless a process that did so started this one.

    Raises CannotRun when the database cannot be had, or the settings contradict the data.
    """
    database = _database(settings.database_url, upgrade)
    _refuse_other_clock_for_live_tools(settings, database)
    return App(
        settings=settings,
        database=database,
        vault=open_vault(settings),
        clock=business_clock(settings.clock),
        redis=redis,
        limits=MemoryLimiters() if redis else HomeLimiters(settings.home / "budgets"),
    )


def _database(url: str, upgrade: bool) -> Database:
    database = Database(url)
    if not upgrade:
        return database
    try:
        database.upgrade()
    except DatabaseError as error:
        database.close()
        # Another kind of error is a defect of ours.
        if type(error) not in (DatabaseError, OperationalError):
            raise
        raise CannotRun(_no_database(url, error)) from error
    return database


def _no_database(url: str, error: DatabaseError) -> str:
    """With the host or the file, and without the password that the address may hold."""
    where = make_url(url)
    said = str(error.orig).splitlines()[0].rstrip(".")
    if where.get_backend_name() == "sqlite":
        return (
            f"The database {where.database} cannot be opened: {said}. Let this user read and write "
            "the file and its folder, or correct RETRO_HOME or RETRO_DATABASE_URL."
        )
    host = f"{where.host or 'localhost'}:{where.port or POSTGRES_PORT}"
    return (
        f"The database server at {host} cannot be used: {said}. Start it, or correct "
        "RETRO_DATABASE_URL."
    )


def _refuse_other_clock_for_live_tools(settings: Settings, database: Database) -> None:
    if settings.clock is None:
        return
    with database.reading() as session:
        live = [each.name for each in all_connections(session) if not each.sandbox]
    if live:
        raise CannotRun(
            f"RETRO_CLOCK moves business time, and {', '.join(live)} is a live account; "
            "unset RETRO_CLOCK, or disconnect it."
        )
