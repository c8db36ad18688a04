import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from tests.waiting import eventually
from tests.workers.conftest import StartPython
from tests.workers.kernel import processes_of
from workers.program import LEASH, Program

PARENT = """
import sys
from workers.program import Program
child = "import pathlib, signal, sys; pathlib.Path(sys.argv[1]).touch(); signal.pause()"
program = Program("child", [sys.executable, "-c", child, sys.argv[1]])
program.start()
program.ended_within(60)
"""


@pytest.mark.promise("G10")
def test_a_program_dies_with_a_parent_that_is_killed(
    home: Path, tmp_path: Path, start_python: StartPython
) -> None:
    parent = start_python("-c", PARENT, str(tmp_path / "child"))
    eventually((tmp_path / "child").exists)
    assert len(processes_of(home)) == 2
    parent.kill()
    eventually(lambda: not processes_of(home), within=5)


def test_a_command_whose_parent_is_already_gone_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    another = str(os.getppid())
    done = subprocess.run([sys.executable, str(LEASH), another, "touch", str(mark)], check=False)
    assert done.returncode == 1
    assert not mark.exists()


def test_the_leash_becomes_the_command_and_keeps_its_exit_status() -> None:
    program = Program("three", [sys.executable, "-c", "raise SystemExit(3)"])
    program.start()
    assert program.ended_within(10)
    assert program.exited() == 3


def test_a_program_is_not_started_by_a_thread_it_would_die_with() -> None:
    caught: list[str] = []

    def start() -> None:
        try:
            Program("child", ["true"]).start()
        except RuntimeError as error:
            caught.append(str(error))

    thread = Thread(target=start)
    thread.start()
    thread.join()
    assert caught == ["a program started by another thread would die with that thread"]


def test_killing_a_program_kills_what_it_started_in_its_group(
    home: Path, start_python: StartPython
) -> None:
    script = (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import signal; signal.pause()'])"
    )
    program = start_python("-c", script)
    eventually(lambda: len(processes_of(home)) == 2)
    program.kill()
    eventually(lambda: not processes_of(home), within=5)
