"""A tool that publishes no limit and asks for a pause: all clients of the account keep it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import load_settings
from connectors.errors import RateLimited
from connectors.http import Wire
from connectors.port import Connector, ConnectorConfig
from sync.vault import new_key
from workers.app import App, open_app

PAUSE = 50.0


class Acme(Connector[ConnectorConfig]):
    kind = "acme"
    label = "Acme"
    host = "acme.example"

    def base_url(self) -> str:
        return f"https://{self.host}"

    def check(self) -> str:
        self.api.get("/me")
        return "Acme"


class Other(Acme):
    host = "other.example"


class Tool:
    """Asks for a pause when it is told to."""

    busy = False

    def answer(self, _request: httpx.Request) -> httpx.Response:
        told = {"Retry-After": str(PAUSE)}
        return httpx.Response(429, headers=told) if self.busy else httpx.Response(200, json={})


@pytest.fixture
def tool() -> Tool:
    return Tool()


def open_one(path: Path, redis: Redis | None) -> App:
    settings = {"RETRO_HOME": str(path / "home"), "RETRO_SECRET_KEYS": new_key()}
    return open_app(load_settings(settings), redis)


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[App]:
    """A command, without Redis."""
    app = open_one(tmp_path, None)
    yield app
    app.close()


@pytest.fixture
def two(tmp_path: Path, redis: Redis, redis_address: str) -> Iterator[tuple[App, App]]:
    """Two workers of one installation."""
    apps = open_one(tmp_path, redis), open_one(tmp_path, Redis.from_url(redis_address))
    yield apps
    for app in apps:
        app.close()


def client(app: App, tool: Tool, kind: type[Acme] = Acme, *, bulk: bool = False) -> Acme:
    wire = Wire(
        limiter=app.limiter,
        sleep=lambda _seconds: None,
        transport=httpx.MockTransport(tool.answer),
        bulk=bulk,
    )
    return kind(ConnectorConfig(), wire)


def is_paused(connector: Acme) -> bool:
    """Without a call to the tool."""
    with closing(connector):
        try:
            connector.check()
        except RateLimited as error:
            return error.retry_after > PAUSE / 2 and connector.requests == 0
    return False


def ask_for_a_pause(connector: Acme, tool: Tool) -> None:
    tool.busy = True
    with closing(connector), pytest.raises(RateLimited):
        connector.check()
    tool.busy = False


@pytest.mark.promise("G8")
@pytest.mark.parametrize("bulk", [False, True])
def test_the_pause_that_one_worker_was_asked_for_is_kept_by_the_other(
    two: tuple[App, App], tool: Tool, bulk: bool
) -> None:
    first, second = two
    assert not is_paused(client(second, tool))
    ask_for_a_pause(client(first, tool), tool)
    assert is_paused(client(second, tool, bulk=bulk))
    assert not is_paused(client(second, tool, Other))


@pytest.mark.promise("G8")
def test_without_redis_the_clients_of_one_process_keep_it(lonely: App, tool: Tool) -> None:
    ask_for_a_pause(client(lonely, tool), tool)
    assert is_paused(client(lonely, tool))
    assert not is_paused(client(lonely, tool, Other))


@pytest.mark.promise("G8")
def test_a_redis_that_is_gone_keeps_no_call_from_such_a_tool(tmp_path: Path, tool: Tool) -> None:
    once = Retry(NoBackoff(), 0)
    gone = Redis(unix_socket_path=str(tmp_path / "nobody.sock"), retry=once)
    with closing(open_one(tmp_path, gone)) as app:
        assert not is_paused(client(app, tool))
        ask_for_a_pause(client(app, tool), tool)
        assert is_paused(client(app, tool))


def test_nothing_is_kept_in_redis_as_long_as_no_pause_was_asked_for(
    two: tuple[App, App], redis: Redis, tool: Tool
) -> None:
    for _ in range(100):
        assert not is_paused(client(two[0], tool))
    assert redis.keys("retro:budget:*") == []
