"""`retro restore` beside processes that were started one by one, on one SQLite file."""

import os
from pathlib import Path

import pytest

from sync.vault import new_key
from tests.waiting import eventually
from tests.workers.conftest import StartPython
from tests.workers.test_service import retro

UP_WITHIN = 60.0
ENDS_WITHIN = 15.0


@pytest.mark.parametrize(
    ("words", "named"),
    [(("worker", "--queue", "pull"), "worker of pull"), (("schedule-loop",), "scheduler")],
)
def test_it_is_refused_until_they_have_ended(
    tmp_path: Path,
    home: Path,
    redis_address: str,
    start_python: StartPython,
    bare_environ: pytest.MonkeyPatch,
    words: tuple[str, ...],
    named: str,
) -> None:
    bare_environ.setenv("RETRO_REDIS_URL", redis_address)
    bare_environ.setenv("RETRO_SECRET_KEYS", new_key())
    environ = os.environ | {"RETRO_HOME": str(home)}
    file = str(tmp_path / "retro.zip")
    assert retro(environ, "backup", file).returncode == 0
    process = start_python("-m", "workers", *words)

    def refusal() -> str:
        return retro(environ, "restore", file).stderr

    told = eventually(refusal, within=UP_WITHIN)
    assert f"These still live: {named}. End every process" in told
    process.ask_to_end()
    assert process.ended_within(ENDS_WITHIN)
    assert retro(environ, "restore", file).returncode == 0
