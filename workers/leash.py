"""A process that dies with the one that made it, however that one ends.

As a script it takes the leash and becomes a command: `leash.py PARENT COMMAND…`, where PARENT is
the process id of whoever runs it. It needs nothing but the standard library, and no code runs
between fork and exec of a parent that has threads.

Only Linux can do this. Elsewhere the orderly end in `workers.processes` is all there is.
"""

import ctypes
import os
import signal
import sys

# https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """From now on the kernel kills this process when `parent` is gone.

    To the kernel a parent is a thread: whoever starts processes does it from its main thread.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl refused the death signal")
    if os.getppid() != parent:
        # It ended before the request was in place.
        os._exit(1)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  # the command comes from our own Program
