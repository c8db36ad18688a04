"""Where the command `retro` starts: Ctrl-C ends it in one line wherever it falls.

Only what every Python has loaded is imported here: the rest takes a second, in which people press
Ctrl-C as well. CPython shows a traceback for an interrupt amid an import, so none is raised then.
"""

import gc
import os
import signal
import sys
from types import FrameType

STOPPED = "Stopped."
AGAIN = "Run the command again."
# As a shell tells of a command that SIGINT ended.
INTERRUPTED = 130
# Seconds.
SOON = 0.01


def main() -> None:
    # Imports leave no garbage, and looking for it takes a sixth of their time; the command turns it
    # on.
    gc.disable()
    if sys.stdin is None:
        # It was closed, and the next file that is opened would take its number.
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    # Where it is ignored, as in the background of a script, it stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _tell_and_leave)
    from workers.cli.main import main as command

    try:
        command()
    except KeyboardInterrupt:
        # Pressed again just before that was told.
        os._exit(INTERRUPTED)


def loaded() -> None:
    """From now on Ctrl-C is an exception, so that what was begun is put in order."""
    if signal.getsignal(signal.SIGINT) is _tell_and_leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _press_again


def told() -> None:
    """It was pressed and told: who presses it again does not want to wait, nor to be told again."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _tell_and_leave(_number: int, _frame: FrameType | None) -> None:
    sys.stderr.write(f"retro: {STOPPED} {AGAIN}\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _press_again(ignored: "sys.UnraisableHookArgs") -> None:
    """An interrupt that fell into a callback of the interpreter's is dropped there, with a
    traceback: so it is told to nobody, and comes again right after."""
    if ignored.exc_type is KeyboardInterrupt:
        from threading import Timer

        Timer(SOON, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(ignored)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
