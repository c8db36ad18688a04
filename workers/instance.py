"""One service per home: a lock that goes with the process that holds it, however it ends."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from workers.errors import CannotRun

LOCK = "instance.lock"


class HomeInUse(CannotRun):
    pass


@contextmanager
def hold(home: Path, command: str) -> Iterator[None]:
    """Keep `home` to ourselves as long as the block runs. `command` tells others what we are.

    Raises HomeInUse, naming the process that has it.
    """
    home.mkdir(parents=True, exist_ok=True)
    # Child processes do not inherit the file, so the lock cannot outlive us in one of them.
    with (home / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HomeInUse(_refusal(home, file)) from error
        _write(file, {"pid": os.getpid(), "command": command, "started": _now()})
        yield


def may_be_running(home: Path) -> bool:
    """Whether the process that had the home last is there. Without a look at the lock, which would
    keep one that begins now from it."""
    try:
        holder = json.loads((home / LOCK).read_text())
        os.kill(int(holder["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _write(file: IO[str], holder: dict[str, str | int]) -> None:
    file.truncate(0)
    json.dump(holder, file)
    file.flush()


def _refusal(home: Path, file: IO[str]) -> str:
    file.seek(0)
    try:
        holder = json.load(file)
        who = f"{holder['command']} (process {holder['pid']}, started {holder['started']})"
        step = f"stop it with Ctrl-C there or with: kill {holder['pid']}"
    except (ValueError, KeyError, TypeError):
        # It has the lock and is just writing its name.
        who, step = "another process", "stop it"
    return f"{who} already uses {home}; {step}, or set RETRO_HOME to another folder."


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
