"""Tells on standard error what a command waits for and until when: once, not again and again."""

import sys
import time
from collections.abc import Mapping
from datetime import datetime
from threading import Lock

from sync.tables.runs import Run

# Seconds. What is shorter is not told of a sleep between two calls.
WORTH_TELLING = 10.0
# A wait that follows another for the same reason is told again after so long.
REPEATED = 60.0
NOTHING_IS_LOST = "Ctrl-C ends the command; nothing is lost."
# Where a run does not tell why.
LIMITED = "The tool asked for a pause, or the request budget is used up."


class Waits:
    """`names` are those of the connections, by their number."""

    def __init__(self, names: Mapping[int | None, str]) -> None:
        self._names = names
        self._until: datetime | None = None
        self._told: dict[object, float] = {}
        self._lock = Lock()

    def run(self, run: Run) -> None:
        """The run waits."""
        until, error = run.waiting_until, run.error or {}
        if until is None or until == self._until or not self._is_news((run.id, error.get("kind"))):
            return
        self._until = until
        _say(
            f"{self._names[run.connection_id]}: {run.stream} waits until {moment(until)}. "
            f"{error.get('message', LIMITED)} {NOTHING_IS_LOST}"
        )

    def sleep(self, seconds: float) -> None:
        """Between two calls of one run, in whichever thread."""
        if seconds >= WORTH_TELLING and self._is_news("sleep"):
            _say(f"Waits {seconds:.0f} seconds. {LIMITED} {NOTHING_IS_LOST}")
        time.sleep(seconds)

    def _is_news(self, what: object) -> bool:
        with self._lock:
            now, last = time.monotonic(), self._told.get(what)
            if last is not None and now - last < REPEATED:
                return False
            self._told[what] = now
            return True


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _say(text: str) -> None:
    sys.stderr.write(f"retro: {text}\n")
    sys.stderr.flush()
