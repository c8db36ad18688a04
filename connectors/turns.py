"""Who may decode: page threads wait for answers side by side and make records of them in turn.

Records take several times the memory of the answer they are made of, and making them is work for
one core at a time anyway. So answers may pile up, one a thread, and records may not.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from enum import Enum, auto
from threading import Condition, local
from typing import TypeVar

T = TypeVar("T")

SIDE_BY_SIDE = 8

_thread = local()


class Turns:
    """One thread at a time works, and none while `most_ready` results wait for their reader."""

    def __init__(self, most_ready: int) -> None:
        self._most_ready = most_ready
        self._changed = Condition()
        self._taken = False
        self._ready = 0
        self._over = False

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step of a source in its thread, at whose end a result is ready. The turn is taken
        when the first answer is there."""
        _thread.turns, _thread.holds = self, False
        try:
            yield
        finally:
            with self._changed:
                self._ready += 1
                self._taken = self._taken and not _thread.holds
                self._changed.notify_all()
            del _thread.turns

    def read_one(self) -> None:
        """The reader has taken a result."""
        with self._changed:
            self._ready -= 1
            self._changed.notify_all()

    def end(self) -> None:
        """Nobody reads any more: whoever waits for a turn may end."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def take(self) -> None:
        with self._changed:
            self._changed.wait_for(self._is_free)
            self._taken = _thread.holds = True

    def give_up(self) -> None:
        with self._changed:
            if _thread.holds:
                self._taken = _thread.holds = False
                self._changed.notify_all()

    def _is_free(self) -> bool:
        return self._over or (not self._taken and self._ready < self._most_ready)


@contextmanager
def off_turn() -> Iterator[None]:
    """Around a call to a tool: while it waits others work. Outside of a step it does nothing."""
    turns: Turns | None = getattr(_thread, "turns", None)
    if turns is None:
        yield
        return
    turns.give_up()
    try:
        yield
    finally:
        turns.take()


def side_by_side(sources: Iterable[Iterator[T]], width: int = SIDE_BY_SIDE) -> Generator[T]:
    """Takes from several iterators at once, one item of each ahead, in order of arrival.

    The caller works on an item while the next ones are on their way: up to `width` answers wait in
    memory, but only one item that was made of them (see `connectors.turns`). An error of one source
    reaches the caller after the items that arrived before it; the others are dropped.
    """
    turns = Turns(most_ready=1)
    pool = ThreadPoolExecutor(max_workers=width, thread_name_prefix="page")
    idle = deque(sources)
    asked: dict[Future[T | _End], Iterator[T]] = {}
    ready: deque[tuple[Future[T | _End], Iterator[T]]] = deque()

    def ask() -> None:
        while idle and len(asked) + len(ready) < width:
            source = idle.popleft()
            asked[pool.submit(_step, turns, source)] = source

    try:
        while idle or asked or ready:
            ask()
            if not ready:
                wait(asked, return_when=FIRST_COMPLETED)
                for future in [future for future in asked if future.done()]:
                    ready.append((future, asked.pop(future)))
            future, source = ready.popleft()
            turns.read_one()
            item = future.result()
            if not isinstance(item, _End):
                idle.append(source)
                # Before the caller works on it: the next answer takes its time meanwhile.
                ask()
                yield item
    finally:
        turns.end()
        pool.shutdown(wait=True, cancel_futures=True)


def _step(turns: Turns, source: Iterator[T]) -> "T | _End":
    with turns.step():
        return next(source, _End.END)


class _End(Enum):
    """What a source gives when it has no more."""

    END = auto()
