"""Inbound webhooks over a real socket, with the settings of a real Bitrix24 connection."""

import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from redis import Redis
from sqlalchemy import event
from sqlmodel import select

from sync.store import hooks
from sync.tables.runs import HookEvent, HookState
from tests.waiting import eventually
from tests.web.rows import TOKEN, save_portal
from tests.web.serving import locked, serving
from web.hooks import LARGEST_BODY
from workers.app import App
from workers.clock import machine_now
from workers.embedded import embedded_redis
from workers.queues import counts

# What the thread pool of the server holds.
THREADS = 40
TS = 1787220009
ACCESS_TOKEN = "acc-u7-of-the-tests"


def task_update(task: int = 3711, token: str = TOKEN, ts: int = TS) -> dict[str, str]:
    """The form of a portal that tells of a changed task."""
    return {
        "event": "ONTASKUPDATE",
        "data[FIELDS_BEFORE][ID]": str(task),
        "data[FIELDS_AFTER][ID]": str(task),
        "data[IS_ACCESSIBLE_BEFORE]": "undefined",
        "data[IS_ACCESSIBLE_AFTER]": "undefined",
        "ts": str(ts),
        "auth[access_token]": ACCESS_TOKEN,
        "auth[scope]": "task",
        "auth[domain]": "portal.example",
        "auth[member_id]": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "auth[application_token]": token,
    }


def stored(app: App) -> list[HookEvent]:
    with app.database.reading() as session:
        return list(session.exec(select(HookEvent)).all())


@pytest.fixture
def portal(app: App) -> int:
    return save_portal(app)


def test_a_verified_event_is_stored_as_a_hint(app: App, client: httpx.Client, portal: int) -> None:
    answer = client.post("/hooks/portal", data=task_update())

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    (event,) = stored(app)
    assert (event.connection_id, event.stream, event.record_ids) == (portal, "tasks", ["3711"])
    assert event.state is HookState.STORED


