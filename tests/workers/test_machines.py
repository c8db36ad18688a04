"""The service as processes of several machines: PostgreSQL, a Redis of their own, and `retro web`,
`schedule-loop` and `worker` started one by one (G9, G10)."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select

from connectors.bitrix24.sandbox import settings
from connectors.models import Stream
from connectors.sandbox.runner import free_port
from sync.store.database import Database
from sync.tables.mirror import DealRow
from sync.tables.runs import Run, RunStatus
from sync.vault import new_key
from tests.connectors.bitrix24.kit import sandbox
from tests.portal import Mirrored
from tests.postgres import Postgres, postgres
from tests.waiting import eventually
from tests.workers.conftest import StartPython
from tests.workers.test_service import retro
from workers.clock import machine_now
from workers.embedded import embedded_redis

pytestmark = pytest.mark.slow

# Seven interpreters start at once, on a machine that may be busy.
UP_WITHIN = 240.0
NEXT_PULL_WITHIN = 60.0
ENDS_WITHIN = 15.0
PROCESSES = (
    ("web",),
    ("schedule-loop",),
    ("worker", "--queue", "pull"),
    ("worker", "--queue", "pull"),
    ("worker", "--queue", "push"),
    ("worker", "--queue", "hooks"),
    ("worker", "--queue", "rules"),
)


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Of its own: it is restarted."""
    with postgres() as running:
        yield running


def all_runs(database: Database) -> list[Run]:
    with database.reading() as session:
        return list(session.exec(select(Run).order_by(col(Run.id))).all())


def under_way(database: Database) -> int | None:
    running = (run.id for run in all_runs(database) if run.status is RunStatus.RUNNING)
    return next(running, None)


def await_pull(database: Database, moment: datetime) -> None:
    """The next pull that is queued after this moment and comes to its good end."""

    def done() -> bool:
        return any(
            run.status is RunStatus.SUCCEEDED and run.queued_at > moment
            for run in all_runs(database)
        )

    eventually(done, within=NEXT_PULL_WITHIN)


@pytest.mark.promise("G9")
@pytest.mark.promise("G10")
def test_a_killed_worker_and_a_restarted_database_cost_a_minute_at_most_and_no_data(
    tmp_path: Path,
    home: Path,
    server: Postgres,
    start_python: StartPython,
    bare_environ: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    with (
        closing(server.empty_database()) as database,
        embedded_redis(tmp_path / "elsewhere") as redis,
        sandbox(records=60, seed=7) as portal,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):
        webhook = settings(portal.options, portal.base)["webhook"]
        environ = {
            "RETRO_DATABASE_URL": database.url,
            "RETRO_REDIS_URL": redis,
            "RETRO_SECRET_KEYS": new_key(),
            "RETRO_ALLOW_PRIVATE_HOSTS": "1",
            "RETRO_PORT": str(port),
            "RETRO_SECRET_PORTAL_WEBHOOK": webhook,
        }
        for name, value in environ.items():
            bare_environ.setenv(name, value)
        told = dict(os.environ) | {"RETRO_HOME": str(home)}
        assert retro(told, "connect", "bitrix24", "portal").returncode == 0
        every = ("--stream", "deals", "--every", "5s")
        assert retro(told, "schedule", "portal", *every).returncode == 0
        running = [start_python("-m", "workers", *words) for words in PROCESSES]

        def missing() -> dict[str, str]:
            """What is not ready, by its name."""
            try:
                told = client.get("/readyz").json()
            except httpx.HTTPError as error:
                return {"web": type(error).__name__}
            return {name: each for name, each in told.items() if each != "ok"}

        begun = machine_now()
        eventually(lambda: not missing(), within=UP_WITHIN)
        await_pull(database, begun)
        killed = running[2]
        killed.kill()
        await_pull(database, machine_now())
        # The answer that a pull waits for comes when the database is back.
        portal.faults({"do": "slow", "seconds": 8})
        amid = eventually(lambda: under_way(database), within=NEXT_PULL_WITHIN)
        server.restart()
        assert [run.status for run in all_runs(database) if run.id == amid] == [RunStatus.RUNNING]
        portal.faults()
        ended = [RunStatus.SUCCEEDED]
        eventually(
            lambda: [run.status for run in all_runs(database) if run.id == amid] == ended,
            within=NEXT_PULL_WITHIN,
        )
        await_pull(database, machine_now())
        eventually(lambda: not missing(), within=NEXT_PULL_WITHIN)
        assert [each.exited() for each in running if each is not killed] == [None] * 6
        mirrored = Mirrored(database, portal, connection_id=1)
        with database.reading() as session:
            count = len(session.exec(select(DealRow.id)).all())
        assert count == len(portal.records("deals"))
        # No custom field is mapped here.
        wanted = {id_: {**one, "extra": {}} for id_, one in mirrored.truth(Stream.DEALS).items()}
        assert mirrored.records(Stream.DEALS) == wanted
        judge(all_runs(database))
        for each in running:
            each.ask_to_end()
        assert all(each.ended_within(ENDS_WITHIN) for each in running)
        statuses = [each.exited() for each in running if each is not killed]
        assert statuses == [0] * 6
        assert killed.exited() == -signal.SIGKILL


def judge(history: list[Run]) -> None:
    """None failed, and no two ran at once."""
    assert {run.status for run in history} <= {
        RunStatus.SUCCEEDED,
        RunStatus.QUEUED,
        RunStatus.RUNNING,
    }
    for earlier, later in pairwise(run for run in history if run.ended_at is not None):
        assert earlier.ended_at is not None
        assert later.started_at is not None
        assert earlier.ended_at <= later.started_at
