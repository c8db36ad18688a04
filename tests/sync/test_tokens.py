"""One rotating refresh token, several processes: it is spent once, under a lock they share."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Lock

import httpx
import pytest

from connectors.auth import OAuth, Token
from connectors.errors import AuthFailed
from sync.store.connections import LOCK, StoredToken
from sync.store.database import Database
from sync.vault import Vault, new_key
from tests.portal import Clock
from tests.sync.conftest import NOW

KEY = new_key()
ADDRESS = "https://tool.example"
PATIENCE = 30.0


class HadToWait(Exception):
    """The lock was taken."""


def refuse_to_wait(_seconds: float) -> None:
    raise HadToWait


def stored(
    database: Database,
    connection_id: int,
    now: Callable[[], datetime] = lambda: NOW,
    sleep: Callable[[float], None] = refuse_to_wait,
) -> StoredToken:
    return StoredToken(database, Vault([KEY]), connection_id, now, sleep)


@pytest.fixture
def other_database(database: Database) -> Iterator[Database]:
    """As another process would open it."""
    with closing(Database(database.url)) as other:
        yield other


@pytest.mark.promise("G14")
def test_a_renewal_that_outlived_its_lock_does_not_free_the_next_holders(
    database: Database, other_database: Database, connection_id: int
) -> None:
    clock = Clock(NOW)
    slow = stored(database, connection_id, clock.now)
    next_one = stored(other_database, connection_id, clock.now)
    third = stored(other_database, connection_id, clock.now)
    with slow.locked():
        clock.advance(LOCK + timedelta(seconds=1))
        held = next_one.locked()
        held.__enter__()
    with pytest.raises(HadToWait), third.locked():
        pass
    held.__exit__(None, None, None)
    with third.locked():
        pass


@pytest.mark.promise("G14")
def test_the_lock_is_free_after_a_renewal_that_failed(
    database: Database, other_database: Database, connection_id: int
) -> None:
    def fail() -> None:
        with stored(database, connection_id).locked():
            raise AuthFailed("The pair is dead.")

    with pytest.raises(AuthFailed):
        fail()
    with stored(other_database, connection_id).locked():
        pass


@pytest.mark.promise("G14")
def test_a_clock_set_back_by_an_hour_does_not_keep_a_lost_lock_for_an_hour(
    database: Database, connection_id: int
) -> None:
    clock, waited = Clock(NOW), []
    died = stored(database, connection_id, clock.now).locked()
    died.__enter__()
    clock.advance(-timedelta(hours=1))
    with stored(database, connection_id, clock.now, waited.append).locked():
        assert LOCK.total_seconds() <= sum(waited) < LOCK.total_seconds() + 1


@dataclass
class AuthServer:
    """Takes the newest refresh token once, as the tools do; `current` is the pair it gave last."""

    current: Token = field(default_factory=lambda: pair(0))
    renewals: int = 0
    lock: Lock = field(default_factory=Lock)

    def renew(self, spent: Token) -> Token:
        with self.lock:
            if spent.refresh_token != self.current.refresh_token:
                raise AuthFailed("The refresh token was spent before.")
            self.renewals += 1
            self.current = pair(self.renewals)
            return self.current

    def answer(self, request: httpx.Request) -> httpx.Response:
        good = request.headers["Authorization"] == self.current.access_token
        return httpx.Response(200 if good else 401)

    def client(self, store: StoredToken, renew: Callable[[Token], Token]) -> httpx.Client:
        auth = OAuth(store, sign=sign, expired=lambda r: r.status_code == 401, renew=renew)
        return httpx.Client(transport=httpx.MockTransport(self.answer), auth=auth)


def pair(number: int) -> Token:
    return Token(f"access-{number}", f"refresh-{number}", datetime.fromtimestamp(0, UTC))


def sign(request: httpx.Request, token: Token) -> None:
    request.headers["Authorization"] = token.access_token


@pytest.mark.promise("G14")
def test_two_clients_with_one_rotating_token_renew_it_once_per_expiry(
    database: Database, other_database: Database, connection_id: int
) -> None:
    """The second one meets the expired token while the first is renewing it, each time."""
    server, renewing, second_waits = AuthServer(), Event(), Event()
    stored(database, connection_id).save(pair(0))

    def renew_while_the_other_waits(spent: Token) -> Token:
        renewing.set()
        assert second_waits.wait(PATIENCE)
        return server.renew(spent)

    def wait(_seconds: float) -> None:
        second_waits.set()

    first = server.client(stored(database, connection_id), renew_while_the_other_waits)
    second = server.client(stored(other_database, connection_id, sleep=wait), server.renew)
    with first, second:
        for expiry in range(1, 6):
            server.current = Token(
                f"unknown-{expiry}", server.current.refresh_token, server.current.expires_at
            )
            renewing.clear()
            second_waits.clear()
            with ThreadPoolExecutor(1) as pool:
                begun = pool.submit(first.get, ADDRESS)
                assert renewing.wait(PATIENCE)
                answers = [second.get(ADDRESS), begun.result()]
            assert [each.status_code for each in answers] == [200, 200]
            assert server.renewals == expiry


@pytest.mark.promise("G14")
def test_a_renewal_that_outlived_its_lock_takes_the_pair_of_whoever_was_faster(
    database: Database, connection_id: int
) -> None:
    server, store = AuthServer(), stored(database, connection_id)
    store.save(pair(0))

    def overtaken(spent: Token) -> Token:
        store.save(server.renew(spent))
        return server.renew(spent)

    server.current = Token("unknown", server.current.refresh_token, server.current.expires_at)
    with server.client(store, overtaken) as client:
        assert client.get(ADDRESS).status_code == 200
    assert (server.renewals, store.load().access_token) == (1, "access-1")
