"""What monitoring asks: whether the process serves, whether the service works, and its figures."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from config.settings import load_settings
from sync.store import outbox, runs, schedules
from sync.store.outbox import Intention
from sync.store.schedules import Timing
from sync.tables.connections import Connection
from sync.tables.outbox import Operation
from sync.tables.runs import Mode, Trigger
from sync.vault import new_key
from tests.postgres import Postgres
from tests.waiting import eventually
from tests.web.serving import serving
from tests.workers.conftest import StartPython, home, redis, redis_address, start_python
from workers.app import App, open_app
from workers.clock import machine_now
from workers.queues import QUEUES
from workers.readiness import note_scheduler

__all__ = ["home", "redis", "redis_address", "start_python"]


def figures(text: str) -> dict[tuple[str, ...], float]:
    """By name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def fill(app: App) -> None:
    now = machine_now() - timedelta(hours=1)
    with app.database.writing() as session:
        row = Connection(name="portal", kind="bitrix24", settings={}, secrets=b"s", created_at=now)
        session.add(row)
        session.flush()
        assert row.id is not None
        runs.queue_run(session, row.id, "deals", mode=Mode.FULL, trigger=Trigger.MANUAL, at=now)
        write = Intention("task:D", row.id, Operation.CREATE_TASK, "D", {}, [])
        outbox.intend(session, [write], now)
        schedules.set_schedule(session, row.id, "deals", Timing(every=timedelta(hours=9)), now)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres_server")
    with closing(server.new_database()) as database:
        return database.url


def test_the_figures_tell_what_waits_and_how_late_it_is(
    tmp_path: object, address: str | None
) -> None:
    environ = {"RETRO_HOME": str(tmp_path), "RETRO_SECRET_KEYS": new_key()}
    if address is not None:
        environ["RETRO_DATABASE_URL"] = address
    with closing(open_app(load_settings(environ))) as app, serving(app) as served:
        fill(app)
        answer = httpx.get(f"{served}/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        found = figures(answer.text)
        assert found["retro_database_up",] == 1
        assert found["retro_redis_up",] == 0
        assert found["retro_runs", "queued"] == 1
        assert found["retro_outbox_writes", "portal", "planned"] == 1
        assert found["retro_connections", "portal", "active"] == 1
        assert found["retro_oldest_queued_run_seconds",] >= 3600
        assert found["retro_oldest_planned_write_seconds", "portal"] >= 3600
        assert found["retro_schedule_lateness_seconds", "portal", "deals"] >= 3600


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_a_proxy_is_not_told(client: httpx.Client, path: str) -> None:
    assert client.get(path, headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 403


def test_without_redis_the_service_serves_and_is_not_ready(client: httpx.Client) -> None:
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    told = answer.json()
    assert told["database"] == "ok"
    assert told["redis"].startswith("cannot be reached")


def test_ready_is_a_database_a_redis_a_worker_for_each_queue_and_a_scheduler(
    tmp_path: object, redis: Redis, redis_address: str, start_python: StartPython
) -> None:
    settings = load_settings({"RETRO_HOME": f"{tmp_path}/other", "RETRO_SECRET_KEYS": new_key()})
    with closing(open_app(settings, Redis.from_url(redis_address))) as app, serving(app) as served:
        told: Callable[[], dict[str, str]] = lambda: httpx.get(f"{served}/readyz").json()  # noqa: E731
        assert told()["scheduler"] == "none is alive"
        note_scheduler(app)
        start_python("-m", "tests.workers.run_worker", redis_address, "pull")
        eventually(lambda: told()["worker of pull"] == "ok", within=30)
        assert {name for name, each in told().items() if each == "none is alive"} == {
            f"worker of {queue}" for queue in QUEUES if queue != "pull"
        }
        assert httpx.get(f"{served}/readyz").status_code == 503
