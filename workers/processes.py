"""What `retro run` keeps alive: its programs, started in order, restarted when they die, ended in
the opposite order. Nothing is left behind, even when the service itself is killed: every program
is on a leash (`workers.leash`), and a worker has its work horse on one."""

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from workers.errors import CannotRun
from workers.program import Program

TICK = 0.05
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
# Whoever lived this long starts again without delay; before, it counts as failing again.
STEADY_AFTER = 10.0
# Two stages end within 10 seconds, killing included.
STAGE_ENDS_WITHIN = 4.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = logging.getLogger(__name__)


@dataclass
class _Life:
    program: Program
    started_at: float = 0.0
    failures: int = 0
    due_at: float | None = None


class Supervisor:
    """Runs stages of programs: those of a stage rely on the stages before it."""

    def __init__(self, stages: Sequence[Sequence[Program]]) -> None:
        self._stages = tuple(tuple(stage) for stage in stages)
        self._lives = [_Life(program) for stage in self._stages for program in stage]
        self._signal: int | None = None

    def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Calls `started` once every program is up. Returns after SIGINT, SIGTERM or SIGHUP, when
        every program is gone. Call it from the main thread.

        Raises CannotRun when a program does not come up at first; later it is tried again.
        """
        with self._listening():
            try:
                self._start_all()
                if self._signal is None:
                    started()
                while self._signal is None:
                    for life in self._lives:
                        self._look_after(life)
                    time.sleep(TICK)
                log.info("Ending on %s.", signal.Signals(self._signal).name)
            finally:
                self._end_all()

    def _start_all(self) -> None:
        lives = iter(self._lives)
        for stage in self._stages:
            for _ in stage:
                _start(next(lives))
            for program in stage:
                if self._signal is not None:
                    return
                program.wait_until_ready(lambda: self._signal is not None)

    def _look_after(self, life: _Life) -> None:
        status = life.program.exited()
        now = time.monotonic()
        if status is None and life.due_at is None:
            return
        if life.due_at is None:
            self._note_end(life, status, now)
        elif now >= life.due_at:
            life.due_at = None
            try:
                _start(life)
            except (OSError, CannotRun) as error:
                log.error("%s cannot be started: %s", life.program.name, error)
                life.failures += 1
                life.due_at = now + pause_after(life.failures)

    def _note_end(self, life: _Life, status: int | None, now: float) -> None:
        steady = now - life.started_at >= STEADY_AFTER
        life.failures = 1 if steady else life.failures + 1
        pause = pause_after(life.failures)
        life.due_at = now + pause
        log.warning(
            "%s ended by itself and is started again.",
            life.program.name,
            extra={"status": status, "in_seconds": pause, **_said(life.program)},
        )

    def _end_all(self) -> None:
        for stage in reversed(self._stages):
            for program in stage:
                program.ask_to_end()
            deadline = time.monotonic() + STAGE_ENDS_WITHIN
            late = [each for each in stage if not each.ended_within(deadline - time.monotonic())]
            for program in late:
                log.warning("%s did not end when asked and is killed.", program.name)
                program.kill()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._noticed) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _noticed(self, number: int, _frame: FrameType | None) -> None:
        # Nothing but this: a handler runs in the middle of anything, a log call included.
        self._signal = number


def pause_after(failures: int) -> float:
    """Seconds before the next start: 0.2, doubled with every failure in a row, at most 5."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)))


def _said(program: Program) -> dict[str, str]:
    words = program.last_words()
    return {"said": words} if words else {}


def _start(life: _Life) -> None:
    life.program.start()
    life.started_at = time.monotonic()
    log.info("%s started.", life.program.name, extra={"child": life.program.pid})
