"""An application's token: signed in the body, renewed on refusal, once, under the lock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from connectors.auth import Token
from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.oauth import BitrixServer
from connectors.bitrix24.sandbox import app_settings
from connectors.errors import AuthFailed, BadResponse, ConnectorError, NotPermitted, Unavailable
from connectors.http import Wire
from connectors.models import Stream
from connectors.port import Partition, Window
from tests.connectors.bitrix24.kit import Hands, Sandbox
from tests.connectors.bitrix24.test_tasks import held, task

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass
class Drawer:
    """A token store for one process; it writes down what was done."""

    token: Token
    done: list[str] = field(default_factory=list)

    def load(self) -> Token:
        return self.token

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.done.append("lock")
        yield
        self.done.append("unlock")

    def save(self, token: Token) -> None:
        self.done.append("save")
        self.token = token


def app(portal: Sandbox) -> tuple[Bitrix24, Drawer]:
    given = app_settings(portal.options, portal.base)
    query = {"grant_type": "authorization_code", **{k: given[k] for k in GRANT}}
    granted = httpx.get(given["token_url"], params=query).json()
    drawer = Drawer(Token(granted["access_token"], granted["refresh_token"], EPOCH))
    config = Bitrix24.Config.model_validate(
        {
            "portal": portal.base,
            "auth_host": portal.base,
            "client_id": given["client_id"],
            "client_secret": given["client_secret"],
        }
    )
    wire = Hands().wire()
    connector = Bitrix24(config, Wire(limiter=wire.limiter, sleep=wire.sleep, tokens=drawer))
    portal.made.append(connector)
    return connector, drawer


GRANT = ("client_id", "client_secret", "code")


def test_an_application_reads_and_writes_like_a_webhook(own_portal: Sandbox) -> None:
    connector, drawer = app(own_portal)
    assert connector.check().endswith("(Ada Admin)")
    pages = list(connector.deals(Window(), Partition()))
    assert sum(len(page.records) for page in pages) == 60
    task_id = connector.create_task(task())
    assert held(own_portal, task_id)["createdBy"] == "1"
    assert drawer.done == []


def test_an_expired_token_is_renewed_saved_and_used_once(own_portal: Sandbox) -> None:
    connector, drawer = app(own_portal)
    first = drawer.token
    own_portal.faults({"on": {"method": "batch", "nth": 1}, "do": "expired_token"})
    connector.partitions(Stream.DEALS, Window())
    assert drawer.done == ["lock", "save", "unlock"]
    assert drawer.token.access_token != first.access_token
    assert drawer.token.refresh_token != first.refresh_token
    assert drawer.token.expires_at > EPOCH
    connector.partitions(Stream.LEADS, Window())
    assert len(drawer.done) == 3


def test_another_refusal_renews_nothing(own_portal: Sandbox) -> None:
    """Applications that renew more than needed may be blocked."""
    connector, drawer = app(own_portal)
    drawer.token = Token("unknown", drawer.token.refresh_token, EPOCH)
    with pytest.raises(AuthFailed, match="does not know"):
        connector.check()
    assert drawer.done == []


def test_a_create_goes_on_after_a_renewal_and_happens_once(own_portal: Sandbox) -> None:
    connector, drawer = app(own_portal)
    own_portal.faults({"on": {"method": "tasks.task.add", "nth": 1}, "do": "expired_token"})
    task_id = connector.create_task(task())
    assert connector.find_task(task().key) == [task_id]
    assert "save" in drawer.done


def test_a_dead_refresh_token_asks_for_consent(own_portal: Sandbox) -> None:
    connector, drawer = app(own_portal)
    drawer.token = Token(drawer.token.access_token, "dead", EPOCH)
    own_portal.faults({"on": {"method": "scope"}, "do": "expired_token"})
    with pytest.raises(AuthFailed) as refused:
        connector.check()
    assert "consent" in refused.value.next_step
    assert "dead" not in refused.value.message


def test_without_a_token_the_consent_comes_first(own_portal: Sandbox) -> None:
    connector, _ = app(own_portal)
    bare = Bitrix24(connector.config, Hands().wire())
    with pytest.raises(AuthFailed, match="no token"):
        bare.check()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), AuthFailed),
        (httpx.Response(200, json={"error": "WRONG_CLIENT"}), AuthFailed),
        (httpx.Response(402, json={"error": "PAYMENT_REQUIRED"}), NotPermitted),
        (httpx.Response(502, html="<html>"), Unavailable),
        (httpx.Response(200, json={"access_token": "a"}), BadResponse),
    ],
)
def test_each_refusal_to_renew_has_its_error(
    answer: httpx.Response, expected: type[ConnectorError]
) -> None:
    transport = httpx.MockTransport(lambda _: answer)
    server = server_over(transport)
    with pytest.raises(expected) as refused:
        server.renew(Token("a", "r", EPOCH))
    assert "secret" not in str(refused.value)


def test_an_unreachable_authorization_server_is_tried_later() -> None:
    def lost(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    with pytest.raises(Unavailable):
        server_over(httpx.MockTransport(lost)).renew(Token("a", "r", EPOCH))


def test_a_pair_without_an_expiry_is_still_kept() -> None:
    answer = httpx.Response(200, json={"access_token": "a2", "refresh_token": "r2"})
    server = server_over(httpx.MockTransport(lambda _: answer))
    assert server.renew(Token("a", "r", EPOCH)) == Token("a2", "r2", EPOCH)


def server_over(transport: httpx.BaseTransport) -> BitrixServer:
    given = {
        "portal": "https://portal.example",
        "auth_host": "https://auth.example",
        "client_id": "client",
        "client_secret": "top secret",
    }
    return BitrixServer(Bitrix24.Config.model_validate(given), transport)
