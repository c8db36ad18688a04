import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from tests.workers.two_way import TwoWay, two_way
from workers.embedded import embedded_redis
from workers.program import Program


@pytest.fixture
def bare_environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Whatever the machine sets for the service is not set here."""
    for name in [each for each in os.environ if each.startswith("RETRO_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def redis_address(home: Path) -> Iterator[str]:
    with embedded_redis(home) as url:
        yield url


@pytest.fixture
def redis(redis_address: str) -> Iterator[Redis]:
    with closing(Redis.from_url(redis_address)) as client:
        yield client


@pytest.fixture
def sides(home: Path) -> Iterator[TwoWay]:
    """One decision with two tasks in a portal, read back once."""
    with two_way(home) as made:
        yield made


StartPython = Callable[..., Program]


@pytest.fixture
def start_python(home: Path) -> Iterator[StartPython]:
    """Starts `python …` in the project, marked with RETRO_HOME; ends it after the test."""
    started: list[Program] = []

    def start(*arguments: str) -> Program:
        environ = os.environ | {"RETRO_HOME": str(home)}
        program = Program(arguments[-1], [sys.executable, *arguments], environ)
        program.start()
        started.append(program)
        return program

    yield start
    for program in started:
        program.kill()
