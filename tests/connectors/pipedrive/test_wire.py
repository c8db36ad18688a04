"""How Pipedrive refuses, what calls cost, and what is paused when."""

import json
from typing import Any

import httpx
import pytest

from connectors.budget import Bucket, Budget, MemoryMeter, take
from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectorError,
    NotFound,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.models import Stream
from connectors.pipedrive.config import PipedriveConfig
from connectors.pipedrive.wire import Forbidden
from tests.connectors.pipedrive.kit import COMPANY, TOKEN, Script, bad, good, sandbox
from tests.connectors.running import everything
from workers.limits import MemoryLimiter


def refused(answer: httpx.Response) -> ConnectorError:
    with pytest.raises(ConnectorError) as told:
        everything(Script(lambda _: answer).connector(), Stream.PEOPLE)
    return told.value


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (bad(400, "Validation failed: x"), Rejected),
        (bad(401, "unauthorized access"), AuthFailed),
        (bad(402), NotPermitted),
        (bad(403, "Scope and URL mismatch"), Forbidden),
        (bad(404), NotFound),
        (bad(410), NotFound),
        (bad(408), Unavailable),
        (bad(415), Rejected),
        (bad(422), Rejected),
        (bad(500), Unavailable),
        (httpx.Response(302, headers={"Location": "/login"}), BadResponse),
        (httpx.Response(200, json={"success": False, "error": "Nope"}), Rejected),
        (httpx.Response(200, json={"status": "ok"}), BadResponse),
        (httpx.Response(200, text="<html>"), BadResponse),
        (httpx.Response(200, text='{"success": true, "data": [{"id'), BadResponse),
        (httpx.Response(200, json={"success": True, "data": 7}), BadResponse),
    ],
    ids=lambda value: value.status_code if isinstance(value, httpx.Response) else value.__name__,
)
def test_a_refusal_is_named(answer: httpx.Response, kind: type[ConnectorError]) -> None:
    assert type(refused(answer)) is kind


def test_a_page_of_the_cdn_pauses_everything_and_revokes_nothing() -> None:
    page = httpx.Response(403, html="<html>Access denied</html>")
    error = refused(page)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.of_account) == (1800.0, True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x_daily_ratelimit_token_remaining": "0", "x_ratelimit_reset": "2"}, 3600.0),
        ({"Retry_After": "900"}, 900.0),
        ({"x_ratelimit_reset": "70"}, 70.0),
    ],
)
def test_a_used_up_day_is_not_asked_in_a_loop(headers: Any, seconds: float) -> None:
    script = Script(lambda _: bad(429, "Rate limit exceeded", **headers))
    with pytest.raises(RateLimited) as told:
        everything(script.connector(), Stream.PEOPLE)
    assert told.value.retry_after == seconds
    assert len(script.calls) == 1
    assert script.hands.limiter.refusals == [seconds]


@pytest.mark.parametrize(
    ("told", "headers"),
    [
        ("Daily API token limit exceeded", {}),
        ("Daily API token limit exceeded", {"x_ratelimit_remaining": "0"}),
        # Calls are left in the burst, so it is not what refuses.
        ("Rate limit exceeded", {"x_ratelimit_remaining": "19", "x_ratelimit_reset": "2"}),
    ],
)
def test_a_used_up_day_is_known_where_the_header_of_the_day_is_absent(
    told: str, headers: Any
) -> None:
    script = Script(lambda _: bad(429, told, **headers))
    for connector in (script.connector(), script.connector(bulk=True)):
        with pytest.raises(RateLimited) as refused:
            everything(connector, Stream.PEOPLE)
        assert refused.value.retry_after >= 3590.0
    # A pull does not even ask.
    assert len(script.calls) == 1


def test_refusals_without_any_limit_that_outlast_a_burst_are_of_the_day() -> None:
    script = Script(lambda _: bad(429))
    script.hands.meter = MemoryMeter(now=lambda: sum(script.hands.slept))
    with pytest.raises(RateLimited, match="of the day") as told:
        everything(script.connector(), Stream.PEOPLE)
    assert told.value.retry_after == 3600.0
    assert script.hands.limiter.refusals == [2.0, 2.0, 3600.0]


def test_refusals_side_by_side_are_those_of_one_burst() -> None:
    script = Script(lambda _: bad(429))
    script.hands.meter = MemoryMeter(now=lambda: 0.0)
    with pytest.raises(RateLimited, match="asks for a pause"):
        everything(script.connector(), Stream.PEOPLE)


def test_the_sandbox_refuses_a_used_up_day_without_its_header_too() -> None:
    with sandbox(records=4, limit="published", tokens=30, daily_headers=False) as company:
        connector = company.connector()
        everything(connector, Stream.PEOPLE)
        with pytest.raises(RateLimited, match="of the day"):
            everything(connector, Stream.PEOPLE)
        assert company.hands.limiter.refusals == [3600.0]


