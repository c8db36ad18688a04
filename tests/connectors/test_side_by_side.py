"""Pages of several shares at once, and how many of them are in memory."""

from collections.abc import Iterator
from threading import Condition

import pytest

from connectors.http import READY, SIDE_BY_SIDE, next_room, side_by_side

PAGES = 8


class Pages:
    """What the sources of one read made, and how much of it the reader has not taken yet."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.made = 0

    def source(self, name: int) -> Iterator[tuple[int, int]]:
        for number in range(PAGES):
            with self.changed:
                self.made += 1
                self.changed.notify_all()
            yield name, number

    def reach(self, number: int, within: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.made >= number, within)


def test_every_item_comes_once_and_those_of_a_source_in_order() -> None:
    pages = Pages()
    found = list(side_by_side([pages.source(name) for name in range(12)]))
    assert len(found) == len(set(found)) == 12 * PAGES
    for name in range(12):
        assert [number for source, number in found if source == name] == list(range(PAGES))


def test_no_more_items_are_made_ahead_than_there_are_threads() -> None:
    pages = Pages()
    items = side_by_side([pages.source(name) for name in range(12)])
    for taken, _ in enumerate(items, 1):
        # That too many are not made cannot be waited for; they get a chance to be.
        assert not pages.reach(taken + SIDE_BY_SIDE, within=0.002)


def test_a_source_that_fails_ends_all_after_what_came_before() -> None:
    def failing() -> Iterator[tuple[int, int]]:
        yield 0, 0
        raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        list(side_by_side([failing()]))


def test_a_reader_that_waits_gets_more_at_once_and_a_slow_one_less() -> None:
    assert next_room(READY, 0, SIDE_BY_SIDE) == 2 * READY
    assert next_room(SIDE_BY_SIDE, 0, SIDE_BY_SIDE) == SIDE_BY_SIDE
    assert next_room(6, 1, SIDE_BY_SIDE) == 6
    assert next_room(6, READY, SIDE_BY_SIDE) == 6
    assert next_room(6, READY + 1, SIDE_BY_SIDE) == READY
    assert next_room(1, 0, 1) == 1
