"""Leads are paged by offsets: what is read while their rows move, and what pages share."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.errors import BadResponse, NoProgress
from connectors.models import Stream
from connectors.port import Partition, Window, read
from tests.connectors.pipedrive.kit import Script, good, sandbox
from tests.connectors.running import everything

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_a_tie_that_is_larger_than_a_page_loses_nothing() -> None:
    """40 leads of an import have one moment, and a page holds 7."""
    with sandbox(records=120, page=7) as company:
        connector = company.connector()
        found = Counter(one.id for one in everything(connector, Stream.LEADS))
        assert found.keys() == company.truth("leads").keys()
        assert (
            max(Counter(one["updated_at"] for one in company.truth("leads").values()).values()) > 30
        )


def test_leads_that_move_while_they_are_paged_are_not_skipped() -> None:
    with sandbox(records=120, page=10) as company:
        connector = company.connector()
        first = list(company.truth("leads"))
        share = connector.partitions(Stream.LEADS, Window())[0]
        pages = read(connector, Stream.LEADS, Window(), share)
        found = {one.id for one in next(pages).records}
        for moved in sorted(found)[:5]:
            company.edit("leads", moved, {"set": {"title": "Moved"}})
        found |= {one.id for page in pages for one in page.records}
        current = {one for one in first if company.truth("leads")[one]["stage"] == "inbox"}
        assert current - found == set()


def test_an_archive_that_never_stands_still_is_given_up() -> None:
    count = iter(range(1000))

    def answer(request: httpx.Request) -> Any:
        start = int(request.url.params["start"])
        rows = [{"id": f"lead-{next(count)}", "add_time": "2026-11-20T10:00:00Z"} for _ in range(2)]
        return good(rows, start=start, more_items_in_collection=True)

    connector = Script(answer).connector()
    with pytest.raises(NoProgress, match="move faster"):
        list(connector.leads(Window(), Partition("archived")))


def test_the_bound_of_leads_moves_along_so_that_no_offset_is_needed() -> None:
    moments = [f"2026-11-20T10:00:0{second}.500Z" for second in range(4)]
    rows = [{"id": f"a-{at[17:19]}", "add_time": at, "update_time": at} for at in moments]
    asked: list[tuple[str | None, str]] = []

    def answer(request: httpx.Request) -> Any:
        params = request.url.params
        if "start" not in params:
            return []
        asked.append((params.get("updated_since"), params["start"]))
        since = params.get("updated_since", "")
        left = [row for row in rows if row["update_time"] >= since.replace("Z", ".000Z")]
        return good(left[:2], start=0, more_items_in_collection=len(left) > 2)

    found = everything(Script(answer).connector(), Stream.LEADS, Window(NOW - timedelta(days=30)))
    assert {one.id for one in found} == {"a-00", "a-01", "a-02", "a-03"}
    assert [start for _, start in asked] == ["0", "0", "0"]
    assert [since for since, _ in asked][1:] == ["2026-11-20T10:00:01Z", "2026-11-20T10:00:02Z"]


@pytest.mark.parametrize("archived", [False, True])
def test_an_empty_page_of_leads_that_has_more_is_not_the_end(archived: bool) -> None:
    row = {"id": "a", "title": "A", "add_time": "2026-11-20T08:00:00Z"}
    answers = {
        0: good([], start=0, more_items_in_collection=True, next_start=500),
        500: good([row], start=500, more_items_in_collection=False),
    }
    script = Script(lambda request: answers[int(request.url.params["start"])])
    share = Partition("archived" if archived else "current")
    pages = list(read(script.connector(), Stream.LEADS, Window(), share))
    assert [[one.id for one in page.records] for page in pages] == [[], ["a"]]
    # A read that was cut off between the two goes on there.
    rest = Partition(share.name, after=pages[0].position)
    (again,) = read(script.connector(), Stream.LEADS, Window(), rest)
    assert [one.id for one in again.records] == ["a"]


@pytest.mark.parametrize("told", [{}, {"next_start": 0}])
def test_an_empty_page_of_leads_that_leads_nowhere_is_a_bad_answer(told: dict[str, int]) -> None:
    script = Script(lambda _: good([], start=0, more_items_in_collection=True, **told))
    with pytest.raises(BadResponse, match="shows none"):
        everything(script.connector(), Stream.LEADS)
    assert len(script.calls) == 1


def test_leads_that_were_deleted_meanwhile_are_not_skipped_in_a_tie() -> None:
    with sandbox(records=120, page=10) as company:
        connector = company.connector()
        share = connector.partitions(Stream.LEADS, Window())[0]
        pages = read(connector, Stream.LEADS, Window(), share)
        found: set[str] = set()
        for _ in range(3):
            found |= {one.id for one in next(pages).records}
        for gone in sorted(found)[:3]:
            company.edit("leads", gone, {"delete": True})
        found |= {one.id for page in pages for one in page.records}
        inbox = {k for k, told in company.truth("leads").items() if told["stage"] == "inbox"}
        assert inbox - found == set()


def test_a_lead_in_an_unknown_shape_is_set_aside_alone() -> None:
    row = {"id": "a-1", "add_time": "2026-11-20T10:00:00.000Z", "title": "Lead"}
    odd = [row | {"id": "a-2", "add_time": "yesterday"}, {"title": "no id"}]
    odd.append(row | {"id": "a-3", "person_id": "someone"})
    last = row | {"id": "a-4"}
    answers = {
        0: good([row, *odd], start=0, more_items_in_collection=True),
        3: good([odd[-1], last], start=3, more_items_in_collection=False),
    }
    script = Script(lambda request: answers[int(request.url.params["start"])])
    first, second = script.connector().leads(Window(), Partition("archived"))
    assert [one.id for page in (first, second) for one in page.records] == ["a-1", "a-4"]
    assert [one.id for one in first.refused] == ["a-2", None, "a-3"]
    # Which the second page begins with, to show that no row has moved.
    assert second.refused == []


def test_a_lead_that_pages_share_is_set_aside_once() -> None:
    """Whether they overlap by a row or by all rows of a second, and however often."""
    moments = [f"2026-11-20T10:00:0{second}.500Z" for second in (0, 1, 1, 1, 2)]
    row = {"title": "Lead"}
    rows = [
        row | {"id": f"a-{number}", "add_time": at, "update_time": at}
        for number, at in enumerate(moments)
    ]
    rows[2]["person_id"] = rows[3]["person_id"] = "someone"

    def answer(request: httpx.Request) -> Any:
        params = request.url.params
        if "start" not in params:
            return []
        since, start = params.get("updated_since", ""), int(params["start"])
        left = [one for one in rows if one["update_time"] >= since.replace("Z", ".000Z")][start:]
        return good(left[:3], start=start, more_items_in_collection=len(left) > 3)

    share = Partition("current")
    window = Window(NOW - timedelta(days=30))
    pages = list(read(Script(answer).connector(), Stream.LEADS, window, share))
    assert sorted({one.id for page in pages for one in page.records}) == ["a-0", "a-1", "a-4"]
    assert [one.id for page in pages for one in page.refused] == ["a-2", "a-3"]
