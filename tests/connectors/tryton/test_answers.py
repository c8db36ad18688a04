"""Answers that a good server does not give, and settings that cannot be."""

import json
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors.errors import (
    BadResponse,
    ConnectorError,
    NotFound,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.models import LeadStatus, Stream
from connectors.port import Partition, Presence, Window
from connectors.tryton.connector import Tryton
from connectors.tryton.mapping import marked, moves_by_opportunity, parted
from connectors.tryton.rows import LogRow, Moment
from connectors.tryton.wire import like, name_refusal
from tests.connectors.hands import Hands

AT = {"year": 2026, "month": 11, "day": 23, "hour": 4, "minute": 11, "second": 33}
ROW = {
    "id": 1,
    "__class__": "",
    "description": "One",
    "state": "lead",
    "create_date": {"__class__": "datetime", **AT, "microsecond": 855115},
    "write_date": None,
    "currency.": {"code": "EUR"},
    "amount": {"__class__": "Decimal", "decimal": "12500.00"},
}
KEY = "f" * 128


def reading(*rows: Any) -> Tryton:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        return httpx.Response(200, json=[] if "ir.model.log" in request.url.path else rows)

    config = Tryton.Config(server="https://tryton.example", database="retro", key=KEY)
    return Tryton(config, Hands().wire(httpx.MockTransport(answer)))


def test_a_row_in_an_unknown_shape_is_set_aside_alone() -> None:
    odd = {**ROW, "id": 2, "amount": {"__class__": "Decimal", "decimal": "much"}}
    (page,) = reading(ROW, odd, {**ROW, "id": 3}).leads(Window(), Partition())
    assert [one.id for one in page.records] == ["1", "3"]
    (refused,) = page.refused
    assert refused.id == "2"
    assert "amount" in refused.reason
    assert json.loads(refused.raw) == odd


def test_changes_of_an_opportunity_that_cannot_be_read_are_not_gone() -> None:
    odd = {**ROW, "id": 2, "amount": {"__class__": "Decimal", "decimal": "much"}}
    ids = ["leads:1:lead", "leads:1:won", "leads:2:lead", "deals:2:31", "leads:3:lead"]
    found = reading(ROW, odd).presence(Stream.STAGE_CHANGES, ids)
    assert found == {
        "leads:1:lead": Presence.PRESENT,
        "leads:1:won": Presence.DELETED,
        "leads:2:lead": Presence.HIDDEN,
        "deals:2:31": Presence.HIDDEN,
        "leads:3:lead": Presence.DELETED,
    }
    assert reading(ROW, odd).presence(Stream.LEADS, ["2"]) == {"2": Presence.PRESENT}


def test_a_history_that_cannot_be_read_is_asked_for_by_its_opportunity() -> None:
    odd = {**ROW, "id": 2, "amount": {"__class__": "Decimal", "decimal": "much"}}
    (page,) = reading(ROW, odd).stage_changes(Window(), Partition())
    ((refused,), ids) = page.refused, ["history:leads:2", "history:leads:3"]
    assert refused.id == ids[0]
    again = reading(odd).by_ids(Stream.STAGE_CHANGES, ids)
    assert [one.id for one in again.refused] == [refused.id]
    assert reading(odd).presence(Stream.STAGE_CHANGES, ids) == {
        ids[0]: Presence.HIDDEN,
        ids[1]: Presence.DELETED,
    }
    good = reading({**ROW, "id": 2})
    assert [one.id for one in good.by_ids(Stream.STAGE_CHANGES, ids).records] == ["leads:2:lead"]
    assert good.presence(Stream.STAGE_CHANGES, ids[:1]) == {ids[0]: Presence.PRESENT}


def test_an_import_without_a_log_is_closed_on_the_day_it_tells() -> None:
    end = {"end_date": {"__class__": "date", "year": 2026, "month": 11, "day": 25}}
    edited = {"write_date": {**AT, "day": 28, "microsecond": 0}}
    (page,) = reading({**ROW, **end, **edited, "state": "lost"}).leads(Window(), Partition())
    (lead,) = page.records
    assert lead.status_kind is LeadStatus.DISQUALIFIED
    assert lead.closed_at is not None
    assert lead.closed_at.isoformat() == "2026-11-25T23:59:59.999999+00:00"


def test_rows_out_of_order_end_the_read() -> None:
    with pytest.raises(BadResponse, match="not in order"):
        list(reading({**ROW, "id": 3}, ROW).leads(Window(), Partition()))


@pytest.mark.parametrize("body", [b"<html>", b'[{"id":1', b"{}", b""])
def test_what_is_no_list_of_rows_is_an_error(body: bytes) -> None:
    wire = Hands().wire(httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    config = Tryton.Config(server="https://tryton.example", database="retro", key=KEY)
    with pytest.raises(BadResponse):
        list(Tryton(config, wire).contacts(Window(), Partition()))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"status": 400, "message": "The number on work must be unique."}, RateLimited),
        (400, {"status": 400, "message": "A value is required.", "description": "x"}, Rejected),
        (400, "<html>", Rejected),
        (403, "", NotPermitted),
        (404, "", NotFound),
        (500, "<html>", Unavailable),
        (503, "database is locked", Unavailable),
    ],
)
def test_a_refusal_is_named_by_its_status(
    status: int, body: Any, error: type[ConnectorError]
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    named = name_refusal(httpx.Response(status, content=content))
    assert type(named) is error
    if error is RateLimited:
        assert isinstance(named, RateLimited)
        assert not named.of_account


def test_a_click_counts_where_it_had_an_effect() -> None:
    told = [("button", "lost"), ("button", "lost"), ("transition", "state:lead")]
    told += [("button", "lead"), ("transition", "state:opportunity"), ("button", "cancel")]
    told += [("button", "opportunity"), ("button", "lost"), ("write", "comment")]
    at = Moment(**AT)
    rows = [
        LogRow(number, "sale.opportunity,7", event, target, at)
        for number, (event, target) in enumerate(told)
    ]
    assert [(move.id, move.state) for move in moves_by_opportunity(rows)[7]] == [
        (0, "lost"),
        (2, "lead"),
        (4, "opportunity"),
        (5, "cancelled"),
    ]


@pytest.mark.parametrize("key", ["D-1:designer", "D_1", "a]b", "[x", "é"])
def test_a_key_stands_in_a_line_of_its_own(key: str) -> None:
    text = "Une ligne\n\nUne autre"
    assert parted(marked(text, key)) == (text, key)
    assert parted(f"{marked(text, key)}\nPS") == (f"{text}\n\nPS", key)
    assert parted(text) == (text, None)


def test_a_pattern_holds_no_other_pattern() -> None:
    assert like(r"50%_a\b") == r"%50\%\_a\\b%"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("server", "http://tryton.example", "https://"),
        ("server", "tryton.example", "https://"),
        ("database", "a/b", "pattern"),
        ("key", "two words", "copy it whole"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_unquoted(setting: str, value: str, words: str) -> None:
    given = {"server": "https://tryton.example", "database": "retro", "key": KEY}
    with pytest.raises(ValidationError, match=words) as told:
        Tryton.Config(**{**given, setting: value})
    assert "two words" not in str(told.value)


def test_a_path_behind_the_server_is_left_out() -> None:
    config = Tryton.Config(server="https://tryton.example/retro/", database="retro", key=KEY)
    assert config.server == "https://tryton.example"
    assert KEY not in repr(config)