def test_a_burst_is_waited_out() -> None:
    answers = iter([bad(429, x_ratelimit_reset="2"), bad(429), good([])])
    script = Script(lambda _: next(answers))
    assert everything(script.connector(), Stream.PEOPLE) == []
    assert script.hands.limiter.refusals == [2.0, 2.0]
    assert min(script.hands.slept) >= 2.0


def test_each_call_takes_its_price() -> None:
    script = Script(lambda _: [])
    connector = script.connector()
    for stream, cost in (
        (Stream.PEOPLE, [20]),
        (Stream.PIPELINES, [5, 5]),
        (Stream.CONTACTS, [10]),
        (Stream.LEADS, [20, 10, 40, 20]),
        (Stream.DEALS, [10, 20]),
    ):
        script.hands.limiter.costs.clear()
        everything(connector, stream)
        assert script.hands.limiter.costs == cost


def test_pulls_leave_the_last_fifth_of_the_day_to_writes() -> None:
    told = {
        "x-daily-ratelimit-token-limit": "30000",
        "x-daily-ratelimit-token-remaining": "5900",
    }

    def answer(_: httpx.Request) -> httpx.Response:
        shown = good({"id": 1})
        shown.headers.update(told)
        return shown

    script = Script(answer)
    pull = script.connector(bulk=True)
    script.connector().complete_task("1")
    with pytest.raises(RateLimited, match="four fifths"):
        everything(pull, Stream.CONTACTS)
    script.connector().complete_task("1")
    assert [one.method for one in script.calls] == ["PATCH", "PATCH"]


@pytest.mark.parametrize(
    ("given", "tokens", "in_two_seconds"),
    [
        ({}, 30_000, 20),
        ({"plan": "growth", "seats": 3}, 180_000, 40),
        ({"plan": "ultimate", "daily_top_up": 1000}, 211_000, 120),
    ],
)
def test_the_budget_is_that_of_plan_and_seats(
    given: dict[str, Any], tokens: int, in_two_seconds: int
) -> None:
    budget = Script(lambda _: []).connector(**given).budget()
    assert budget is not None
    assert budget.per_day == tokens
    assert most_in_two_seconds(budget) <= in_two_seconds
    assert budget.rate * 2 >= 0.95 * in_two_seconds


def most_in_two_seconds(budget: Budget) -> int:
    """By a client that always sends as soon as it may."""
    now, sent, bucket = 0.0, [], Bucket(at=0.0)
    while now < 20.0:
        bucket, delay = take(bucket, budget, now)
        now += delay
        if not delay:
            sent.append(now)
    return max(sum(0 <= other - one < 2.0 for other in sent) for one in sent)


def test_a_call_that_costs_ten_takes_ten_of_the_day() -> None:
    budget = Budget("one", burst=1000, rate=1000.0, per_day=100)
    now = [0.0]
    limiter = MemoryLimiter(budget, lambda: now[0])
    assert [limiter.acquire(cost=10) for _ in range(8)] == [0.0] * 8
    assert limiter.acquire(cost=1) > 0
    # Writes may go on to 95 of the 100.
    assert limiter.acquire(urgent=True, cost=15) == 0.0
    assert limiter.acquire(urgent=True, cost=1) > 0
    now[0] += 25 * 3600 + 1
    assert limiter.acquire(cost=10) == 0.0


def test_a_sandbox_without_limits_has_no_budget() -> None:
    assert Script(lambda _: []).connector(plan="unlimited").budget() is None


def test_the_token_is_in_a_header_and_in_no_error() -> None:
    script = Script(lambda _: bad(400, f"wrong token {TOKEN}"))
    with pytest.raises(Rejected) as told:
        everything(script.connector(), Stream.PEOPLE)
    assert TOKEN not in str(told.value)
    (call,) = script.calls
    assert call.headers["x-api-token"] == TOKEN
    assert TOKEN not in str(call.url)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"company": COMPANY}, "No credentials"),
        ({"company": "http://acme.example", "api_token": TOKEN}, "not safe"),
        ({"company": COMPANY, "api_token": TOKEN, "fields": {"a": "short"}}, "40 characters"),
        ({"company": COMPANY, "api_token": TOKEN, "seats": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        PipedriveConfig.model_validate(given)


def test_an_error_tells_pipedrives_reason() -> None:
    assert "title: Required" in refused(bad(400, "Validation failed: title: Required")).message
    text = json.dumps({"success": False, "error": {"odd": 1}})
    odd = httpx.Response(400, text=text, headers={"Content-Type": "application/json"})
    assert isinstance(refused(odd), Rejected)
