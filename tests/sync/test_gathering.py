"""Small pages that are committed as one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice

import pytest

from connectors.errors import Unavailable
from connectors.models import Record, RemoteTask, TaskStatus
from connectors.port import Page
from sync.gathering import LONGEST, MOST_PAGES, gathered

ASKED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def page(number: int, records: int = 10) -> Page[Record]:
    ids = (f"{number}-{each}" for each in range(records))
    some = [RemoteTask(id=id_, title="Gabarit", status=TaskStatus.OPEN) for id_ in ids]
    return Page(some, position=str(number), remote_now=ASKED + timedelta(seconds=number))


def stopped() -> float:
    return 0.0


def test_small_pages_become_one_of_enough_records_and_end_where_the_last_ends() -> None:
    found = list(gathered(iter([page(n) for n in range(5)]), 20, stopped))
    assert [len(each.records) for each in found] == [20, 20, 10]
    assert [(each.position, each.requests) for each in found] == [("1", 2), ("3", 2), ("4", 1)]
    assert [record.id for each in found for record in each.records] == [
        f"{n}-{each}" for n in range(5) for each in range(10)
    ]
    # Watermarks are taken from when the first was asked for.
    assert found[0].remote_now == ASKED


def test_a_page_that_is_large_enough_is_passed_on_as_it_is() -> None:
    large = page(1, records=30)
    assert next(gathered(iter([large]), 20, stopped)) is large


def test_what_was_read_before_an_error_comes_before_it() -> None:
    def broken() -> Iterator[Page[Record]]:
        yield page(1)
        yield page(2)
        raise Unavailable("The tool is down.")

    found = gathered(broken(), 100, stopped)
    assert next(found).position == "2"
    with pytest.raises(Unavailable):
        next(found)


def test_a_listing_that_brings_nothing_is_told_all_the_same() -> None:
    pages = (page(number, records=0) for number in count())
    assert [each.requests for each in islice(gathered(pages, 100, stopped), 3)] == [MOST_PAGES] * 3


def test_a_slow_listing_is_committed_page_by_page() -> None:
    ticks = count()
    pages = iter([page(number) for number in range(3)])
    found = list(gathered(pages, 100, lambda: next(ticks) * LONGEST))
    assert [each.position for each in found] == ["0", "1", "2"]
