import os
import signal
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job

from tests.waiting import eventually
from tests.workers.conftest import StartPython
from tests.workers.kernel import alive, children_of, processes_of
from workers.program import Program
from workers.queues import QUEUES, QueueCounts, QueueName, build_worker, counts, enqueue

APPEND = "tests.workers.jobs.append"
HOLD = "tests.workers.jobs.hold"
FAIL = "tests.workers.jobs.fail"
SWALLOW = "tests.workers.jobs.swallow"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def waiting_jobs(redis: Redis, name: str = "pull") -> list[Job]:
    ids = [entry.decode() for entry in redis.lrange(f"rq:queue:{name}", 0, -1)]
    return Job.fetch_many(ids, connection=redis, serializer="json")


def start_worker(
    start_python: StartPython, redis: Redis, url: str, name: QueueName = "pull", *rest: str
) -> Program:
    before = counts(redis)[name].workers
    worker = start_python("-m", "tests.workers.run_worker", url, name, *rest)
    eventually(lambda: counts(redis)[name].workers > before)
    return worker


def horse_of(worker: Program, folder: Path) -> int:
    """The work horse, once its job is under way."""
    assert worker.pid is not None
    eventually(lambda: lines(folder / "held"))
    (horse,) = children_of(worker.pid)
    return horse


@pytest.mark.promise("G14")
def test_a_job_is_a_path_and_ids_in_json_with_retry_and_terms(redis: Redis) -> None:
    assert enqueue(redis, "pull", APPEND, "a", 12, job_id="pull-12")
    (job,) = waiting_jobs(redis)
    assert (job.func_name, list(job.args)) == (APPEND, ["a", 12])
    assert b"pickle" not in job.data
    assert job.id.startswith("pull-12-")
    assert (job.retries_left, job.timeout) == (2, 900)
    assert (job.result_ttl, job.failure_ttl) == (300, 7 * 24 * 3600)


def test_a_bell_that_rings_is_not_rung_twice(redis: Redis) -> None:
    assert enqueue(redis, "pull", APPEND, "a", job_id="pull-12")
    assert not enqueue(redis, "pull", APPEND, "a", job_id="pull-12")
    assert enqueue(redis, "pull", APPEND, "a", job_id="pull-13")
    assert enqueue(redis, "push", APPEND, "a", job_id="pull-12")
    assert [counts(redis)[name].waiting for name in ("pull", "push")] == [2, 1]


def test_a_job_that_is_being_done_does_not_silence_its_bell(
    redis: Redis, redis_address: str, start_python: StartPython, tmp_path: Path
) -> None:
    start_worker(start_python, redis, redis_address)
    enqueue(redis, "pull", HOLD, str(tmp_path), job_id="pull-12")
    eventually(lambda: lines(tmp_path / "held"))
    assert enqueue(redis, "pull", HOLD, str(tmp_path), job_id="pull-12")
    assert not enqueue(redis, "pull", HOLD, str(tmp_path), job_id="pull-12")
    (tmp_path / "release").touch()
    eventually(lambda: len(lines(tmp_path / "released")) == 2)


def test_a_job_that_is_done_does_not_silence_its_bell(
    redis: Redis, redis_address: str, start_python: StartPython, out: Path
) -> None:
    start_worker(start_python, redis, redis_address)
    for round_ in range(1, 3):
        assert enqueue(redis, "pull", APPEND, str(out), "done", job_id="pull-12")
        eventually(lambda expected=round_: len(lines(out)) == expected)


@pytest.mark.promise("G10")
def test_a_job_taken_out_by_a_worker_that_died_does_not_silence_its_bell(redis: Redis) -> None:
    enqueue(redis, "pull", APPEND, "a", job_id="pull-12")
    redis.lmove("rq:queue:pull", "rq:queue:pull:intermediate")
    assert enqueue(redis, "pull", APPEND, "a", job_id="pull-12")


def test_a_worker_takes_from_its_queue_only(
    redis: Redis, redis_address: str, start_python: StartPython, out: Path
) -> None:
    start_worker(start_python, redis, redis_address, "push")
    enqueue(redis, "pull", APPEND, str(out), "pull", job_id="a")
    enqueue(redis, "push", APPEND, str(out), "push", job_id="b")
    eventually(lambda: lines(out))
    assert lines(out) == ["push"]
    assert counts(redis)["pull"].waiting == 1


def test_the_worker_is_built_as_the_architecture_says(redis: Redis) -> None:
    worker = build_worker(redis, "rules", on_killed=APPEND)
    assert worker.queue_names() == ["rules"]
    assert (worker.job_monitoring_interval, worker.maintenance_interval) == (10, 30)
    assert worker.dequeue_timeout <= 30
    assert worker.max_connection_wait_time <= 5


