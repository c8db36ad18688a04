"""Campaigns in a shape that nobody knows: set aside by their id, and taken up again by it."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from connectors.hubspot.connector import HubSpot
from connectors.models import CampaignStats, Stream, history_of
from connectors.port import Partition, Window, read
from tests.connectors.hands import Hands
from tests.connectors.hubspot.kit import Sandbox
from tests.connectors.running import pages_of

ODD = "1f0c4d52-0001-4000-8000-000000000001"
ASIDE = history_of("campaigns", ODD)
NOW = "2026-11-23T09:00:00+00:00"


class OddCampaign(httpx.BaseTransport):
    """Answers as the account does, but for one campaign, as long as it is so."""

    def __init__(self, change: Callable[[dict[str, Any]], None]) -> None:
        self._inner = httpx.HTTPTransport()
        self._change = change
        self.is_odd = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(self._inner.handle_request(request).read())
        for row in body.get("results", [body]):
            if self.is_odd and row.get("id") == ODD:
                self._change(row)
        headers = {"Date": "Mon, 23 Nov 2026 09:00:00 GMT"}
        return httpx.Response(200, json=body, headers=headers)

    def close(self) -> None:
        self._inner.close()


def named(row: dict[str, Any]) -> None:
    row["properties"] = ["hs_name"]


def begun(row: dict[str, Any]) -> None:
    row["properties"]["hs_start_date"] = "soon"


def stored(row: dict[str, Any]) -> None:
    row["updatedAt"] = "hier"


@pytest.mark.parametrize("change", [named, begun, stored])
def test_a_campaign_in_an_unknown_shape_is_set_aside_by_its_id_and_taken_up_again(
    own: Sandbox, change: Callable[[dict[str, Any]], None]
) -> None:
    own.at(NOW)
    plain = own.connector(campaign_days=3)
    whole = {one.id for page in pages_of(plain, Stream.CAMPAIGN_STATS) for one in page.records}
    account = OddCampaign(change)
    connector = HubSpot(plain.config, Hands().wire(account))
    pages = list(read(connector, Stream.CAMPAIGN_STATS, Window(), Partition()))
    assert [one.id for page in pages for one in page.refused] == [ASIDE]
    found = {one.id for page in pages for one in page.records}
    days = {f"2026-11-{day}:{ODD}" for day in (21, 22, 23)}
    assert (found & days, found | days) == (set(), whole)
    again = connector.by_ids(Stream.CAMPAIGN_STATS, [ASIDE])
    assert ([one.id for one in again.refused], again.records) == ([ASIDE], [])
    account.is_odd = False
    again = connector.by_ids(Stream.CAMPAIGN_STATS, [ASIDE])
    assert {one.id for one in again.records} == days
    # The campaign, its spend, and each of three days.
    assert (again.refused, again.requests) == ((), 5)
    connector.close()


def test_figures_of_a_day_are_asked_for_alone(own: Sandbox) -> None:
    own.at(NOW)
    connector = own.connector(campaign_days=3)
    gone = history_of("campaigns", "1f0c4d52-0001-4000-8000-00000000dead")
    page = connector.by_ids(Stream.CAMPAIGN_STATS, [f"2026-11-22:{ODD}", gone, "file.csv"])
    (found,) = page.records
    assert isinstance(found, CampaignStats)
    assert (found.id, found.day) == (f"2026-11-22:{ODD}", date(2026, 11, 22))
    assert own.connector(campaigns=False).by_ids(Stream.CAMPAIGN_STATS, [ASIDE]).requests == 0
