import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.waiting import eventually
from tests.workers.conftest import StartPython
from tests.workers.kernel import alive, children_of, processes_of
from workers.embedded import EmbeddedRedisFailed, RedisServer, embedded_redis, redis_url
from workers.processes import Supervisor, pause_after
from workers.program import Program
from workers.queues import counts, enqueue

APPEND = "tests.workers.jobs.append"
HOLD = "tests.workers.jobs.hold"


@pytest.fixture
def client(home: Path) -> Iterator[Redis]:
    with closing(Redis.from_url(redis_url(home))) as redis:
        yield redis


StartService = Callable[..., Program]


@pytest.fixture
def start_service(start_python: StartPython, client: Redis) -> StartService:
    def start(*arguments: str) -> Program:
        service = start_python("-m", "tests.workers.run_service", *arguments)
        eventually(lambda: workers(client) == 1, within=20)
        return service

    return start


def workers(redis: Redis) -> int:
    with suppress(RedisError):
        return counts(redis)["pull"].workers
    return 0


def running(service: Program) -> dict[str, int]:
    """The children of the service by a word of their command."""
    assert service.pid is not None
    found = {}
    for pid in children_of(service.pid):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            for word in ("valkey-server", "run_worker", "SIG_IGN", "signal.pause"):
                if word.encode() in command:
                    found[word] = pid
                    break
    return found


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def job_gets_done(redis: Redis, path: Path) -> bool:
    """Rings like the reconciler: again and again until somebody has come."""
    with suppress(RedisError):
        enqueue(redis, "pull", APPEND, str(path), "done", job_id="a")
    return bool(lines(path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_ends_everything_within_ten_seconds(
    home: Path, tmp_path: Path, client: Redis, start_service: StartService, number: int
) -> None:
    service = start_service("stubborn")
    assert service.pid is not None
    enqueue(client, "pull", HOLD, str(tmp_path), job_id="a")
    eventually(lambda: lines(tmp_path / "held"))
    # Service, Redis, worker, work horse, idle, stubborn.
    eventually(lambda: len(processes_of(home)) == 6)
    asked_at = time.monotonic()
    # As a terminal does on Ctrl-C: the whole process group gets it.
    os.killpg(service.pid, number)
    assert service.ended_within(10)
    assert time.monotonic() - asked_at < 10
    assert service.exited() == 0
    assert processes_of(home) == []


def test_a_program_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "deaf"
    script = (
        "import pathlib, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(mark)!r}).touch()\n"
        "signal.pause()"
    )
    deaf = Program("deaf", [sys.executable, "-c", script])

    def end_the_service() -> None:
        eventually(mark.exists)
        os.kill(os.getpid(), signal.SIGTERM)

    ender = Thread(target=end_the_service)
    ender.start()
    Supervisor([[deaf]]).run()
    ender.join()
    assert deaf.exited() == -signal.SIGKILL


def test_redis_ends_last_so_that_a_worker_can_sign_off(
    home: Path, tmp_path: Path, client: Redis, start_service: StartService
) -> None:
    service = start_service()
    # A worker is known before it minds signals; one that has worked does.
    eventually(lambda: job_gets_done(client, tmp_path / "done"))
    service.ask_to_end()
    assert service.ended_within(10)
    with embedded_redis(home) as url, closing(Redis.from_url(url)) as redis:
        assert workers(redis) == 0


@pytest.mark.promise("G10")
def test_killed_itself_it_leaves_no_process(
    home: Path, tmp_path: Path, client: Redis, start_service: StartService
) -> None:
    service = start_service("stubborn")
    assert service.pid is not None
    enqueue(client, "pull", HOLD, str(tmp_path), job_id="a")
    eventually(lambda: lines(tmp_path / "held"))
    os.kill(service.pid, signal.SIGKILL)
    eventually(lambda: not processes_of(home), within=5)


@pytest.mark.promise("G10")
@pytest.mark.parametrize("word", ["run_worker", "valkey-server", "signal.pause"])
def test_a_program_that_is_killed_is_started_again_and_work_goes_on(
    tmp_path: Path, client: Redis, start_service: StartService, word: str
) -> None:
    service = start_service()
    before = running(service)
    os.kill(before[word], signal.SIGKILL)
    after = eventually(lambda: running(service).get(word) not in (None, before[word]))
    assert after
    eventually(lambda: job_gets_done(client, tmp_path / "next"), within=30)
    assert not alive(before[word])


@pytest.mark.promise("G10")
def test_killed_and_started_again_it_goes_on_with_the_same_home(
    home: Path, tmp_path: Path, client: Redis, start_service: StartService
) -> None:
    first = start_service()
    enqueue(client, "pull", HOLD, str(tmp_path), job_id="held")
    eventually(lambda: lines(tmp_path / "held"))
    enqueue(client, "pull", APPEND, str(tmp_path / "queued"), "done", job_id="a")
    first.kill()
    eventually(lambda: not processes_of(home), within=5)
    second = start_service()
    eventually(lambda: lines(tmp_path / "queued"), within=20)
    assert second.exited() is None


def test_pauses_grow_from_a_fifth_of_a_second_to_five() -> None:
    assert [pause_after(failures) for failures in range(1, 8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]


def test_a_program_that_keeps_failing_is_tried_less_and_less_often(
    home: Path, tmp_path: Path, start_python: StartPython
) -> None:
    tries = tmp_path / "tries"
    failing = f"import time; open({str(tries)!r}, 'a').write(f'{{time.monotonic()}}\\n')"
    script = (
        "import sys\n"
        "from workers.processes import Supervisor\n"
        "from workers.program import Program\n"
        f"Supervisor([[Program('failing', [sys.executable, '-c', {failing!r}])]]).run()\n"
    )
    service = start_python("-c", script)
    eventually(lambda: len(lines(tries)) >= 4, within=20)
    moments = [float(line) for line in lines(tries)[:4]]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert gaps[0] >= 0.2
    assert gaps[1] >= 0.4
    assert gaps[2] >= 0.8
    service.ask_to_end()
    assert service.ended_within(10)
    assert processes_of(home) == []


def test_what_does_not_come_up_at_first_is_an_error_and_the_rest_is_ended(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "redis-server"
    binary.write_text("#!/bin/sh\necho out of memory; exit 1\n")
    binary.chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    idle = Program("idle", [sys.executable, "-c", "import signal; signal.pause()"])
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.raises(EmbeddedRedisFailed, match="out of memory"):
        Supervisor([[idle], [RedisServer(home)]]).run()
    assert idle.exited() is not None
    assert {number: signal.getsignal(number) for number in before} == before
