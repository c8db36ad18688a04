"""Jobs for the tests: they leave their traces in files."""

import os
from pathlib import Path

from tests.waiting import eventually
from workers.queues import TimedOut


def append(path: str, word: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{word}\n")


def hold(folder: str) -> None:
    """Says which process it runs in and goes on when there is a file named `release`."""
    append(f"{folder}/held", str(os.getpid()))
    eventually((Path(folder) / "release").exists, within=60)
    append(f"{folder}/released", str(os.getpid()))


def fail(path: str) -> None:
    append(path, "tried")
    raise RuntimeError("this job always fails")


def swallow(folder: str) -> None:
    """A job that catches everything it may."""
    try:
        hold(folder)
    except TimedOut:
        append(f"{folder}/ended", "timed out")
        raise
    except Exception:  # noqa: BLE001  # what a careless job would do
        append(f"{folder}/ended", "swallowed")


def note_killed(job_path: str, folder: str) -> None:
    append(f"{folder}/killed", job_path)


def note_badly(job_path: str, folder: str) -> None:
    append(f"{folder}/killed", job_path)
    raise RuntimeError("the report fails too")
