import json
import os
from pathlib import Path

import pytest

from tests.waiting import eventually
from tests.workers.conftest import StartPython
from workers.instance import LOCK, HomeInUse, hold

HOLDER = """
import os, signal
from pathlib import Path
from workers.instance import hold
with hold(Path(os.environ["RETRO_HOME"]), "retro run"):
    signal.pause()
"""


def holder_in(home: Path) -> int | None:
    try:
        return int(json.loads((home / LOCK).read_text())["pid"])
    except (OSError, ValueError):
        return None


def test_a_second_service_on_a_home_is_refused_and_told_who_has_it(
    home: Path, start_python: StartPython
) -> None:
    first = start_python("-c", HOLDER)
    eventually(lambda: holder_in(home) == first.pid)
    with pytest.raises(HomeInUse) as caught, hold(home, "retro run"):
        pass
    text = str(caught.value)
    assert text.startswith(f"retro run (process {first.pid}, started 20")
    assert f"already uses {home}; stop it with Ctrl-C there or with: kill {first.pid}" in text
    assert text.endswith("or set RETRO_HOME to another folder.")


def test_the_lock_goes_with_a_process_that_is_killed(home: Path, start_python: StartPython) -> None:
    first = start_python("-c", HOLDER)
    eventually(lambda: holder_in(home) == first.pid)
    first.kill()
    with hold(home, "retro run"):
        assert holder_in(home) == os.getpid()


def test_a_child_does_not_keep_the_lock_of_its_parent(
    home: Path, start_python: StartPython
) -> None:
    with hold(home, "retro run"):
        child = start_python("-c", "import signal; signal.pause()")
    with hold(home, "retro run"):
        assert child.exited() is None


def test_after_the_block_the_home_is_free(home: Path) -> None:
    with hold(home, "retro run"):
        pass
    with hold(home, "retro demo"):
        assert json.loads((home / LOCK).read_text())["command"] == "retro demo"


def test_two_homes_do_not_disturb_each_other(tmp_path: Path) -> None:
    with hold(tmp_path / "a", "retro run"), hold(tmp_path / "b", "retro run"):
        assert holder_in(tmp_path / "a") == holder_in(tmp_path / "b")


@pytest.mark.parametrize("content", ["", "[]", "{}", "null"])
def test_a_holder_that_has_not_written_its_name_yet_is_refused_all_the_same(
    home: Path, start_python: StartPython, content: str
) -> None:
    first = start_python("-c", HOLDER)
    eventually(lambda: holder_in(home) == first.pid)
    (home / LOCK).write_text(content)
    with pytest.raises(HomeInUse, match=r"^another process already uses"), hold(home, "retro run"):
        pass
