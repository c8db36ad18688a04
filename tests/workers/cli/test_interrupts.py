"""Ctrl-C ends a command in one line and with the status of an interrupt, whenever it is pressed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sync.store.database import Database
from tests.connectors.bitrix24.kit import sandbox
from tests.waiting import eventually
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_pulling import interruptible, running

# Ctrl-C as soon as a module is looked for, wherever Python is then.
PRESSED = """
import os, signal, sys

class Press:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            os.kill(os.getpid(), signal.SIGINT)

MODULE = sys.argv.pop()
sys.meta_path.insert(0, Press())
from workers.entry import main
main()
"""


@pytest.mark.parametrize(
    "module", ["workers.cli.main", "click", "sqlalchemy", "workers.cli.connections", "pydantic"]
)
def test_ctrl_c_while_a_command_is_loaded_shows_no_traceback(retro: Retro, module: str) -> None:
    with interruptible():
        ended = subprocess.run(
            [sys.executable, "-c", PRESSED, "connections", module],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == "retro: Stopped. Run the command again.\n"


def test_pressing_ctrl_c_three_times_ends_it_at_once_and_without_a_traceback(retro: Retro) -> None:
    with sandbox(seed=7, records=60) as portal:
        retro.connect(portal)
        portal.faults({"do": "slow", "seconds": 2})
        with interruptible():
            process = subprocess.Popen(
                [sys.executable, "-m", "workers", "pull", "portal"],
                env=dict(os.environ),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,
            )
        database = Database(f"sqlite:///{retro.home / 'retro.db'}")
        eventually(lambda: running(database), within=20)
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        out, err = process.communicate(timeout=20)
        database.close()
    assert process.returncode in (130, -signal.SIGINT)
    assert out == ""
    assert err.strip() in ("", "retro: Stopped. Run the command again.")


IN_A_CALLBACK = """
import signal, time, weakref
from workers import entry

class Thing: ...

signal.signal(signal.SIGINT, entry._tell_and_leave)
entry.loaded()
thing = Thing()
kept = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
try:
    del thing
    time.sleep(20)
except KeyboardInterrupt:
    print("ended")
"""


def test_a_ctrl_c_that_falls_into_a_callback_of_the_interpreter_ends_the_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, timeout=15
    )
    assert (ended.stdout, ended.stderr) == ("ended\n", "")
