"""The garbage collector during a run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_by_page() -> Iterator[None]:
    """No collection but at `page_done`.

    A page is tens of thousands of short-lived tuples that hold no cycles: looking for some among
    them, and among all that was imported, took a quarter of a pull.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def page_done() -> None:
    """Frees the answers of the page's requests, which hold themselves, with their megabytes."""
    gc.collect()
