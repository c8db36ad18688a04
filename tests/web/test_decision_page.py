"""The page of one decision: where the link in every task leads."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.settings import load_settings
from sync.store import links, retros
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import LinkKind
from sync.vault import new_key
from tests.web.html import Reader
from tests.web.rows import NOW, save_decision, save_portal
from tests.web.serving import serving
from workers.app import App, open_app

PUBLIC = "https://retro.example"


def test_a_decision_has_a_page_of_its_own(app: App, client: httpx.Client) -> None:
    portal = save_portal(app)
    save_decision(app, portal)
    save_decision(app, portal, number=2, text="autre chose")
    answer = client.get("/decisions/D-1")
    assert answer.status_code == 200
    seen = Reader(answer.text)
    assert "nouveau gabarit du bouton" in seen.text
    assert "Loup Tavernelle copywriter" in seen.text
    assert "autre chose" not in seen.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    french = Reader(client.get("/decisions/D-1?lang=fr").text)
    assert ("html", {"lang": "fr"}) in french.tags
    languages = [a["href"] for tag, a in french.tags if tag == "a" and "hreflang" in a]
    assert languages == ["/decisions/D-1?lang=en", "/decisions/D-1?lang=fr"]


def test_a_due_date_that_is_gone_in_the_tool_is_told(app: App, client: httpx.Client) -> None:
    portal = save_portal(app)
    save_decision(app, portal)
    with app.database.writing() as session:
        action = retros.actions(session, "D-1")[0]
        links.link(session, portal, LinkKind.TASK, action.key, "7", {}, NOW)
        row = RemoteTaskRow(
            connection_id=portal, id="7", hash=b"x", extra={}, title="", status="open"
        )
        row.updated_at = NOW
        session.add(row)
    assert "no due date in portal since" in Reader(client.get("/decisions/D-1").text).text
    french = Reader(client.get("/decisions/D-1?lang=fr").text).text
    assert "sans échéance dans portal depuis le" in french


def test_the_overview_leads_to_it(app: App, client: httpx.Client) -> None:
    save_decision(app, save_portal(app))
    seen = Reader(client.get("/").text)
    assert ("a", {"href": "/decisions/D-1"}) in seen.tags


@pytest.mark.parametrize("path", ["/decisions/D-none", "/decisions/%3Cscript%3E"])
def test_a_decision_that_is_not_there_is_said_so(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such decision" in Reader(answer.text).text
    assert "<script" not in answer.text


def test_it_stays_on_this_machine_without_a_public_address(app: App, client: httpx.Client) -> None:
    save_decision(app, save_portal(app))
    for headers in ({"Host": "retro.example"}, {"X-Forwarded-For": "203.0.113.7"}):
        assert client.get("/decisions/D-1", headers=headers).status_code == 403


@pytest.fixture
def public(tmp_path: Path) -> Iterator[httpx.Client]:
    """An installation whose decisions are shown under an address of the team."""
    environ = {
        "RETRO_HOME": str(tmp_path),
        "RETRO_SECRET_KEYS": new_key(),
        "RETRO_PUBLIC_URL": PUBLIC,
    }
    app = open_app(load_settings(environ))
    save_decision(app, save_portal(app))
    with serving(app) as address, httpx.Client(base_url=address, timeout=10) as client:
        yield client
    app.close()


def test_a_public_address_shows_decisions_and_nothing_else(public: httpx.Client) -> None:
    by_proxy = {"Host": "retro.example", "X-Forwarded-For": "203.0.113.7"}
    assert public.get("/decisions/D-1", headers=by_proxy).status_code == 200
    assert public.get("/", headers=by_proxy).status_code == 403
    assert public.get("/decisions/D-1", headers={"Host": "evil.example"}).status_code == 403
    assert public.get("/decisions/D-1").status_code == 200
