"""The heartbeat outlives a database that is busy, and says so when it could not renew in time."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from sync.heartbeat import heartbeat
from sync.store import runs
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.store.runs import LEASE, Lease
from tests.portal import Clock
from tests.sync.conftest import NOW
from tests.sync.test_runs import ANNA, BORIS, queue, read, take

AT_ONCE = timedelta(milliseconds=1)
# Only a test that fails waits this long.
PATIENCE = 30.0


class BusyDatabase(Database):
    """Its first `refusals` commits meet the lock of another process."""

    def __init__(self, url: str, refusals: int) -> None:
        super().__init__(url)
        self.refusals = refusals
        self.refused = Event()
        self.committed = Event()

    def commit(self, session: Session) -> None:
        if self.refusals > 0:
            self.refusals -= 1
            self.refused.set()
            raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))
        super().commit(session)
        self.committed.set()


@pytest.fixture
def run_id(database: Database, deals: Feed) -> int:
    return queue(database, deals)


@pytest.fixture
def lease(database: Database, run_id: int) -> Lease:
    lease = take(database, run_id, ANNA)
    assert lease is not None
    return lease


def busy(database: Database, refusals: int) -> Iterator[BusyDatabase]:
    other = BusyDatabase(database.url, refusals)
    yield other
    other.close()


@pytest.fixture
def once_busy(database: Database) -> Iterator[BusyDatabase]:
    yield from busy(database, refusals=1)


@pytest.fixture
def always_busy(database: Database) -> Iterator[BusyDatabase]:
    yield from busy(database, refusals=1_000_000)


@pytest.mark.promise("G9")
def test_a_database_that_was_locked_once_does_not_end_the_heartbeat(
    once_busy: BusyDatabase, run_id: int, lease: Lease
) -> None:
    clock = Clock(NOW + LEASE / 2)
    with heartbeat(once_busy, lease, clock.now, AT_ONCE) as lost:
        assert once_busy.committed.wait(PATIENCE)
        assert not lost.is_set()
    assert read(once_busy, run_id).lease_until == NOW + LEASE / 2 + LEASE


@pytest.mark.promise("G9")
def test_a_lease_that_could_not_be_renewed_until_its_end_is_lost(
    always_busy: BusyDatabase, lease: Lease
) -> None:
    clock = Clock(NOW)
    with heartbeat(always_busy, lease, clock.now, AT_ONCE) as lost:
        assert always_busy.refused.wait(PATIENCE)
        assert not lost.is_set()
        clock.advance(LEASE)
        assert lost.wait(PATIENCE)


@pytest.mark.promise("G9")
def test_a_run_that_went_to_another_worker_is_lost(
    database: Database, run_id: int, lease: Lease
) -> None:
    assert take(database, run_id, BORIS, NOW + LEASE * 2)
    with heartbeat(database, lease, lambda: NOW, AT_ONCE) as lost:
        assert lost.wait(PATIENCE)
    with pytest.raises(runs.LeaseLost), database.writing() as session:
        runs.renew_lease(session, lease, NOW)
