"""The garbage collector during a run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# A page in work is some tens of thousands of objects; more than this are garbage in cycles.
NEW_OBJECTS = 100_000


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """A collection only when that many objects have come and not gone.

    A page is tens of thousands of short-lived tuples that hold no cycles: looking for some among
    them, and among all that was imported, took a quarter of a pull.
    """
    was_on, usual = gc.isenabled(), gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
    gc.enable()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        if not was_on:
            gc.disable()
