"""Figures of campaigns: what they cost, who joined and who answered."""

from datetime import UTC, datetime, timedelta

from connectors.models import Stream
from connectors.port import Window
from tests.connectors.running import everything
from tests.connectors.salesforce.kit import Sandbox, plain, sandbox

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
STREAM = Stream.CAMPAIGN_STATS


def test_members_and_answers_of_a_campaign_are_counted_by_day(own: Sandbox) -> None:
    connector = own.connector(campaign_days=3)
    campaign = own.query("SELECT Id FROM Campaign ORDER BY Id")[1]["Id"]
    lead = next(iter(own.truth("leads")))
    today = datetime.now(UTC).date().isoformat()
    for _ in range(2):
        own.edit("members", "new", {"set": {"CampaignId": campaign, "LeadId": lead}})
    found = {one.id: plain(one) for one in everything(connector, STREAM)}
    row = found[f"{today}:{campaign}"]
    assert row["extra"] == {"members": 2, "responses": 0}
    assert (row["spend"], row["campaign"]) == (None, "rentrée")
    costs = [one for one in found.values() if one["spend"] is not None]
    assert {(one["campaign"], one["spend"], one["currency"]) for one in costs} == {
        ("brand_q4", "4200.5", "EUR"),
        ("rentrée", "1500.0", "EUR"),
    }
    assert everything(own.connector(campaigns=False), STREAM) == []


def begin(own: Sandbox) -> tuple[str, str, str]:
    """A campaign that has a cost, its first day, and a lead."""
    rows = own.query("SELECT Id, StartDate, ActualCost FROM Campaign ORDER BY Id")
    row = next(one for one in rows if one["ActualCost"] is not None)
    for member in own.query("SELECT Id FROM CampaignMember"):
        own.edit("members", member["Id"], {"delete": True})
    return row["Id"], row["StartDate"], next(iter(own.truth("leads")))


def test_the_first_day_of_a_campaign_keeps_its_members_when_it_is_read_again() -> None:
    with sandbox(records=20, start_at=START, frozen=True) as own:
        campaign, begun, lead = begin(own)
        noon = datetime.fromisoformat(f"{begun}T12:00:00+00:00")
        # One more a day later: that is no day that is asked for.
        for at in (noon, noon + timedelta(hours=11), noon + timedelta(hours=13)):
            own.at(at.isoformat())
            own.edit("members", "new", {"set": {"CampaignId": campaign, "LeadId": lead}})
        own.at(START.isoformat())
        connector = own.connector(campaign_days=3)
        for window in (Window(), Window(START - timedelta(hours=1))):
            rows = {one.id: plain(one) for one in everything(connector, STREAM, window)}
            its = {id_: one for id_, one in rows.items() if id_.endswith(campaign)}
            (first,) = its.values()
            assert first["day"] == begun
            assert first["extra"] == {"members": 2, "responses": 0}
            assert first["spend"] is not None


def test_answers_on_the_first_day_are_counted_too() -> None:
    with sandbox(records=20, start_at=START, frozen=True) as own:
        campaign, begun, lead = begin(own)
        own.at(f"{begun}T12:00:00+00:00")
        member = own.edit("members", "new", {"set": {"CampaignId": campaign, "LeadId": lead}})
        own.edit("members", member, {"set": {"FirstRespondedDate": begun}})
        own.at(START.isoformat())
        found = everything(own.connector(campaign_days=3), STREAM, Window(START))
        first = next(plain(one) for one in found if one.id == f"{begun}:{campaign}")
        assert first["extra"] == {"members": 1, "responses": 1}


def test_fields_of_a_campaign_that_nobody_reads_need_not_be_shown() -> None:
    hidden = frozenset({"Campaign.BudgetedCost", "Campaign.EndDate"})
    with sandbox(records=20, hidden=hidden) as own:
        connector = own.connector()
        connector.check()
        assert {one.id for one in everything(connector, STREAM)} == set(own.truth("campaign_stats"))
