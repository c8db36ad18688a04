"""A child process of the service: started on a leash, asked to end, killed when it does not."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

LEASH = Path(__file__).with_name("leash.py")


class Program:
    """`command` runs in a process group of its own, so that Ctrl-C reaches only the service,
    which then ends its programs in order. Without `environ` it gets the environment of the
    service."""

    def __init__(
        self, name: str, command: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._launch(self.command)

    def wait_until_ready(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Returns when others may rely on it, or when `stop` says so. Raises CannotRun when it does
        not come up."""

    def exited(self) -> int | None:
        """Its exit status, None while it runs; below zero is the signal that ended it."""
        return self._process.poll() if self._process else None

    def last_words(self) -> str:
        """What it had to say about its end; empty where its output is the service's own."""
        return ""

    def ask_to_end(self) -> None:
        if self._process:
            self._process.terminate()

    def ended_within(self, seconds: float) -> bool:
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, seconds))
            return True
        return False

    def kill(self) -> None:
        """Ends it and whatever it started in its group; returns when it is gone."""
        if self._process is None or self._process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _launch(
        self, command: Sequence[str], *, folder: Path | None = None, output: IO[bytes] | None = None
    ) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a program started by another thread would die with that thread")
        # -I -S: the leash needs no site-packages, and nothing in the folder may shadow its imports.
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid())]
        self._process = subprocess.Popen(  # noqa: S603  # commands are written in this project
            [*leash, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            cwd=folder,
            env=self._environ,
            process_group=0,
        )
