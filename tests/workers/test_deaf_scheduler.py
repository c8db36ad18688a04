"""A scheduler that comes up while its Redis is away."""

from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from connectors.models import Stream
from sync.store import runs
from sync.tables.connections import Connection
from sync.tables.runs import Mode, Trigger
from sync.vault import new_key
from tests.portal import NOW, new_database
from tests.waiting import eventually
from tests.workers.conftest import StartPython
from workers.clock import machine_now
from workers.embedded import embedded_redis, redis_url

RINGS_WITHIN = 60.0
SAYS_WITHIN = 30.0


@pytest.mark.promise("G10")
def test_it_rings_for_what_lies_there_once_redis_is_back(
    home: Path, start_python: StartPython, bare_environ: pytest.MonkeyPatch
) -> None:
    bare_environ.setenv("RETRO_REDIS_URL", redis_url(home))
    bare_environ.setenv("RETRO_SECRET_KEYS", new_key())
    home.mkdir()
    with closing(new_database(home / "retro.db")) as database, database.writing() as session:
        row = Connection(name="portal", kind="bitrix24", settings={}, secrets=b"", created_at=NOW)
        session.add(row)
        session.flush()
        assert row.id is not None
        runs.queue_run(
            session,
            row.id,
            Stream.DEALS,
            mode=Mode.FULL,
            trigger=Trigger.SCHEDULE,
            at=machine_now(),
        )
    log = home.with_name("scheduler.log")
    bare_environ.setenv("LOG_OF_THIS", str(log))
    start_python(
        "-c",
        "import os, sys; log = open(os.environ['LOG_OF_THIS'], 'w'); os.dup2(log.fileno(), 2);"
        "os.execv(sys.executable, [sys.executable, '-m', 'workers', 'schedule-loop'])",
    )
    eventually(lambda: "The scheduler waits" in _text(log), within=SAYS_WITHIN)
    with embedded_redis(home) as url, closing(Redis.from_url(url)) as redis:
        eventually(lambda: redis.llen("rq:queue:pull") == 1, within=RINGS_WITHIN)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
