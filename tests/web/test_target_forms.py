"""A decision's page says what its KPI target is in the tool it went to."""

import httpx
import msgspec
import pytest
from pydantic import SecretStr

from connectors.tryton.config import TrytonConfig
from sync.store import connections, links, outbox
from sync.store.outbox import Intention
from sync.tables.connections import Connection
from sync.tables.outbox import LinkKind, Operation
from tests.connectors.test_target_forms import TARGET
from tests.web.html import Reader
from tests.web.rows import NOW, save_decision, save_portal
from workers.app import App


def save_tryton(app: App) -> int:
    config = TrytonConfig(server="https://erp.example", database="retro", key=SecretStr("k" * 20))
    with app.database.writing() as session:
        row = connections.save_connection(
            session,
            app.vault,
            kind="tryton",
            name="erp",
            config=config,
            account="erp.example/retro",
            sandbox=False,
            at=NOW,
        )
        assert row.id is not None
        return row.id


def intend_target(app: App, connection_id: int) -> None:
    payload = msgspec.to_builtins(TARGET)
    write = Intention(
        f"target:{TARGET.key}", connection_id, Operation.CREATE_TARGET, TARGET.key, payload, []
    )
    with app.database.writing() as session:
        outbox.intend(session, [write], NOW)


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        (
            "en",
            "In erp: task due on the day of the re-check "
            "fallback: Tryton has no object for KPI targets",
        ),
        (
            "fr",
            "Dans erp : tâche à échéance du jour de la vérification "
            "solution de repli : Tryton n'a pas d'objet pour les cibles KPI",
        ),
    ],
)
def test_a_fallback_is_marked_with_its_reason(
    app: App, client: httpx.Client, lang: str, told: str
) -> None:
    erp = save_tryton(app)
    save_decision(app, erp)
    intend_target(app, erp)
    for path in ("/decisions/D-1", "/"):
        assert told in Reader(client.get(f"{path}?lang={lang}").text).text


def test_an_object_of_the_tool_is_named_and_no_fallback(app: App, client: httpx.Client) -> None:
    portal = save_portal(app)
    save_decision(app, portal)
    intend_target(app, portal)
    with app.database.writing() as session:
        links.link(session, portal, LinkKind.TARGET, TARGET.key, "12", base={}, at=NOW)
    text = Reader(client.get("/decisions/D-1").text).text
    assert "In portal: item of the smart process 'Retro ROI KPI targets'" in text
    assert "fallback" not in text


def test_a_page_is_shown_where_nothing_is_known_of_the_tool(app: App, client: httpx.Client) -> None:
    """The package that brought it is gone, or no write was planned."""
    erp = save_tryton(app)
    save_decision(app, erp)
    assert "In erp:" not in Reader(client.get("/decisions/D-1").text).text
    intend_target(app, erp)
    with app.database.writing() as session:
        row = session.get_one(Connection, erp)
        row.kind = "abacus"
        session.add(row)
    answer = client.get("/decisions/D-1")
    assert answer.status_code == 200
    assert "In erp:" not in Reader(answer.text).text
