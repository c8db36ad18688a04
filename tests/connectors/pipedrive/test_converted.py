"""Leads that became deals: Pipedrive deletes them, and they are held as converted."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.models import Deal, Lead, LeadStatus, Stream
from connectors.pipedrive.connector import Pipedrive
from connectors.port import Presence, Window
from tests.connectors.pipedrive.kit import Sandbox, Script, good, like, sandbox
from tests.connectors.running import everything, pages_of

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def inbox(own: Sandbox) -> str:
    return next(id_ for id_, one in own.truth("leads").items() if one["stage"] == "inbox")


def leads(connector: Pipedrive, window: Window = Window()) -> dict[str, Lead]:  # noqa: B008
    found = everything(connector, Stream.LEADS, window)
    return {one.id: one for one in found if isinstance(one, Lead)}


def test_a_converted_lead_stays_and_its_deal_names_it() -> None:
    with sandbox(start_at=NOW, frozen=True) as own:
        connector = own.connector(fields={"group": "0" * 40})
        lead = inbox(own)
        before = leads(own.connector())[lead]
        own.at((NOW + timedelta(hours=1)).isoformat())
        deal_id = own.edit("leads", lead, {"convert": True})
        held = leads(own.connector())
        assert held.keys() == own.truth("leads").keys()
        told = held[lead]
        assert like(told, own.truth("leads")[lead]) == own.truth("leads")[lead]
        assert (told.status_kind, told.stage) == (LeadStatus.CONVERTED, "converted")
        # It counts on the day and for the campaign for which it did.
        assert (told.created_at, told.utm) == (before.created_at, before.utm)
        assert (told.owner, told.amount or None) == (before.owner, before.amount)
        assert told.closed_at == NOW + timedelta(hours=1)
        deals = {one.id: one for one in everything(connector, Stream.DEALS)}
        deal = deals[deal_id]
        assert isinstance(deal, Deal)
        assert deal.lead == lead


def test_a_conversion_comes_with_what_changed() -> None:
    with sandbox(start_at=NOW, frozen=True) as own:
        connector = own.connector()
        lead = inbox(own)
        own.at((NOW + timedelta(hours=1)).isoformat())
        own.edit("leads", lead, {"convert": True})
        found = leads(connector, Window(NOW + timedelta(minutes=30)))
        assert {id_: one.status_kind for id_, one in found.items()} == {lead: LeadStatus.CONVERTED}


def test_a_converted_lead_is_there_for_who_asks_for_it(own: Sandbox) -> None:
    """As a webhook does, which only says that a lead was deleted."""
    connector = own.connector()
    lead, other = [id_ for id_, one in own.truth("leads").items() if one["stage"] == "inbox"][:2]
    own.edit("leads", lead, {"convert": True})
    own.edit("leads", other, {"delete": True})
    (found,) = connector.by_ids(Stream.LEADS, [lead, other]).records
    assert isinstance(found, Lead)
    assert (found.id, found.status_kind) == (lead, LeadStatus.CONVERTED)
    assert connector.presence(Stream.LEADS, [lead, other]) == {
        lead: Presence.PRESENT,
        other: Presence.DELETED,
    }


def test_a_lead_goes_with_the_deal_that_it_became(own: Sandbox) -> None:
    lead = inbox(own)
    deal = own.edit("leads", lead, {"convert": True})
    own.edit("deals", deal, {"set": {"is_archived": True}})
    assert leads(own.connector())[lead].status_kind is LeadStatus.CONVERTED
    own.edit("deals", deal, {"set": {"is_archived": False}})
    own.edit("deals", deal, {"delete": True})
    assert lead not in leads(own.connector())
    assert own.connector().presence(Stream.LEADS, [lead]) == {lead: Presence.DELETED}


@pytest.mark.parametrize(
    ("lead", "made"),
    [
        # An example of Pipedrive's own documents.
        ("adf21080-0e10-11eb-879b-05d71fb426ec", "2020-10-14T11:30:36.552000+00:00"),
        # Made after it was converted: its time is none.
        ("adf21080-0e10-11ff-879b-05d71fb426ec", "2026-11-20T08:00:00+00:00"),
        ("adf21080-0e10-41eb-879b-05d71fb426ec", "2026-11-20T08:00:00+00:00"),
        ("lead-7", "2026-11-20T08:00:00+00:00"),
    ],
)
def test_when_a_converted_lead_was_made_its_id_tells(lead: str, made: str) -> None:
    row = {
        **{"id": 7, "title": "A", "status": "won", "stage_id": 1, "pipeline_id": 1},
        **{"add_time": "2026-11-20T08:00:00Z", "source_lead_id": lead},
    }
    script = Script(lambda call: good([row] if call.url.path.endswith("v2/deals") else []))
    assert [one.created_at.isoformat() for one in leads(script.connector()).values()] == [made]


def test_a_deal_that_cannot_be_read_is_set_aside_as_the_lead_that_it_names() -> None:
    odd = {"id": 7, "status": ["odd"], "source_lead_id": "lead-7"}
    rows = [odd, {"id": 8, "status": ["odd"], "source_lead_id": None}]
    script = Script(lambda call: good(rows if call.url.path.endswith("v2/deals") else []))
    refused = [
        one.id for page in pages_of(script.connector(), Stream.LEADS) for one in page.refused
    ]
    assert refused == ["lead-7"]
