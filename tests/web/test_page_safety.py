"""What the page keeps to itself, and what it lets nobody do."""

import httpx
import pytest

from sync.store.runs import Progress
from sync.tables.runs import RunStatus
from tests.web.html import Reader
from tests.web.rows import TOKEN, WEBHOOK, fill, finished, save_decision, save_portal
from workers.app import App

ATTACK = "<script>alert('1')</script>"


@pytest.mark.promise("G14")
def test_no_secret_is_on_the_page(app: App, client: httpx.Client) -> None:
    fill(app)
    answer = client.get("/").text
    assert "portal.example, user 1" in answer
    assert WEBHOOK not in answer
    assert WEBHOOK.rstrip("/").rpartition("/")[2] not in answer
    assert TOKEN not in answer


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_what_people_wrote_is_shown_as_text(app: App, client: httpx.Client, lang: str) -> None:
    portal = save_portal(app, name=f"portal {ATTACK}")
    save_decision(app, portal, text=f"gabarit {ATTACK}", status=ATTACK)
    with app.database.writing() as session:
        for table, columns in (
            ("connection", ("account",)),
            ("person", ("name",)),
            ("action", ("title", "role", "status")),
            ("target", ("kpi", "status")),
            ("check", ("verdict", "message")),
        ):
            for column in columns:
                session.connection().exec_driver_sql(
                    f'UPDATE "{table}" SET "{column}" = ?', (f"{column} {ATTACK}",)
                )
        session.connection().exec_driver_sql('UPDATE "check" SET figures = ?', ("{}",))
        error = dict.fromkeys(("kind", "message", "who", "next_step"), ATTACK)
        finished(
            session,
            portal,
            ATTACK,
            Progress(),
            status=RunStatus.FAILED,
            error={**error, "blocks": [f"decision {ATTACK}", ATTACK]},
        )
    answer = client.get("/", params={"lang": lang}).text
    assert "<script" not in answer
    assert answer.count("&lt;script&gt;") >= 20


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "retro.example"},
        {"Host": "127.0.0.1.evil.example:8400"},
        {"Host": "["},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
    ],
)
def test_the_page_is_not_shown_beyond_this_machine(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    answer = client.get("/", headers=headers)
    assert answer.status_code == 403
    assert "no sign-in yet" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost:9000", "[::1]:8400"])
def test_the_page_is_shown_under_every_name_of_this_machine(
    client: httpx.Client, host: str
) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_the_page_allows_nothing_but_its_own_style(client: httpx.Client) -> None:
    answer = client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assets = [
        address
        for _, attrs in Reader(answer.text).tags
        for name, address in attrs.items()
        if name in ("href", "src") and address and address.startswith("/static")
    ]
    assert len(assets) == 2
    assert [client.get(each).status_code for each in assets] == [200, 200]
    assert "server" not in answer.headers


def test_there_is_no_other_page(client: httpx.Client) -> None:
    for path in ("/docs", "/openapi.json", "/redoc", "/static/../app.py", "/static/%2e%2e/app.py"):
        assert client.get(path).status_code == 404
