"""Reading page by page: nothing is lost, nothing is read for ever."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx

from connectors.models import Stream
from connectors.port import Connector, Page, Window, read
from sync.tables.runs import Mode, RunStatus
from tests.connectors.conformance.bench import GOOD, Bench
from tests.connectors.conformance.case import Json
from tests.connectors.conformance.rows import READING, row
from tests.connectors.conformance.tampering import (
    Forward,
    after_first,
    rewriting,
    said,
    same_again,
)
from tests.connectors.conformance.tampering import read as read_whole

MARK = "-of-the-kit"


@row(
    "ties-over-a-page",
    READING,
    "Records with one timestamp on both sides of a page boundary are all read, once.",
    each_stream=True,
)
def test_ties_over_a_page(bench: Bench) -> None:
    page = bench.case.most_changed
    bench.fill(3, "Old")
    bench.settle()
    bench.read_all()
    bench.go_on(hours=1)
    bench.fill(page - 1, "Before")
    bench.go_on(seconds=1)
    since, before = bench.clock.moment, bench.truth()
    bench.fill(page + 2, "Tie")
    bench.go_on(seconds=1)
    bench.fill(3, "After")
    bench.settle()
    with widest(bench) as widths:
        bench.read_changes()
        assert bench.agrees()
        ids = [record.id for one in pages(bench, Window(since)) for record in one.records]
    if bench.case.overlaps:
        ids = [*dict.fromkeys(ids)]
    assert sorted(ids) == sorted(bench.truth().keys() - before.keys())
    # Else the ties are all on one page, and nothing was tried.
    assert max(widths) <= page, f"a page of what changed has {max(widths)} rows"


@contextmanager
def widest(bench: Bench) -> Iterator[list[int]]:
    """How many rows the lists in the answers had."""
    widths = [0]

    def look(document: Any) -> None:
        assert bench.case.shape is not None
        widths.extend(bench.case.shape.widths(document))

    bench.tamper(rewriting(look))
    yield widths
    bench.tamper(None)


@row(
    "one-timestamp",
    READING,
    "More records than the cap with one and the same timestamp are all read.",
    each_stream=True,
)
def test_one_timestamp_for_more_than_the_cap(bench: Bench) -> None:
    bench.new()
    bench.settle()
    bench.read_all()
    bench.go_on(hours=1)
    bench.fill(bench.case.cap + bench.case.page + 1)
    bench.settle()
    bench.read_changes()
    assert bench.agrees()


@row("index-lag", READING, "What the tool lists late is read once it lists it.")
def test_what_is_listed_late_is_read_later(bench: Bench) -> None:
    bench.new()
    bench.settle()
    bench.read_all()
    bench.go_on(hours=1)
    late = bench.new("Late")
    bench.go_on(seconds=1)
    # Without its overlap: the held-back bound must do it alone.
    connector = bench.connector()
    connector.overlap = timedelta(0)
    for _ in range(2):
        run_id = bench.queue(bench.stream, "incremental")
        bench.work(run_id, connector)
        bench.settle()
    assert late in bench.held()
    assert bench.agrees()


def while_paging(bench: Bench, act: Callable[[list[str]], None], mode: Mode) -> list[str]:
    """Amid a pull of many records something happens in the tool."""
    ids = bench.fill(bench.case.cap + bench.case.most_changed + 1, f"In {mode.value}")
    bench.settle()
    happened = []

    def happen() -> None:
        happened.append(True)
        act(ids)

    bench.tamper(after_first(bench.has_rows, happen))
    run = bench.pull(bench.stream, mode)
    assert happened, "the tool gave no rows"
    assert (run.status in GOOD, run.mode) == (True, mode), run.error
    bench.tamper(None)
    bench.settle()
    return ids


def in_both_modes(bench: Bench) -> Iterator[Mode]:
    """A full read, then one of what changed: many records are new by then."""
    yield Mode.FULL
    bench.read_all()
    bench.go_on(hours=1)
    bench.wires.count_anew()
    yield Mode.INCREMENTAL


@row("insert-while-paging", READING, "A record made amid a read moves no other one out of it.")
def test_an_insert_while_paging(bench: Bench) -> None:
    for mode in in_both_modes(bench):
        ids = while_paging(bench, lambda _ids: bench.fill(2, "Amid"), mode)
        assert set(ids) <= bench.held().keys()
        bench.read_changes()
        assert bench.agrees()


@row("update-while-paging", READING, "A record changed amid a read is not lost, nor is another.")
def test_an_update_while_paging(bench: Bench) -> None:
    def act(ids: list[str]) -> None:
        bench.go_on(seconds=1)
        for id_ in (ids[0], ids[-1], ids[len(ids) // 2]):
            bench.rename(id_, "Changed amid")

    for mode in in_both_modes(bench):
        ids = while_paging(bench, act, mode)
        # In a read of what changed it may have moved behind the bound; the next one has it.
        late = {ids[0], ids[-1], ids[len(ids) // 2]} if mode is Mode.INCREMENTAL else set()
        assert set(ids) - late <= bench.held().keys()
        bench.read_changes()
        assert bench.agrees()


@row("delete-while-paging", READING, "A record deleted amid a read takes no other one with it.")
def test_a_delete_while_paging(bench: Bench) -> None:
    gone: list[str] = []

    def act(ids: list[str]) -> None:
        gone.extend((ids[0], ids[-1], ids[len(ids) // 2]))
        for id_ in gone[-3:]:
            bench.edit(id_, {"delete": True})

    for mode in in_both_modes(bench):
        ids = while_paging(bench, act, mode)
        assert set(ids) - set(gone) <= bench.held().keys()
        bench.read_all()
        assert bench.agrees()


@row(
    "cap-exactly",
    READING,
    "A listing that ends exactly at a page or at the cap is read whole.",
    each_stream=True,
)
def test_a_listing_that_ends_exactly(bench: Bench) -> None:
    bench.fill(bench.case.page)
    bench.settle()
    bench.read_all()
    assert bench.agrees()
    bench.fill(bench.case.cap - bench.case.page)
    bench.settle()
    bench.read_all()
    assert bench.agrees()


@row(
    "empty-page",
    READING,
    "An empty page with a next link is not the end of the listing.",
    each_stream=True,
)
def test_an_empty_page_with_a_next_link(bench: Bench) -> None:
    halves(bench, lambda rows: ([], rows))


@row(
    "short-page",
    READING,
    "A page that is not full and has a next link is not the end.",
    each_stream=True,
)
def test_a_short_page_that_is_not_the_last(bench: Bench) -> None:
    halves(bench, lambda rows: (rows[:1], rows[1:]))


def halves(bench: Bench, cut: Callable[[list[Any]], tuple[list[Any], list[Any]]]) -> None:
    """The second page comes in two parts, the second part under a cursor of its own."""
    bench.fill(bench.case.page * 2 + 1)
    bench.settle()
    links = bench.case.links
    assert links is not None
    rest: list[Json] = []

    def tamper(request: httpx.Request, forward: Forward) -> httpx.Response:
        if rest and MARK in f"{request.url}{request.read().decode()}":
            return said(rest[0])
        response = read_whole(forward(request))
        document = response.json() if bench.has_rows(response) else {}
        cursor = _at(document, links.next)
        if rest or not cursor or len(bench.wires.sent) < 2:
            return response
        first, second = document, copy.deepcopy(document)
        parts = cut(_at(document, links.rows))
        _put(first, links.rows, parts[0])
        _put(second, links.rows, parts[1])
        _put(first, links.next, _marked(cursor))
        rest.append(second)
        return said(first)

    bench.tamper(tamper)
    bench.read_all()
    assert rest, "no answer had a next link"
    assert bench.agrees()


@row(
    "repeating-page",
    READING,
    "A tool that gives the same page again and again ends the run.",
    each_stream=True,
)
def test_a_page_that_repeats_itself(bench: Bench) -> None:
    bench.fill(bench.case.cap + bench.case.page + 1)
    bench.settle()
    bench.tamper(same_again(bench.has_rows))
    run = bench.pull(bench.stream)
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error["kind"] in ("BadResponse", "NoProgress")


@row("no-cursor-value", READING, "A record without the moment by which is paged holds up no other.")
def test_a_record_without_its_moment(bench: Bench) -> None:
    shape = bench.case.shape
    assert shape is not None
    bench.fill(bench.case.page + 2)
    bench.settle()
    without: list[Json] = []

    def change(document: Any) -> None:
        for record in shape.rows(document):
            if shape.fields(record).get(shape.title) == "Deal 1":
                # Beside the fields or among them.
                for place in (record, shape.fields(record)):
                    place.pop(shape.moment, None)
                without.append(record)

    bench.tamper(rewriting(change))
    run = bench.pull(bench.stream)
    assert without
    assert run.status in GOOD, run.error
    missing = bench.truth().keys() - bench.held().keys()
    assert len(missing) == run.set_aside <= 1


def pages(
    bench: Bench,
    window: Window,
    connector: Connector[Any] | None = None,
    stream: Stream | None = None,
) -> Sequence[Page[Any]]:
    connector, of = connector or bench.connector(), stream or bench.stream
    shares = connector.partitions(of, window)
    return [page for share in shares for page in read(connector, of, window, share)]


def _marked(cursor: Any) -> str:
    return f"{cursor}{MARK}"


def _at(document: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return None
        document = document[key]
    return document


def _put(document: Json, keys: Sequence[str], value: Any) -> None:
    _at(document, keys[:-1])[keys[-1]] = value
