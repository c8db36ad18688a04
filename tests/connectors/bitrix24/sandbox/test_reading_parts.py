"""Query strings, filters, zones and names, without a server."""

from datetime import timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.bitrix24.portal.errors import PortalError
from connectors.bitrix24.portal.filters import FilterReader
from connectors.bitrix24.portal.querystring import parse_query
from connectors.bitrix24.portal.references import resolve
from connectors.bitrix24.portal.schema import DEAL, base_schema, custom_name, new_item
from connectors.bitrix24.portal.zone import PortalZone

MOSCOW = PortalZone(timezone(timedelta(hours=3)))
PARIS = PortalZone(ZoneInfo("Europe/Paris"))
READER = FilterReader(base_schema(DEAL).by_name, MOSCOW)


def passes(filters: Any, **row: Any) -> bool:
    return READER.read(filters).holds(new_item(base_schema(DEAL)) | row)


def test_brackets_become_maps_and_lists() -> None:
    found = parse_query("filter[%3Eid]=7&select[0]=id&select[1]=title&start=-1&order[id]=ASC")
    assert found == {
        "filter": {">id": "7"},
        "select": ["id", "title"],
        "start": "-1",
        "order": {"id": "ASC"},
    }


def test_empty_brackets_count_up_and_values_are_decoded_once() -> None:
    assert parse_query("a[]=x%26y&a[]=1%2B1&t=2026-08-20T12:50:00+03:00") == {
        "a": ["x&y", "1+1"],
        # A plus that was not encoded is a space: quirk 7.
        "t": "2026-08-20T12:50:00 03:00",
    }


def test_a_reference_takes_the_value_at_its_path() -> None:
    results = {"c00": {"items": [{"id": 5}, {"id": 9}]}}
    params = {"filter": {">id": "$result[c00][items][1][id]"}, "select": ["id"]}
    assert resolve(params, results) == {"filter": {">id": "9"}, "select": ["id"]}


@pytest.mark.parametrize("path", ["[c00][items][7][id]", "[c09][items]", "[c00][items][0][x]"])
def test_a_reference_that_leads_nowhere_is_empty(path: str) -> None:
    assert resolve(f"$result{path}", {"c00": {"items": [{"id": 5}]}}) == ""


@pytest.mark.parametrize(
    ("filters", "row"),
    [
        ({">opportunity": "10"}, {"opportunity": 10.5}),
        ({"<=opportunity": 10}, {"opportunity": 10}),
        ({"@stageId": ["NEW", "WON"]}, {"stageId": "WON"}),
        ({"stageId": ["NEW", "WON"]}, {"stageId": "WON"}),
        ({"!@stageId": ["NEW"]}, {"stageId": "WON"}),
        ({"%title": "ROLL"}, {"title": "CRM roll-out"}),
        ({"=%title": "crm%out"}, {"title": "CRM roll-out"}),
        ({"!%title": "audit"}, {"title": "CRM roll-out"}),
        ({"!=stageId": "NEW"}, {"stageId": "WON"}),
        ({"=utmSource": ""}, {"utmSource": None}),
        ({">=updatedTime": "2026-08-20T13:00:00+03:00"}, {"updatedTime": 1787220000}),
        ({">=updatedTime": "2026-08-20 13:00:00"}, {"updatedTime": 1787220000}),
        ({"closed": "1"}, {"closed": "Y"}),
        (
            {"0": {"logic": "OR", "0": {"id": 1}, "1": {"stageId": "WON"}}},
            {"id": 2, "stageId": "WON"},
        ),
    ],
)
def test_a_filter_lets_its_row_pass(filters: Any, row: dict[str, Any]) -> None:
    assert passes(filters, **row)


@pytest.mark.parametrize(
    ("filters", "row"),
    [
        ({">opportunity": "10"}, {"opportunity": 10}),
        ({"!title": "Audit"}, {"title": "audit"}),
        ({">=updatedTime": "2026-08-20T13:00:01+03:00"}, {"updatedTime": 1787220000}),
        ({"id": 1, "stageId": "NEW"}, {"id": 1, "stageId": "WON"}),
        ({">updatedTime": "2020-01-01T00:00:00Z"}, {"updatedTime": None}),
        ({"0": {"logic": "OR", "0": {"id": 1}, "1": {"id": 3}}}, {"id": 2}),
    ],
)
def test_a_filter_stops_its_row(filters: Any, row: dict[str, Any]) -> None:
    assert not passes(filters, **row)


def test_an_unknown_field_is_refused_by_a_strict_filter_and_ignored_by_a_loose_one() -> None:
    with pytest.raises(PortalError, match="not allowed in filter") as refusal:
        READER.read({"noSuchField": 1})
    assert (refusal.value.status, refusal.value.code) == (400, "INVALID_ARG_VALUE")
    loose = FilterReader(READER.fields, MOSCOW, strict=False)
    assert loose.read({"noSuchField": 1}).conditions == ()


def test_a_bound_that_is_empty_starts_from_the_first_row() -> None:
    assert passes({">id": ""}, id=1)


@pytest.mark.parametrize(
    ("upper", "name"),
    [
        ("UF_CRM_7_TARGET", "ufCrm7Target"),
        ("UF_CRM_1747309879", "ufCrm_1747309879"),
        ("UF_CRM_3_DIGIT10", "ufCrm_3_DIGIT10"),
        ("UF_CRM_RETRO_KEY", "ufCrmRetroKey"),
    ],
)
def test_custom_fields_are_named_by_the_portals_rule(upper: str, name: str) -> None:
    assert custom_name(upper) == name


def test_the_offset_follows_daylight_saving() -> None:
    summer, winter = 1787220000, 1787220000 + 120 * 86400
    assert PARIS.text(summer) == "2026-08-20T12:00:00+02:00"
    assert PARIS.text(winter) == "2026-12-18T11:00:00+01:00"
    assert PARIS.parse("2026-08-20T12:00:00") == summer
    assert PARIS.parse("2026-12-18T11:00:00+01:00") == winter


def test_zones_off_by_half_an_hour_are_shown_right() -> None:
    kolkata = PortalZone(ZoneInfo("Asia/Kolkata"))
    assert kolkata.text(1787220000) == "2026-08-20T15:30:00+05:30"
    assert kolkata.text(1787220000 + 1799) == "2026-08-20T15:59:59+05:30"
    assert kolkata.text(1787220000 + 1800) == "2026-08-20T16:00:00+05:30"


def test_a_date_is_midnight_utc_shown_in_the_portals_zone() -> None:
    assert MOSCOW.text(MOSCOW.parse_date("2026-08-08")) == "2026-08-08T03:00:00+03:00"
