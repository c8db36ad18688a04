"""Pages of several shares at once, and how many of them are in memory."""

from collections.abc import Iterator
from threading import Barrier, Condition

import pytest

from connectors.turns import SIDE_BY_SIDE, off_turn, side_by_side

PAGES = 8


class Pages:
    """What the sources of one read made, and how much of it the reader has not taken yet."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.made = 0

    def source(self, name: int) -> Iterator[tuple[int, int]]:
        for number in range(PAGES):
            self.make()
            yield name, number

    def make(self) -> None:
        with self.changed:
            self.made += 1
            self.changed.notify_all()

    def reach(self, number: int, within: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.made >= number, within)


def test_every_item_comes_once_and_those_of_a_source_in_order() -> None:
    pages = Pages()
    found = list(side_by_side([pages.source(name) for name in range(12)]))
    assert len(found) == len(set(found)) == 12 * PAGES
    for name in range(12):
        assert [number for source, number in found if source == name] == list(range(PAGES))


def test_answers_are_waited_for_side_by_side_and_items_made_in_turn() -> None:
    pages = Pages()
    waiting = Barrier(SIDE_BY_SIDE)

    def source(name: int) -> Iterator[int]:
        for number in range(PAGES):
            with off_turn():
                if number == 0:
                    # Passes when all of them wait for their answer at once.
                    waiting.wait(timeout=20)
            pages.make()
            yield number

    items = side_by_side([source(name) for name in range(SIDE_BY_SIDE)])
    for taken, _ in enumerate(items, 1):
        # One is made ahead. That no more are cannot be waited for; they get a chance to be.
        assert not pages.reach(taken + 2, within=0.002)


def test_a_source_is_asked_for_its_next_item_while_the_reader_works_on_this_one() -> None:
    pages = Pages()
    items = side_by_side([pages.source(0)])
    assert next(items) == (0, 0)
    assert pages.reach(2, within=20)
    items.close()


def test_a_reader_that_goes_away_leaves_nobody_waiting_for_a_turn() -> None:
    def source() -> Iterator[int]:
        for number in range(PAGES):
            with off_turn():
                pass
            yield number

    items = side_by_side([source() for _ in range(SIDE_BY_SIDE)])
    assert next(items) == 0
    items.close()


def test_a_source_that_fails_ends_all_after_what_came_before() -> None:
    def failing() -> Iterator[tuple[int, int]]:
        yield 0, 0
        raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        list(side_by_side([failing()]))
