"""The dialect: envelopes, refusals by name, batches, encoding, operating time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from msgspec import Raw

from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.wire import Batch, Command, Ref, query_string
from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectionBroken,
    ConnectorError,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.models import Stream
from connectors.port import Partition, Window
from tests.connectors.bitrix24.kit import CODE, Answer, Script, bad, batched, good

HTML = "<html><body>Bad gateway</body></html>"


def read(connector: Bitrix24, method: str = "crm.item.get") -> Raw:
    return connector._portal.read(method, {}, Raw)


def failure(response: httpx.Response, method: str = "crm.item.get") -> ConnectorError:
    with pytest.raises(ConnectorError) as refused:
        read(Script(lambda _: response).connector(), method)
    return refused.value


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "NO_AUTH_FOUND", AuthFailed),
        (401, "expired_token", AuthFailed),
        (401, "invalid_token", AuthFailed),
        (401, "authorization_error", AuthFailed),
        (401, "METHOD_CONFIRM_WAITING", NotPermitted),
        (403, "METHOD_CONFIRM_DENIED", NotPermitted),
        (403, "insufficient_scope", NotPermitted),
        (403, "INVALID_CREDENTIALS", NotPermitted),
        (403, "user_access_error", NotPermitted),
        (403, "ACCESS_DENIED", NotPermitted),
        (403, "allowed_only_intranet_user", NotPermitted),
        (403, "WRONG_AUTH_TYPE", NotPermitted),
        (403, "SOMETHING_NEW", NotPermitted),
        (400, "INVALID_REQUEST", ConnectionBroken),
        (400, "INVALID_ARG_VALUE", Rejected),
        (400, "ERROR_CORE", Rejected),
        (400, "100", Rejected),
        (400, "ACCESS_DENIED", Rejected),
        (400, "NOT_FOUND", NotFound),
        (404, "ERROR_METHOD_NOT_FOUND", NotPermitted),
        (429, "OPERATION_TIME_LIMIT", RateLimited),
        (503, "QUERY_LIMIT_EXCEEDED", RateLimited),
        (503, "OVERLOAD_LIMIT", ConnectionBroken),
        (500, "INTERNAL_SERVER_ERROR", Unavailable),
        (200, "ERROR_UNEXPECTED_ANSWER", Unavailable),
        (500, "PORTAL_DELETED", ConnectionBroken),
        (410, "PORTAL_DELETED", ConnectionBroken),
        (200, "WRONG_CLIENT", AuthFailed),
    ],
)
def test_each_documented_code_has_its_error(
    status: int, code: str, expected: type[ConnectorError]
) -> None:
    error = failure(bad(status, code))
    assert type(error) is expected
    assert error.next_step.endswith(".")


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (400, "VALIDATION_REQUESTVALIDATIONEXCEPTION", Rejected),
        (403, "ACCESSDENIEDEXCEPTION", Rejected),
        (403, "INSUFFICIENTSCOPEEXCEPTION", NotPermitted),
        (404, "METHODNOTFOUNDEXCEPTION", NotPermitted),
        (400, "ENTITYNOTFOUNDEXCEPTION", NotFound),
        (422, "IDEMPOTENCYKEYREUSEDEXCEPTION", OutcomeUnknown),
        (429, "RATELIMITEXCEPTION", RateLimited),
    ],
)
def test_rest_3_nests_its_errors(status: int, name: str, expected: type[ConnectorError]) -> None:
    fault = {"code": f"BITRIX_REST_V3_EXCEPTION_{name}", "message": "No"}
    assert type(failure(httpx.Response(status, json={"error": fault}))) is expected


def test_a_validation_error_names_the_fields() -> None:
    fault = {
        "code": "BITRIX_REST_V3_EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION",
        "message": "Request validation failed",
        "validation": [{"field": "creatorId", "message": "Required field `creatorId`"}],
    }
    assert "creatorId" in failure(httpx.Response(400, json={"error": fault})).message


@pytest.mark.quirk(5)
@pytest.mark.parametrize("code", ["", 0, "0", None, False])
@pytest.mark.parametrize("status", [200, 400])
def test_a_falsy_error_code_is_an_error(code: Any, status: int) -> None:
    error = failure(bad(status, code, "Parameter 'filter' must be array."))
    assert isinstance(error, Rejected)
    assert "must be array" in error.message


@pytest.mark.promise("G14")
def test_error_texts_lose_their_markup_and_their_secrets() -> None:
    refused = bad(400, "ERROR_CORE", f"Task title<br>is not  {CODE} specified<br/>")
    connector = Script(lambda _: refused).connector()
    with pytest.raises(Rejected) as error:
        connector.fields(Stream.DEALS)
    text = "The portal refuses crm.item.fields: Task title is not *** specified."
    assert (error.value.message, str(error.value)) == (text, text)


LEAKS: dict[str, Answer] = {
    "command": batched({}, {"c00": {"error": "X", "error_description": f"See /rest/1/{CODE}/"}}),
    "enum": batched({"c00": {"items": [CODE]}, "all": CODE, "x1": CODE, "t1": {"task": CODE}}),
    "key": good({"result": {CODE: [1]}, "result_error": {CODE: 5}, "result_time": {CODE: "x"}}),
    "body": httpx.Response(200, json={"result": {CODE: 1}, "time": {CODE: 1, "start": CODE}}),
    "refusal": bad(403, CODE),
    "code": bad(400, "", f"https://portal.example/rest/1/{CODE}/x"),
}
CALLS: dict[str, Callable[[Bitrix24], object]] = {
    "pages": lambda tool: list(tool.deals(Window(), Partition())),
    "people": lambda tool: list(tool.people(Window(), Partition())),
    "pipelines": lambda tool: list(tool.pipelines(Window(), Partition())),
    "shares": lambda tool: tool.partitions(Stream.DEALS, Window()),
    "by id": lambda tool: tool.by_ids(Stream.DEALS, ["1"]),
    "presence": lambda tool: tool.presence(Stream.DEALS, ["1"]),
    "find": lambda tool: tool.find_task("K"),
    "check": lambda tool: tool.check(),
    "target": lambda tool: tool.prepare_targets(),
}


@pytest.mark.promise("G14")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("leak", LEAKS)
def test_no_error_leaves_the_connector_with_a_secret(leak: str, call: str) -> None:
    connector = Script(lambda _: LEAKS[leak]).connector()
    try:
        CALLS[call](connector)
    except ConnectorError as error:
        for text in (error.message, str(error), repr(error), error.next_step):
            assert CODE not in text


def test_a_right_missing_for_a_whole_list_breaks_the_connection() -> None:
    assert isinstance(failure(bad(400, "ACCESS_DENIED"), "crm.item.list"), NotPermitted)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Unavailable),
        (502, Unavailable),
        (403, ConnectionBroken),
        (404, ConnectionBroken),
        (429, RateLimited),
        (302, BadResponse),
    ],
)
def test_a_web_page_is_never_an_answer(status: int, expected: type[ConnectorError]) -> None:
    error = failure(httpx.Response(status, html=HTML))
    assert type(error) is expected
    assert "<" not in error.message


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry-After": "3600"}, 3600.0), ({}, 60.0)])
def test_a_proxy_before_the_portal_is_given_the_pause_it_asks_for(
    headers: dict[str, str], seconds: float
) -> None:
    error = failure(httpx.Response(429, headers=headers, html=HTML))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    "body",
    ["{}", "[]", '{"result": {"items": [}}', "null", '{"result"'],
)
def test_an_unreadable_answer_is_no_empty_result(body: str) -> None:
    answer = httpx.Response(200, content=body.encode())
    with pytest.raises((BadResponse, Unavailable)):
        read(Script(lambda _: answer).connector())


def test_a_web_page_as_the_answer_to_a_write_leaves_its_outcome_unknown() -> None:
    script = Script(lambda _: httpx.Response(200, html=HTML))
    with pytest.raises(OutcomeUnknown):
        script.connector()._portal.write("crm.item.add", {}, Raw)
    assert len(script.calls) == 1


@pytest.mark.quirk(7)
@pytest.mark.quirk(8)
def test_values_in_a_command_are_encoded_once() -> None:
    text = query_string(
        {
            "entityTypeId": 2,
            "filter": {">=updatedTime": "2026-08-20T12:50:00+03:00", "title": "50% & more"},
            "select": ["id", "title"],
            "flag": True,
            "clear": None,
            "next": Ref("[c00][items][49][id]"),
        }
    )
    assert text == (
        "entityTypeId=2"
        "&filter[%3E%3DupdatedTime]=2026-08-20T12%3A50%3A00%2B03%3A00"
        "&filter[title]=50%25%20%26%20more"
        "&select[0]=id&select[1]=title"
        "&flag=Y&clear=&next=$result[c00][items][49][id]"
    )


def batch(answer: Any) -> Batch:
    commands = [Command(name, f"m.{name}", {}) for name in ("a", "b")]
    return Script(lambda _: answer).connector()._portal.batch(commands)


@pytest.mark.quirk(4)
def test_a_failed_command_raises_its_error_though_the_batch_succeeded() -> None:
    done = batch(batched({"a": 1}, {"b": {"error": "NOT_FOUND", "error_description": "gone"}}))
    assert bytes(done.result("a")) == b"1"
    with pytest.raises(NotFound):
        done.result("b")


@pytest.mark.quirk(4)
def test_a_command_that_is_missing_from_the_answer_is_a_failure() -> None:
    with pytest.raises(BadResponse, match=r"left m\.b out"):
        batch(batched({"a": 1})).result("b")


@pytest.mark.quirk(5)
def test_a_falsy_code_inside_a_batch_is_an_error() -> None:
    with pytest.raises(Rejected):
        batch(batched({}, {"a": {"error": "", "error_description": ""}})).result("a")


@pytest.mark.quirk(6)
def test_empty_maps_may_be_lists_and_filled_lists_are_refused() -> None:
    assert batch(batched({})).results == {}
    with pytest.raises(BadResponse, match="names are lost"):
        batch(good({"result": [[], []], "result_error": []}))


@pytest.mark.quirk(22)
def test_the_portals_clock_is_read_from_the_answer() -> None:
    assert batch(batched({})).remote_now == datetime.fromtimestamp(1787220000.101, UTC)


def test_the_documented_errors_and_batches_are_understood(samples: Mapping[str, Any]) -> None:
    expected = {
        "error.no_auth": AuthFailed,
        "error.insufficient_scope": NotPermitted,
        "error.query_limit": RateLimited,
        "error.operation_time_limit": RateLimited,
        "error.method_not_found": NotPermitted,
        "error.invalid_arg": Rejected,
        "error.falsy_code": Rejected,
        "crm.item.get.not_found": NotFound,
        "crm.type.add.restricted": NotPermitted,
        "crm.item.add.restricted": NotPermitted,
        "tasks.task.add.v3.key_reused": OutcomeUnknown,
        "tasks.task.add.v3.validation": Rejected,
        "tasks.task.add.v2.error": Rejected,
    }
    for name, error in expected.items():
        sample = samples[name]["response"]
        response = httpx.Response(sample["status"], json=sample["body"])
        assert type(failure(response)) is error, name
    mixed = samples["batch.mixed_errors"]["response"]["body"]
    commands = [Command(name, "m", {}) for name in ("cats", "bad", "none")]
    done = Script(lambda _: mixed).connector()._portal.batch(commands)
    with pytest.raises(Rejected, match="noSuchField"):
        done.result("bad")
    assert bytes(done.result("none")) == b'{"items":[]}'
