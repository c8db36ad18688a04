"""The portal's limits as it tells them: a full bucket, and the time that each method takes."""

import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier
from time import monotonic

import pytest
from msgspec import Raw

from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.wire import OperatingTime, Times
from connectors.budget import MemoryMeter
from connectors.errors import (
    RateLimited,
)
from tests.connectors.bitrix24.kit import TIME, Answer, Script, bad, good
from tests.connectors.bitrix24.test_wire import read


def test_a_full_bucket_is_waited_for_and_told_to_all_workers() -> None:
    answers: Iterator[Answer] = iter([bad(503, "QUERY_LIMIT_EXCEEDED"), good(1)])
    script = Script(lambda _: next(answers))
    assert script.connector()._portal.read("server.time", {}, int) == 1
    assert script.hands.limiter.refusals == [1.0]
    assert len(script.hands.slept) == 1


def test_a_blocked_method_waits_until_the_portal_said_it_resets() -> None:
    answers: Iterator[Answer] = iter([good([], operating=470.0), bad(429, "OPERATION_TIME_LIMIT")])
    connector = Script(lambda _: next(answers)).connector()
    begun = monotonic()
    read(connector)
    with pytest.raises(RateLimited) as refused:
        read(connector)
    # A second on top, since the portal rounds the moment down.
    told = TIME["operating_reset_at"] - TIME["start"] + 1
    assert told - (monotonic() - begun) <= refused.value.retry_after <= told


def test_a_blocked_method_without_a_known_reset_waits_in_the_queue() -> None:
    script = Script(lambda _: bad(429, "OPERATION_TIME_LIMIT"))
    with pytest.raises(RateLimited):
        read(script.connector())
    assert (len(script.calls), script.hands.slept) == (1, [])


def test_a_bulk_read_stops_before_its_method_is_blocked_and_writes_go_on() -> None:
    connector = Script(lambda _: good([], operating=410.0)).connector()
    read(connector)
    with pytest.raises(RateLimited) as refused:
        connector._portal.operating.mind("crm.item.get")
    assert refused.value.retry_after > 60
    connector._portal.write("crm.item.get", {}, Raw)


@pytest.mark.promise("G8")
@pytest.mark.parametrize(
    "answer",
    [good([], operating=410.0), bad(429, "OPERATION_TIME_LIMIT")],
    ids=["almost used up", "blocked"],
)
def test_what_one_process_learns_of_a_methods_time_stops_the_reads_of_all(answer: Answer) -> None:
    meters: defaultdict[str, MemoryMeter] = defaultdict(MemoryMeter)
    plain = Script(lambda _: answer).connector()
    wire = replace(plain.wire, meter=lambda account: meters[account])
    first, second = Bitrix24(plain.config, wire), Bitrix24(plain.config, wire)
    with suppress(RateLimited):
        read(first)
    with pytest.raises(RateLimited) as stopped:
        second._portal.operating.mind("crm.item.get")
    assert stopped.value.retry_after > 60
    second._portal.operating.mind("tasks.task.list")


def test_all_page_threads_stop_for_a_method_that_is_about_to_be_blocked() -> None:
    operating = OperatingTime(MemoryMeter())
    gate = Barrier(8)
    used_up = Times(start=0.0, operating=410.0, operating_reset_at=600.0)

    def mind(_: int) -> list[str]:
        stopped = []
        for number in range(300):
            if gate.wait() == 0:
                operating.note(f"m{number}", used_up)
            gate.wait()
            try:
                operating.mind(f"m{number}")
            except Exception as error:  # noqa: BLE001 - its name is what is looked at
                stopped.append(type(error).__name__)
        return stopped

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            stopped = [name for found in pool.map(mind, range(8)) for name in found]
    finally:
        sys.setswitchinterval(before)
    assert stopped == ["RateLimited"] * 300 * 8


def test_operating_times_may_be_missing_or_text() -> None:
    bare = {"result": 1, "time": {"start": 1787220000.1}}
    assert Script(lambda _: bare).connector()._portal.read("a", {}, int) == 1
    texts = good(1, operating="3.31", operating_reset_at="1787220600")
    assert Script(lambda _: texts).connector()._portal.read("a", {}, int) == 1