def test_a_job_that_fails_is_repeated_twice_then_filed(
    redis: Redis, redis_address: str, start_python: StartPython, out: Path
) -> None:
    start_worker(start_python, redis, redis_address)
    enqueue(redis, "pull", FAIL, str(out), job_id="a")
    eventually(lambda: counts(redis)["pull"].failed == 1)
    assert lines(out) == ["tried"] * 3


def test_counts_move_nothing(redis: Redis) -> None:
    # A job whose worker is long gone: RQ's own counting would file it as failed.
    redis.zadd("rq:wip:pull", {"gone:1": 1})
    enqueue(redis, "pull", APPEND, "a", job_id="a")
    expected = QueueCounts(waiting=1, running=1, failed=0, workers=0)
    assert counts(redis)["pull"] == expected
    assert counts(redis)["pull"] == expected
    assert set(counts(redis)) == set(QUEUES)


@pytest.mark.promise("G10")
def test_a_work_horse_that_is_killed_is_reported_and_its_job_done_again(
    redis: Redis, redis_address: str, start_python: StartPython, tmp_path: Path
) -> None:
    worker = start_worker(start_python, redis, redis_address)
    enqueue(redis, "pull", HOLD, str(tmp_path), job_id="a")
    os.kill(horse_of(worker, tmp_path), signal.SIGKILL)
    eventually(lambda: len(lines(tmp_path / "held")) == 2)
    assert lines(tmp_path / "killed") == [HOLD]
    (tmp_path / "release").touch()
    eventually(lambda: len(lines(tmp_path / "released")) == 1)


def test_a_report_that_fails_does_not_cost_the_worker(
    redis: Redis, redis_address: str, start_python: StartPython, tmp_path: Path
) -> None:
    worker = start_worker(
        start_python, redis, redis_address, "pull", "tests.workers.jobs.note_badly"
    )
    enqueue(redis, "pull", HOLD, str(tmp_path), job_id="a")
    os.kill(horse_of(worker, tmp_path), signal.SIGKILL)
    eventually(lambda: len(lines(tmp_path / "held")) == 2)
    assert lines(tmp_path / "killed") == [HOLD]
    assert worker.exited() is None


@pytest.mark.promise("G10")
def test_a_work_horse_dies_with_its_worker(
    redis: Redis, redis_address: str, start_python: StartPython, tmp_path: Path
) -> None:
    worker = start_worker(start_python, redis, redis_address)
    enqueue(redis, "pull", HOLD, str(tmp_path), job_id="a")
    horse = horse_of(worker, tmp_path)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    eventually(lambda: not alive(horse), within=5)
    (tmp_path / "release").touch()
    assert lines(tmp_path / "released") == []


@pytest.mark.promise("G10")
def test_an_emptied_redis_costs_neither_the_worker_nor_the_job_it_does(
    redis: Redis, redis_address: str, start_python: StartPython, tmp_path: Path
) -> None:
    worker = start_worker(start_python, redis, redis_address)
    enqueue(redis, "pull", HOLD, str(tmp_path), job_id="a")
    horse_of(worker, tmp_path)
    redis.flushall()
    (tmp_path / "release").touch()
    eventually(lambda: lines(tmp_path / "released"))
    redis.flushall()
    assert enqueue(redis, "pull", APPEND, str(tmp_path / "next"), "done", job_id="a")
    eventually(lambda: lines(tmp_path / "next"))
    assert worker.exited() is None


def test_a_worker_asked_to_end_finishes_its_job_first(
    redis: Redis, redis_address: str, start_python: StartPython, home: Path, tmp_path: Path
) -> None:
    worker = start_worker(start_python, redis, redis_address)
    enqueue(redis, "pull", HOLD, str(tmp_path), job_id="a")
    horse_of(worker, tmp_path)
    worker.ask_to_end()
    (tmp_path / "release").touch()
    assert worker.ended_within(10)
    assert len(lines(tmp_path / "released")) == 1
    assert counts(redis)["pull"].workers == 0


def test_a_job_that_catches_everything_else_is_ended_when_it_hangs(
    redis: Redis, redis_address: str, start_python: StartPython, tmp_path: Path
) -> None:
    start_worker(start_python, redis, redis_address)
    queue = Queue("pull", connection=redis, serializer="json")
    queue.enqueue_call(SWALLOW, args=(str(tmp_path),), timeout=1, failure_ttl=60)
    eventually(lambda: counts(redis)["pull"].failed == 1)
    assert lines(tmp_path / "ended") == ["timed out"]


def test_no_process_is_left_when_worker_and_horse_are_gone(
    redis: Redis, redis_address: str, start_python: StartPython, home: Path, tmp_path: Path
) -> None:
    worker = start_worker(start_python, redis, redis_address)
    enqueue(redis, "pull", HOLD, str(tmp_path), job_id="a")
    horse_of(worker, tmp_path)
    server = redis.info("server")["process_id"]
    worker.kill()
    eventually(lambda: processes_of(home) == [server], within=5)
