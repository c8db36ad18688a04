"""The memory of a run: when garbage is looked for, and what goes back to the system."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# A page in work is some tens of thousands of objects; more than this are garbage in cycles.
NEW_OBJECTS = 100_000
# As glibc numbers what can be set of its allocator.
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
LARGE_BLOCK = 64 * 1024


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """A collection only when that many objects have come and not gone.

    A page is tens of thousands of short-lived tuples that hold no cycles: looking for some among
    them took a quarter of a pull.
    """
    was_on, usual = gc.isenabled(), gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS)
    gc.enable()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        if not was_on:
            gc.disable()


def give_back_large_blocks() -> None:
    """Memory of an answer goes back to the system once it was read. For the whole process.

    glibc ceases to give back blocks as large as one that was freed before, and has an arena for
    each thread, where what was freed waits for that thread. Both leave holes that grow with each
    page. Other allocators are left as they are.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        libc.mallopt(M_ARENA_MAX, 1)
