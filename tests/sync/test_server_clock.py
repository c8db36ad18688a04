"""One clock for all who share a database (G9)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from sync.store.database import Database
from sync.store.server_clock import ASK_AGAIN, ServerClock
from tests.sync.conftest import NOW

AWAY = OperationalError("SELECT", {}, Exception("away"))


class Server:
    """Tells its moments in turn; one that is None finds it away."""

    def __init__(self, *moments: datetime | None) -> None:
        self._moments = list(moments)
        self.seconds = 100.0

    def ask(self) -> datetime:
        moment = self._moments.pop(0)
        if moment is None:
            raise AWAY
        return moment

    def clock(self) -> ServerClock:
        return ServerClock(self.ask, lambda: self.seconds)


def test_it_asks_now_and_then_and_counts_on_in_between() -> None:
    server = Server(NOW, NOW + timedelta(hours=1))
    clock = server.clock()
    assert clock.now() == NOW
    server.seconds += ASK_AGAIN - 1
    assert clock.now() == NOW + timedelta(seconds=ASK_AGAIN - 1)
    server.seconds += 1
    assert clock.now() == NOW + timedelta(hours=1)


def test_it_counts_on_while_the_server_is_away() -> None:
    server = Server(NOW, None, NOW + timedelta(minutes=2))
    clock = server.clock()
    clock.now()
    server.seconds += 60
    assert clock.now() == NOW + timedelta(minutes=1)
    assert clock.now() == NOW + timedelta(minutes=2)


def test_without_any_word_of_the_server_there_is_no_moment() -> None:
    with pytest.raises(OperationalError):
        Server(None).clock().now()


@pytest.mark.promise("G9")
def test_the_moment_is_that_of_the_server(database: Database) -> None:
    found = database.now()
    if database.engine.dialect.name == "postgresql":
        with database.reading() as session:
            there = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    else:
        there = datetime.now(UTC)
    assert timedelta(0) <= there - found < timedelta(seconds=5)
    assert found.tzinfo is UTC
