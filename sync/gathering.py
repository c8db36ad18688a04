"""Small pages become one unit of work: a commit costs as much as some hundred records, and tools
that show a hundred at a time would have one for each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from time import monotonic

from connectors.errors import ConnectorError
from connectors.models import Record
from connectors.port import Page

# Enough records for a commit; what a crash costs stays as small, and a page of the fastest tools
# is larger by itself.
ENOUGH = 1000
# A listing that brings nothing, or brings it slowly, is committed all the same: whoever looks after
# the run sees how far it is, or that it stands still.
MOST_PAGES = 10
LONGEST = 5.0


def gathered(
    pages: Iterator[Page[Record]], enough: int = ENOUGH, clock: Callable[[], float] = monotonic
) -> Iterator[Page[Record]]:
    """The same records in the same order. Raises ConnectorError as `pages` does, after what was
    read before it."""
    some: list[Page[Record]] = []
    began = clock()
    while True:
        try:
            page = next(pages, None)
        except ConnectorError:
            if some:
                yield _joined(some)
            raise
        if page is not None:
            some.append(page)
            del page
            count = sum(len(each.records) for each in some)
            if count < enough and len(some) < MOST_PAGES and clock() - began < LONGEST:
                continue
        elif not some:
            return
        # Nothing here holds on to a page while the caller works on it.
        yield _joined(some)
        began = clock()


def _joined(pages: list[Page[Record]]) -> Page[Record]:
    """Takes them out of the list."""
    some: Sequence[Page[Record]] = pages[:]
    pages.clear()
    if len(some) == 1:
        return some[0]
    moments = (page.remote_now for page in some if page.remote_now is not None)
    return replace(
        some[-1],
        records=[*chain.from_iterable(page.records for page in some)],
        refused=[*chain.from_iterable(page.refused for page in some)],
        requests=sum(page.requests for page in some),
        remote_now=next(moments, None),
    )
