"""The request bucket and the operating time of methods."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.connectors.bitrix24.sandbox.client import Client
from tests.connectors.bitrix24.sandbox.conftest import Start
from tests.connectors.bitrix24.sandbox.waiting import Ticks

PAGE = {"entityTypeId": 2, "select": ["id"], "start": -1}


def statuses(client: Client, count: int) -> list[int]:
    return [client.post("server.time").status_code for _ in range(count)]


def test_fifty_requests_pass_in_a_burst_and_two_more_each_second(start: Start) -> None:
    ticks = Ticks()
    client = start(limit="published", monotonic=ticks)
    assert statuses(client, 51) == [200] * 50 + [503]
    refused = client.post("server.time")
    assert refused.json()["error"] == "QUERY_LIMIT_EXCEEDED"
    assert "retry-after" not in refused.headers
    # Each request counts, also the two refused ones.
    ticks.now += 2
    assert statuses(client, 3) == [200, 200, 503]


def test_a_refused_request_may_be_told_not_to_count(start: Start) -> None:
    ticks = Ticks()
    client = start(limit="published", monotonic=ticks, count_refused=False)
    assert statuses(client, 52) == [200] * 50 + [503] * 2
    ticks.now += 1
    assert statuses(client, 3) == [200, 200, 503]


def test_a_request_that_takes_too_long_is_cut_off_and_keeps_what_was_done(start: Start) -> None:
    client = start(command_ms=40, request_seconds=0.3)
    add = "tasks.task.add?fields[TITLE]=x&fields[RESPONSIBLE_ID]=7"
    commands = {f"c{number:02}": add for number in range(50)}
    cut = client.post("batch", {"halt": 0, "cmd": commands})
    assert (cut.status_code, cut.headers["content-type"]) == (504, "text/html")
    assert 0 < len(client.truth("tasks")) < 50


def test_a_batch_of_fifty_commands_is_one_request(start: Start) -> None:
    client = start(limit="published", monotonic=Ticks())
    for _ in range(50):
        assert client.batch({f"c{n:02}": "server.time" for n in range(50)})["result_error"] == []
    assert client.error("server.time") == (503, "QUERY_LIMIT_EXCEEDED")


def test_rest_three_is_refused_in_its_own_words(start: Start) -> None:
    client = start(limit="published", monotonic=Ticks())
    statuses(client, 50)
    refused = client.v3("tasks.task.list", {})
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "BITRIX_REST_V3_EXCEPTION_RATELIMITEXCEPTION"


def test_the_log_and_its_summary_count_refusals_apart(start: Start) -> None:
    client = start(limit="published", monotonic=Ticks())
    statuses(client, 53)
    summary = client.http.get(f"{client.base}/_sandbox/log/summary").json()
    assert (summary["requests"], summary["refused"]) == (53, 3)
    assert [line["refused"] for line in client.log()[-4:]] == [False, True, True, True]


def test_control_routes_cost_nothing(start: Start) -> None:
    client = start(limit="published", monotonic=Ticks())
    for _ in range(60):
        client.truth("people")
    assert statuses(client, 1) == [200]


def test_a_method_that_used_up_its_server_time_is_blocked_and_others_go_on(start: Start) -> None:
    ticks = Ticks()
    client = start(limit="published", monotonic=ticks, command_ms=20, operating_limit=0.1)
    used = []
    while (answer := client.post("crm.item.list", PAGE)).status_code == 200:
        used.append(answer.json()["time"]["operating"])
    # The call that overshoots is the last to run.
    assert used == sorted(used)
    assert len(used) <= 5
    assert used[-1] >= 0.1
    assert client.error("crm.item.list", PAGE) == (429, "OPERATION_TIME_LIMIT")
    assert client.post("crm.category.list", {"entityTypeId": 2}).status_code == 200
    blocked = client.batch({"a": "crm.item.list?entityTypeId=2"})["result_error"]["a"]
    assert blocked["error"] == "OPERATION_TIME_LIMIT"
    assert client.log()[-1]["refused"]
    ticks.now += 599
    assert client.error("crm.item.list", PAGE) == (429, "OPERATION_TIME_LIMIT")
    ticks.now += 1
    assert client.post("crm.item.list", PAGE).status_code == 200


def test_the_reset_moment_is_ten_minutes_after_the_first_call(start: Start) -> None:
    ticks = Ticks()
    client = start(limit="published", monotonic=ticks, command_ms=1)
    first = client.post("crm.item.list", PAGE).json()["time"]
    ticks.now += 100
    later = client.post("crm.item.list", PAGE).json()["time"]
    assert int(first["start"]) + 600 <= later["operating_reset_at"] <= int(first["start"]) + 601


def test_a_batch_is_billed_to_its_methods_or_as_a_whole(start: Start) -> None:
    nested = start(command_ms=2)
    time = nested.batch({"a": "server.time", "b": "server.time"})["result_time"]["b"]
    assert time["operating"] >= 0.004
    whole = start(command_ms=10, batch_billing="batch")
    answer = whole.post("batch", {"cmd": {f"c{n}": "server.time" for n in range(20)}}).json()
    assert answer["time"]["operating"] >= 0.2
    assert whole.post("server.time").json()["time"]["operating"] < 0.2


def test_operating_figures_may_be_missing(start: Start) -> None:
    client = start(operating_reported=False)
    time = client.post("server.time").json()["time"]
    assert "operating" not in time
    assert "operating_reset_at" not in time


def test_server_time_of_concurrent_batches_overlaps(start: Start) -> None:
    """Five batches of twenty commands of 20 ms take about as long as one, not five times that."""
    client = start(command_ms=20)
    commands = {"cmd": {f"c{n:02}": "server.time" for n in range(20)}}

    def timed(_: int) -> float:
        with httpx.Client(trust_env=False) as http:
            answer = http.post(client.webhook + "batch", json=commands)
            return float(answer.json()["time"]["duration"])

    with ThreadPoolExecutor(5) as pool:
        durations = list(pool.map(timed, range(5)))
    assert all(0.4 <= duration < 1.5 for duration in durations)


def test_the_time_block_follows_the_portals_clock(start: Start) -> None:
    client = start(zone="Europe/Paris", start_at=None)
    client.put("clock", {"now": "2026-07-01T10:00:00Z", "running": False})
    time = client.post("server.time").json()
    assert time["result"] == "2026-07-01T12:00:00+02:00"
    assert time["time"]["date_start"] == "2026-07-01T12:00:00+02:00"
    client.put("clock", {"now": "2026-12-01T10:00:00Z", "running": False})
    assert client.result("server.time") == "2026-12-01T11:00:00+01:00"
    state = client.http.get(f"{client.base}/_sandbox/clock").json()
    assert state == {"now": "2026-12-01T10:00:00Z", "running": False}