@pytest.mark.usefixtures("portal")
def test_an_event_delivered_twice_is_counted_and_answered_alike(
    app: App, client: httpx.Client
) -> None:
    answers = [client.post("/hooks/portal", data=task_update()) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    (event,) = stored(app)
    assert event.deliveries == 2


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("state", [HookState.APPLIED, HookState.FAILED])
@pytest.mark.parametrize(
    ("seconds", "stored_again"), [(0.4, True), (1.9, True), (2.1, False), (3600.0, False)]
)
def test_a_second_change_within_the_second_of_one_that_was_read_rings_again(
    app: App, tmp_path: Path, state: HookState, seconds: float, stored_again: bool
) -> None:
    """The portal tells whole seconds: both changes have one key. A repetition of an event that was
    read later is none."""
    with embedded_redis(tmp_path / "bell") as url, closing(Redis.from_url(url)) as redis:
        with serving(_with_redis(app, redis)) as address:
            httpx.post(f"{address}/hooks/portal", data=task_update())
            _read(app, state, seconds)
            redis.flushall()
            httpx.post(f"{address}/hooks/portal", data=task_update())
            httpx.post(f"{address}/hooks/portal", data=task_update())
        assert counts(redis)["hooks"].waiting == (1 if stored_again else 0)
    (event,) = stored(app)
    assert event.state is (HookState.STORED if stored_again else state)
    assert event.deliveries == 3


@pytest.mark.usefixtures("portal")
def test_an_event_that_is_delivered_again_while_it_is_read_stays_stored(
    app: App, client: httpx.Client
) -> None:
    client.post("/hooks/portal", data=task_update())
    (begun,) = stored(app)
    client.post("/hooks/portal", data=task_update())
    for read, left in ((begun, HookState.STORED), (stored(app)[0], HookState.APPLIED)):
        assert begun.id is not None
        with app.database.writing() as session:
            hooks.note_applied(session, begun.id, read.deliveries, machine_now())
        assert stored(app)[0].state is left


@pytest.mark.usefixtures("portal")
def test_a_failure_leaves_an_event_stored_that_was_delivered_again_meanwhile(
    app: App, client: httpx.Client
) -> None:
    client.post("/hooks/portal", data=task_update())
    (begun,) = stored(app)
    client.post("/hooks/portal", data=task_update())
    for read, left in ((begun, HookState.STORED), (stored(app)[0], HookState.FAILED)):
        _fail(app, read)
        assert stored(app)[0].state is left


@pytest.mark.usefixtures("portal")
def test_an_event_that_another_worker_has_applied_does_not_fail_afterwards(
    app: App, client: httpx.Client
) -> None:
    client.post("/hooks/portal", data=task_update())
    _read(app, HookState.APPLIED, 0.4)
    (applied,) = stored(app)
    _fail(app, applied)
    (event,) = stored(app)
    assert (event.state, event.applied_at) == (HookState.APPLIED, applied.applied_at)


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("ts", ["", "soon", "9" * 30])
def test_an_event_without_a_moment_is_stored_once(app: App, client: httpx.Client, ts: str) -> None:
    for _ in range(2):
        form = {**task_update(), "ts": ts}
        assert client.post("/hooks/portal", data=form).status_code == 200
        _read(app, HookState.APPLIED, 0.0)
    (event,) = stored(app)
    assert (event.state, event.deliveries) == (HookState.APPLIED, 2)


@pytest.mark.usefixtures("portal")
def test_a_stored_event_rings_the_bell_once(app: App, tmp_path: Path) -> None:
    with embedded_redis(tmp_path / "bell") as url, closing(Redis.from_url(url)) as redis:
        with serving(_with_redis(app, redis)) as address:
            for _ in range(2):
                httpx.post(f"{address}/hooks/portal", data=task_update())
        assert counts(redis)["hooks"].waiting == 1


@pytest.mark.promise("G10")
@pytest.mark.usefixtures("portal")
def test_an_event_is_taken_while_the_doorbell_is_broken(app: App, tmp_path: Path) -> None:
    with (
        closing(Redis.from_url(f"unix://{tmp_path}/nobody.sock")) as redis,
        serving(_with_redis(app, redis)) as address,
    ):
        answer = httpx.post(f"{address}/hooks/portal", data=task_update())
    assert answer.status_code == 200
    assert len(stored(app)) == 1


@pytest.mark.usefixtures("portal")
def test_a_name_that_a_database_cannot_take_is_not_looked_for(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.post("/hooks/%00", data=task_update()).status_code == 404
    assert client.get("/decisions/a%00b").status_code == 404
    # A look for it would have told that there is no such connection.
    assert not [record for record in caplog.records if record.name.startswith("web")]


def test_an_unknown_connection_is_not_found_and_the_known_ones_are_not_told(
    app: App, client: httpx.Client
) -> None:
    answer = client.post("/hooks/elsewhere", data=task_update())

    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no connection of this name."}
    assert stored(app) == []


@pytest.mark.promise("G14")
@pytest.mark.usefixtures("portal")
def test_an_unproven_event_is_refused_without_a_word_of_it_in_answer_or_log(
    app: App, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    answer = client.post("/hooks/portal", data=task_update(token="a-guess"))

    assert (answer.status_code, answer.json()) == (403, {"detail": "Refused."})
    assert stored(app) == []
    (warning,) = [record for record in caplog.records if record.name == "web.hooks"]
    assert warning.levelno == logging.WARNING
    for secret in ("a-guess", TOKEN, ACCESS_TOKEN):
        assert secret not in caplog.text


def test_an_event_for_a_connection_without_a_token_is_refused(
    app: App, client: httpx.Client
) -> None:
    save_portal(app, token=None)
    assert client.post("/hooks/portal", data=task_update(token="")).status_code == 403


@pytest.mark.usefixtures("portal")
def test_a_body_over_the_limit_is_refused(app: App, client: httpx.Client) -> None:
    body = urlencode(task_update()).encode().ljust(LARGEST_BODY + 1, b"&")

    answer = client.post("/hooks/portal", content=_in_pieces(body))

    assert answer.status_code == 413
    assert answer.json() == {"detail": "A webhook may hold 256 KiB at most."}
    assert stored(app) == []


def test_a_body_that_is_announced_as_too_large_is_not_waited_for(client: httpx.Client) -> None:
    with _begun(client, LARGEST_BODY + 1, "") as delivery:
        assert delivery.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.usefixtures("portal")
def test_a_body_at_the_limit_is_taken(app: App, client: httpx.Client) -> None:
    # One field more, because empty ones count against the number of fields.
    body = (urlencode(task_update()) + "&more=").encode().ljust(LARGEST_BODY, b"x")
    assert client.post("/hooks/portal", content=body).status_code == 200
    assert len(stored(app)) == 1


@pytest.mark.usefixtures("portal")
def test_a_body_that_breaks_off_leaves_nothing_behind(
    app: App, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    body = urlencode(task_update())
    with _begun(client, len(body) + 1, body):
        pass
    eventually(lambda: "broke off" in caplog.text)
    assert client.get("/healthz").status_code == 200
    assert stored(app) == []
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


@pytest.mark.usefixtures("portal")
def test_other_methods_are_refused(client: httpx.Client) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert client.request(method, "/hooks/portal").status_code == 405


@pytest.mark.usefixtures("portal")
def test_an_event_that_cannot_be_stored_may_be_sent_again(
    app: App, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    # The service waits for half a minute.
    app.database.close()
    event.listen(app.database.engine, "connect", lambda it, _: it.execute("PRAGMA busy_timeout=1"))
    with locked(app.database):
        answer = client.post("/hooks/portal", data=task_update())

    assert answer.status_code == 503
    assert answer.json() == {"detail": "The event could not be stored; send it again."}
    assert ACCESS_TOKEN not in caplog.text
    assert client.post("/hooks/portal", data=task_update()).status_code == 200


@pytest.mark.usefixtures("portal")
def test_health_is_told_while_every_thread_waits_for_the_database(
    app: App, client: httpx.Client
) -> None:
    def deliver(task: int) -> int:
        form = task_update(task)
        return httpx.post(f"{client.base_url}/hooks/portal", data=form, timeout=60).status_code

    with ThreadPoolExecutor(THREADS) as pool:
        with locked(app.database):
            answers = [pool.submit(deliver, task) for task in range(1, THREADS + 1)]
            eventually(lambda: _busy_threads() == THREADS, within=30)
            health = client.get("/healthz")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        assert {answer.result() for answer in answers} == {200}
    assert len(stored(app)) == THREADS


@pytest.mark.usefixtures("portal")
def test_settings_that_cannot_be_read_are_not_a_refusal(
    app: App, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with app.database.writing() as session:
        session.connection().exec_driver_sql("UPDATE connection SET secrets = x'00'")
    assert client.post("/hooks/portal", data=task_update()).status_code == 503
    assert "RETRO_SECRET_KEYS" in caplog.text


@contextmanager
def _begun(client: httpx.Client, announced: int, body: str) -> Iterator[socket.socket]:
    """A delivery that has sent no more than `body` yet."""
    url = client.base_url
    head = f"POST /hooks/portal HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n"
    with closing(socket.create_connection((url.host, url.port), timeout=10)) as delivery:
        delivery.sendall((head + body).encode())
        yield delivery


def _in_pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 64 * 1024):
        yield body[start : start + 64 * 1024]


def _read(app: App, state: HookState, seconds: float) -> None:
    """The event was applied so long after the moment that it names."""
    with app.database.writing() as session:
        (row,) = session.exec(select(HookEvent)).all()
        row.state, row.applied_at = state, datetime.fromtimestamp(TS + seconds, UTC)
        session.add(row)


def _fail(app: App, read: HookEvent) -> None:
    """As the worker does that read this event and could not read its record."""
    assert read.id is not None
    with app.database.writing() as session:
        hooks.note_failed(session, read.id, read.deliveries, machine_now())


def _busy_threads() -> int:
    return sum(thread.name == "AnyIO worker thread" for thread in threading.enumerate())


def _with_redis(app: App, redis: Redis) -> App:
    return App(app.settings, app.database, app.vault, app.clock, redis, app.limits)
