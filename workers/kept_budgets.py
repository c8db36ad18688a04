"""What is known of accounts beside Redis, which may be emptied at any time (G10)."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from connectors.budget import Bucket
from sync.store.budgets import keep_bucket, kept_buckets
from sync.store.database import DATABASE_AWAY, Database


class Kept(Protocol):
    def load(self) -> Mapping[str, Bucket]:
        """The buckets of all accounts that were ever used, as they were last kept."""
        ...

    def keep(self, account: str, read: Callable[[], Bucket | None]) -> bool:
        """Keep what `read` gives; whether that was possible."""
        ...


class KeptHere:
    """For a limiter that has no database: what it has seen itself."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def load(self) -> Mapping[str, Bucket]:
        return self._buckets

    def keep(self, account: str, read: Callable[[], Bucket | None]) -> bool:
        if (bucket := read()) is not None:
            self._buckets[account] = bucket
        return True


class KeptInDatabase:
    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Mapping[str, Bucket]:
        with self._database.reading() as session:
            return kept_buckets(session)

    def keep(self, account: str, read: Callable[[], Bucket | None]) -> bool:
        # A copy for another day: no call is lost for it.
        with suppress(*DATABASE_AWAY):
            with self._database.writing() as session:
                keep_bucket(session, account, read)
            return True
        return False
