"""How Salesforce refuses, and what its own answers mean."""

from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

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
from connectors.salesforce.refusals import CursorLost, KeyTaken, name_refusal
from connectors.salesforce.wire import among, literal, quoted
from tests.connectors.running import everything
from tests.connectors.salesforce.kit import Rewriting, Sandbox


@pytest.mark.parametrize(
    ("status", "code", "message", "error", "pause"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", RateLimited, 3600),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.", RateLimited, 10),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit", RateLimited, 10),
        (403, "API_DISABLED_FOR_ORG", "off", NotPermitted, None),
        (400, "INSUFFICIENT_ACCESS_OR_READONLY", "no", NotPermitted, None),
        (401, "INVALID_SESSION_ID", "expired", AuthFailed, None),
        (404, "NOT_FOUND", "gone", NotFound, None),
        (400, "ENTITY_IS_DELETED", "gone", NotFound, None),
        (410, "GONE", "old", NotPermitted, None),
        (400, "UNABLE_TO_LOCK_ROW", "busy", RateLimited, 1),
        (400, "QUERY_TIMEOUT", "slow", RateLimited, 1),
        (400, "INVALID_QUERY_LOCATOR", "lost", CursorLost, None),
        (400, "DUPLICATE_VALUE", "taken", KeyTaken, None),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "not so", Rejected, None),
        (412, "PRECONDITION_FAILED", "changed", Rejected, None),
        (500, "UNKNOWN_EXCEPTION", "oops", Unavailable, None),
        (503, "SERVER_UNAVAILABLE", "down", Unavailable, None),
    ],
)
def test_a_refusal_is_named_by_its_code(
    status: int, code: str, message: str, error: type[ConnectorError], pause: float | None
) -> None:
    told = [{"errorCode": code, "message": message, "fields": ["Amount"]}]
    found = name_refusal(httpx.Response(status, json=told))
    assert type(found) is error
    if isinstance(found, RateLimited):
        assert found.retry_after == pause
        assert found.of_account == (code == "REQUEST_LIMIT_EXCEEDED")


def test_a_rule_of_the_org_is_told_with_its_fields() -> None:
    told = [{"errorCode": "REQUIRED_FIELD_MISSING", "message": "Missing.", "fields": ["Name"]}]
    found = name_refusal(httpx.Response(400, json=told))
    assert found is not None
    assert found.message.endswith("Missing (Name) [REQUIRED_FIELD_MISSING].")


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(412), Rejected),
        (httpx.Response(414, text="<html>"), Rejected),
        (httpx.Response(502, text="<html>"), Unavailable),
        (httpx.Response(404, text="<html>"), NotFound),
        (httpx.Response(429, headers={"Retry-After": "7"}), RateLimited),
        (httpx.Response(300, json=["/a", "/b"]), Rejected),
    ],
)
def test_a_refusal_without_a_code_has_a_name_too(
    response: httpx.Response, error: type[ConnectorError]
) -> None:
    assert type(name_refusal(response)) is error


def test_literals_are_escaped_and_in_utc() -> None:
    assert quoted("o'clock \\ x") == "'o\\'clock \\\\ x'"
    assert among("Id", ["a", "b'"]) == "Id IN ('a','b\\'')"
    there = datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    assert literal(there) == "2026-11-23T09:00:00Z"


@pytest.mark.parametrize(
    "change",
    [
        {"nextRecordsUrl": None},
        {"nextRecordsUrl": "https://evil.example/services/data/v67.0/query/1-50"},
        {"records": {}},
        {"done": None},
    ],
)
def test_a_page_that_cannot_be_gone_on_from_is_an_error(
    own: Sandbox, change: dict[str, Any]
) -> None:
    def spoilt(response: httpx.Response) -> httpx.Response:
        document = response.json()
        if "totalSize" in document:
            document = {**document, "done": False, **change}
        return httpx.Response(response.status_code, json=document)

    connector = own.over(Rewriting(httpx.HTTPTransport(), spoilt))
    with pytest.raises(BadResponse):
        everything(connector, Stream.PEOPLE)


def test_an_answer_that_says_nothing_is_no_empty_page(own: Sandbox) -> None:
    def nothing(response: httpx.Response) -> httpx.Response:
        return httpx.Response(200, json={}) if "totalSize" in response.text else response

    connector = own.over(Rewriting(httpx.HTTPTransport(), nothing))
    with pytest.raises(BadResponse):
        everything(connector, Stream.LEADS)


@pytest.mark.parametrize("fault", ["503", "500", "html", "429", "timeout_before", "cut"])
def test_a_read_gets_over_a_fault(own: Sandbox, fault: str) -> None:
    own.faults({"on": {"method": "query", "nth": 1}, "do": fault})
    assert len(everything(own.connector(), Stream.DEALS)) == 20
