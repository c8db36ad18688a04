"""The one place where a test waits."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

TICK = 0.02


def eventually(condition: Callable[[], T], within: float = 10.0) -> T:
    """The first truthy answer of `condition`; fails the test when there is none in time."""
    deadline = time.monotonic() + within
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} seconds; the last answer was {answer!r}")
        time.sleep(TICK)
