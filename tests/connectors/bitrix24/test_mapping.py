"""The portal's words translated: each rule by itself, and the documented rows."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.bitrix24 import listings, mapping
from connectors.bitrix24.rows import StatusRow
from connectors.models import (
    Contact,
    Deal,
    Lead,
    LeadStatus,
    StageChange,
    StageKind,
    Utm,
)
from tests.connectors.bitrix24.kit import DEAL, LEAD, one

PLAIN_LEADS = listings.leads(frozenset(), {})
DEALS = listings.deals({})


def test_a_lead_has_every_field_in_our_words() -> None:
    assert one(PLAIN_LEADS, LEAD) == Lead(
        id="501",
        updated_at=datetime(2026, 8, 20, 9, 55, 31, tzinfo=UTC),
        title="Lead 501",
        stage="IN_PROCESS",
        status_kind=LeadStatus.OPEN,
        amount=Decimal(1500),
        currency="EUR",
        source="ADVERTISING",
        utm=Utm("google", "cpc", "brand_q3", None, None),
        owner="7",
        contacts=[],
        created_at=datetime(2026, 8, 18, 6, 12, 5, tzinfo=UTC),
        closed_at=None,
    )


@pytest.mark.parametrize(
    ("semantics", "stage", "expected"),
    [
        ("F", "JUNK", LeadStatus.DISQUALIFIED),
        ("F", "SQL", LeadStatus.DISQUALIFIED),
        ("S", "CONVERTED", LeadStatus.CONVERTED),
        ("S", "SQL", LeadStatus.CONVERTED),
        ("P", "SQL", LeadStatus.QUALIFIED),
        ("P", "NEW", LeadStatus.OPEN),
    ],
)
def test_a_lead_is_qualified_by_the_stages_of_the_connection(
    semantics: str, stage: str, expected: LeadStatus
) -> None:
    listing = listings.leads(frozenset({"SQL"}), {})
    assert (
        one(listing, LEAD | {"stageSemanticId": semantics, "stageId": stage}).status_kind
        is expected
    )


@pytest.mark.quirk(13)
def test_a_won_deal_closed_when_it_moved_not_on_its_planned_date() -> None:
    assert one(DEALS, DEAL) == Deal(
        id="1202",
        updated_at=datetime(2026, 8, 20, 9, 55, 31, tzinfo=UTC),
        title="Lead 501",
        pipeline="9",
        stage="C9:WON",
        stage_kind=StageKind.WON,
        amount=Decimal("12500.5"),
        currency="EUR",
        source="ADVERTISING",
        utm=Utm("google", "cpc", "brand_q3", None, None),
        owner="7",
        contacts=["31"],
        lead="501",
        created_at=datetime(2026, 8, 18, 6, 12, 5, tzinfo=UTC),
        closed_at=datetime(2026, 8, 19, 7, 0, tzinfo=UTC),
    )
    assert one(DEALS, DEAL | {"stageSemanticId": "P"}).closed_at is None
    assert one(DEALS, DEAL | {"stageSemanticId": "F"}).stage_kind is StageKind.LOST
    assert "closedate" not in DEALS.select


@pytest.mark.quirk(14)
def test_the_template_of_a_recurring_deal_is_no_deal() -> None:
    assert one(DEALS, DEAL | {"isRecurring": "Y"}) is None


@pytest.mark.quirk(16)
def test_the_kind_of_a_stage_is_told_not_guessed() -> None:
    stray = one(DEALS, DEAL | {"categoryId": 77, "stageId": "C77:LOSE", "stageSemanticId": "S"})
    assert (stray.pipeline, stray.stage_kind) == ("77", StageKind.WON)
    assert "stageSemanticId" in one(DEALS, DEAL | {"stageSemanticId": "X"})


@pytest.mark.quirk(17)
def test_a_stage_is_named_with_its_pipeline_and_judged_by_its_semantics() -> None:
    row = StatusRow("DYNAMIC_1038_STAGE_12", "DT1038_12:SUCCESS", "Reached", 40, "S")
    stage = mapping.to_stage(row, "12", "Targets")
    assert (stage.id, stage.kind) == ("12/DT1038_12:SUCCESS", StageKind.WON)
    same_word = StatusRow("STATUS", "NEW", "Unassigned", 10, None)
    ids = {mapping.to_stage(same_word, pipeline, "").id for pipeline in ("leads", "0")}
    assert ids == {"leads/NEW", "0/NEW"}


@pytest.mark.quirk(18)
@pytest.mark.parametrize(
    ("amount", "expected"),
    [(0, "0"), (12500.5, "12500.5"), ("15000.00", "15000.00"), (0.1, "0.1"), (None, None)],
)
def test_an_amount_is_exact_and_keeps_its_currency(amount: Any, expected: str | None) -> None:
    deal = one(DEALS, DEAL | {"opportunity": amount, "currencyId": "USD"})
    assert (deal.amount is None) == (expected is None)
    assert expected is None or str(deal.amount) == expected
    assert deal.currency == "USD"


@pytest.mark.quirk(19)
def test_moments_are_utc_on_both_sides_of_a_change_of_offset() -> None:
    winter = one(DEALS, DEAL | {"movedTime": "2026-10-25T02:30:00+01:00"}).closed_at
    summer = one(DEALS, DEAL | {"movedTime": "2026-10-25T02:30:00+02:00"}).closed_at
    assert (winter - summer).total_seconds() == 3600
    assert winter.tzinfo is UTC


@pytest.mark.quirk(19)
def test_a_moment_without_an_offset_is_refused_not_guessed() -> None:
    assert "timezone" in one(DEALS, DEAL | {"movedTime": "2026-10-25T02:30:00"})


@pytest.mark.quirk(32)
def test_a_deal_without_campaign_points_at_its_lead() -> None:
    bare = dict.fromkeys(("utmSource", "utmMedium", "utmCampaign", "utmContent", "utmTerm"))
    deal = one(DEALS, DEAL | bare)
    assert (deal.utm, deal.lead) == (Utm(), "501")


@pytest.mark.parametrize("nothing", [0, None])
def test_no_link_is_zero_or_null(nothing: int | None) -> None:
    row = DEAL | dict.fromkeys(("leadId", "contactId", "assignedById"), nothing)
    deal = one(DEALS, row)
    assert (deal.lead, deal.contacts, deal.owner) == (None, [], None)


def test_all_contacts_of_a_deal_are_kept() -> None:
    assert one(DEALS, DEAL | {"contactIds": [31, 44]}).contacts == ["31", "44"]


@pytest.mark.quirk(11)
def test_mapped_custom_fields_are_kept_under_our_names() -> None:
    listing = listings.deals({"contract": "ufCrm_3_DIGIT10", "margin": "ufCrm7Margin"})
    deal = one(listing, DEAL | {"ufCrm_3_DIGIT10": "CT-7", "ufCrm7Margin": 12.5})
    assert deal.extra == {"contract": "CT-7", "margin": 12.5}
    assert {"ufCrm_3_DIGIT10", "ufCrm7Margin"} <= set(listing.select)
    assert one(listing, DEAL).extra == {"contract": None, "margin": None}


def test_a_contact_has_a_full_name() -> None:
    row = {
        "id": 31,
        "name": "Lena",
        "lastName": None,
        "companyId": 12,
        "createdTime": "2026-08-01T10:59:00+03:00",
        "updatedTime": "2026-08-01T10:59:00+03:00",
    }
    contact = one(listings.CONTACTS, row)
    assert isinstance(contact, Contact)
    assert (contact.name, contact.company, contact.source) == ("Lena", "12", None)


@pytest.mark.quirk(33)
def test_numbers_of_stage_history_may_be_text() -> None:
    row = {
        "ID": "9003",
        "TYPE_ID": "3",
        "OWNER_ID": "1202",
        "CREATED_TIME": "2026-08-20T12:57:00+03:00",
        "CATEGORY_ID": "9",
        "STAGE_SEMANTIC_ID": "S",
        "STAGE_ID": "C9:WON",
    }
    moment = datetime(2026, 8, 20, 9, 57, tzinfo=UTC)
    assert one(listings.DEAL_MOVES, row) == StageChange(
        id="deals:9003",
        updated_at=moment,
        entity="deals",
        entity_id="1202",
        pipeline="9",
        stage="C9:WON",
        stage_kind=StageKind.WON,
        closing=True,
        at=moment,
    )


def test_moves_of_leads_and_deals_never_share_an_id() -> None:
    row = {"ID": 9003, "TYPE_ID": 5, "OWNER_ID": 1, "CREATED_TIME": "2026-08-20T12:57:00+03:00"}
    lead = one(listings.LEAD_MOVES, row | {"STATUS_ID": "NEW", "STATUS_SEMANTIC_ID": "P"})
    deal_row = row | {"STAGE_ID": "NEW", "STAGE_SEMANTIC_ID": "S", "CATEGORY_ID": 0}
    deal = one(listings.DEAL_MOVES, deal_row)
    assert (lead.id, lead.entity, lead.pipeline) == ("leads:9003", "leads", None)
    assert (deal.id, deal.closing) == ("deals:9003", False)
