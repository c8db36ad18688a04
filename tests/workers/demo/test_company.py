"""The portal of the demo, counted again from its native rows."""

import time
from collections import Counter, defaultdict
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.workers.demo.conftest import STORY, STORY_SEED, Made
from workers.demo.company import portal_data
from workers.demo.world import people, story_counts

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 9, 21, 6, 0, tzinfo=PARIS)
FIRST, LAST = date(2026, 9, 1), date(2026, 9, 20)
CAMPAIGN, EARLIER = "C-2026-09-acquisition", "C-2026-06-acquisition"
QUALIFIED = {"QUALIFIE", "CONVERTED"}


def paris(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    assert moment.utcoffset() is not None, f"{text} has no offset"
    return moment.astimezone(PARIS)


def of_campaign(rows: list[dict[str, Any]], campaign: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["utmCampaign"] == campaign]


def inside(row: dict[str, Any]) -> bool:
    return FIRST <= paris(row["createdTime"]).date() <= LAST


def test_the_campaign_has_exactly_its_leads_and_qualified_leads(made: Made) -> None:
    leads = [row for row in of_campaign(made.readable("leads"), CAMPAIGN) if inside(row)]
    assert len(leads) == made.counts.leads
    assert sum(row["stageId"] in QUALIFIED for row in leads) == made.counts.qualified


def test_leads_lie_on_both_sides_of_the_borders(made: Made) -> None:
    leads = of_campaign(made.readable("leads"), CAMPAIGN)
    moments = sorted(paris(row["createdTime"]) for row in leads)
    counted = [moment for moment in moments if FIRST <= moment.date() <= LAST]
    outside = [moment for moment in moments if not FIRST <= moment.date() <= LAST]
    assert datetime(2026, 9, 1, 0, 5, tzinfo=PARIS) in counted
    assert max(counted) >= datetime(2026, 9, 20, 23, 50, tzinfo=PARIS)
    assert datetime(2026, 8, 31, 23, 59, 59, tzinfo=PARIS) in outside
    assert datetime(2026, 9, 21, 0, 0, tzinfo=PARIS) in outside


def test_days_of_the_portal_would_give_another_count(made: Made) -> None:
    leads = of_campaign(made.readable("leads"), CAMPAIGN)
    days = [datetime.fromisoformat(row["createdTime"]).date() for row in leads]
    by_portal = sum(FIRST <= day <= LAST for day in days)
    in_paris = sum(inside(row) for row in leads)
    assert by_portal != in_paris
    assert {row["createdTime"][-6:] for row in leads} == {"+03:00"}


def test_campaigns_of_similar_names_have_leads_in_the_period(made: Made) -> None:
    for name in (f"{CAMPAIGN}-retargeting", "c-2026-09"):
        assert sum(map(inside, of_campaign(made.readable("leads"), name))) >= 10


def test_a_hidden_lead_would_be_one_too_many(made: Made) -> None:
    hidden = [row for row in made.portal.leads if row["id"] in made.portal.hidden["leads"]]
    assert len(hidden) == 2
    assert any(row["utmCampaign"] == CAMPAIGN and inside(row) for row in hidden)


def test_earlier_leads_became_exactly_so_many_sales(made: Made) -> None:
    leads = of_campaign(made.readable("leads"), EARLIER)
    assert len(leads) == made.counts.earlier.leads
    assert {paris(row["createdTime"]).strftime("%Y-%m") for row in leads} == {"2026-06"}
    ids = {row["id"] for row in leads}
    won = [row for row in real_deals(made) if row["stageSemanticId"] == "S"]
    assert sum(row["leadId"] in ids for row in won) == made.counts.earlier.sales
    assert len(of_campaign(won, EARLIER)) == made.counts.earlier.sales
    assert len(of_campaign(real_deals(made), EARLIER)) > made.counts.earlier.sales


def real_deals(made: Made) -> list[dict[str, Any]]:
    return [row for row in made.readable("deals") if row["isRecurring"] == "N"]


def test_the_portal_has_its_size(made: Made) -> None:
    portal = made.portal
    assert len(made.readable("leads")) == 3000
    assert len(real_deals(made)) == 1200
    assert len(portal.deals) > len(made.readable("deals")) > len(real_deals(made))
    assert len(portal.categories) == 4
    assert len({row["ID"] for row in portal.users}) == 11
    assert {row["categoryId"] for row in portal.deals} == {row["id"] for row in portal.categories}
    assert {row["currencyId"] for row in portal.deals} == {"EUR", "USD"}


def test_ids_are_unique_rise_with_creation_and_have_holes(made: Made) -> None:
    for rows in (made.portal.leads, made.portal.deals, made.portal.contacts):
        ids = [row["id"] for row in rows]
        created = [datetime.fromisoformat(row["createdTime"]) for row in rows]
        assert ids == sorted(set(ids))
        assert created == sorted(created)
        assert ids[-1] - ids[0] > len(ids)


def test_every_link_and_stage_exists(made: Made) -> None:
    portal = made.portal
    leads, contacts = {row["id"] for row in portal.leads}, {row["id"] for row in portal.contacts}
    users = {int(row["ID"]) for row in portal.users}
    stages = {
        (row["ENTITY_ID"], row["STATUS_ID"]): row["SEMANTICS"] or "P" for row in portal.statuses
    }
    sources = {status for entity, status in stages if entity == "SOURCE"}
    for row in portal.leads:
        assert stages["STATUS", row["stageId"]] == row["stageSemanticId"]
        assert row["contactId"] in contacts | {0}
    for row in portal.deals:
        entity = f"DEAL_STAGE_{row['categoryId']}" if row["categoryId"] else "DEAL_STAGE"
        assert stages[entity, row["stageId"]] == row["stageSemanticId"]
        assert row["contactId"] in contacts
        assert row["leadId"] is None or row["leadId"] in leads
    for row in (*portal.leads, *portal.deals, *portal.contacts):
        assert row["assignedById"] in users
        assert row["sourceId"] in sources


def test_converted_leads_have_a_deal_made_at_that_moment(made: Made) -> None:
    made_from = {row["leadId"]: row for row in made.portal.deals if row["leadId"]}
    converted = [row for row in made.readable("leads") if row["stageId"] == "CONVERTED"]
    assert {row["id"] for row in converted} == made_from.keys()
    for row in converted:
        assert made_from[row["id"]]["createdTime"] == row["dateClosed"]
        assert made_from[row["id"]]["utmCampaign"] == row["utmCampaign"]


def test_stage_history_tells_how_each_row_came_to_its_stage(made: Made) -> None:
    portal = made.portal
    for rows, history, stage, semantics in (
        (made.readable("leads"), portal.lead_history, "STATUS_ID", "STATUS_SEMANTIC_ID"),
        (real_deals(made), portal.deal_history, "STAGE_ID", "STAGE_SEMANTIC_ID"),
    ):
        moves = defaultdict(list)
        for move in history:
            moves[move["OWNER_ID"]].append(move)
        assert moves.keys() == {row["id"] for row in rows}
        for row in rows:
            own = moves[row["id"]]
            times = [datetime.fromisoformat(move["CREATED_TIME"]) for move in own]
            assert times == sorted(set(times))
            assert own[0]["CREATED_TIME"] == row["createdTime"]
            assert own[-1]["CREATED_TIME"] == row["movedTime"]
            assert (own[-1][stage], own[-1][semantics]) == (row["stageId"], row["stageSemanticId"])
            kinds = [move["TYPE_ID"] for move in own]
            assert kinds == [1] + [2 if move[semantics] == "P" else 3 for move in own[1:]]
            assert row["movedTime"] <= row["updatedTime"]


def test_the_history_as_a_whole_is_in_the_order_of_time(made: Made) -> None:
    for history in (made.portal.lead_history, made.portal.deal_history):
        times = [datetime.fromisoformat(move["CREATED_TIME"]) for move in history]
        assert times == sorted(times)


def test_nothing_is_later_than_the_first_step(made: Made) -> None:
    """Only plans and due dates lie ahead."""
    portal = made.portal
    stamps = {"createdTime", "updatedTime", "movedTime", "dateClosed", "lastActivityTime"} | {
        "CREATED",
        "LAST_UPDATED",
        "CREATED_TIME",
        "CREATED_DATE",
        "CHANGED_DATE",
        "CLOSED_DATE",
    }
    seen = 0
    for rows in (
        portal.leads,
        portal.deals,
        portal.contacts,
        portal.activities,
        portal.lead_history,
        portal.deal_history,
        portal.tasks,
    ):
        for row in rows:
            for name in stamps & row.keys():
                if row[name] is not None:
                    seen += 1
                    assert paris(row[name]) < NOW, (name, row)
    assert seen > 30_000


def test_leads_in_hand_were_contacted_first_mostly_in_office_hours(made: Made) -> None:
    first: dict[int, datetime] = {}
    for row in made.portal.activities:
        if row["OWNER_TYPE_ID"] == "1" and row["DIRECTION"] == "2" and row["COMPLETED"] == "Y":
            moment = paris(row["START_TIME"])
            lead = int(row["OWNER_ID"])
            first[lead] = min(moment, first.get(lead, moment))
    leads = made.readable("leads")
    in_hand = [row for row in leads if row["stageId"] != "NEW"]
    assert {row["id"] for row in in_hand} == first.keys()
    for row in in_hand:
        assert first[row["id"]] > paris(row["createdTime"])
    office = [9 <= at.hour < 18 and at.weekday() < 5 for at in first.values()]
    assert sum(office) / len(office) > 0.85


def test_activities_belong_to_rows_that_can_be_read(made: Made) -> None:
    readable = {
        "1": {row["id"] for row in made.readable("leads")},
        "2": {row["id"] for row in made.readable("deals")},
    }
    for row in made.portal.activities:
        assert int(row["OWNER_ID"]) in readable[row["OWNER_TYPE_ID"]]
    assert {row["TYPE_ID"] for row in made.portal.activities} == {"1", "2", "4"}


def test_earlier_tasks_are_none_of_ours(made: Made) -> None:
    assert len(made.portal.tasks) >= 5
    for row in made.portal.tasks:
        assert "retro-roi" not in row["TAGS"]
        assert not str(row.get("XML_ID", "")).startswith("D-")


def test_people_are_the_users_of_the_portal() -> None:
    users = {row["EMAIL"]: f"{row['NAME']} {row['LAST_NAME']}" for row in STORY.portal.users}
    assert {person.email: person.name for person in people()} == users
    assert all(email.endswith(".example") for email in users)
    assert {person.id for person in people()} >= {
        "p_cmo",
        "p_acq",
        "p_sdr",
        "p_des",
        "p_cop",
        "p_sup",
        "p_mkt",
    }


def test_the_same_seed_makes_the_same_portal_and_another_one_does_not() -> None:
    assert portal_data(story_counts(), STORY_SEED) == STORY.portal
    other = portal_data(story_counts(), STORY_SEED + 1)
    assert other.leads != STORY.portal.leads
    stages = Counter(row["stageId"] for row in of_campaign(list(other.leads), EARLIER))
    assert stages.total() == STORY.counts.earlier.leads


def test_a_portal_is_made_in_two_seconds() -> None:
    seconds = []
    for seed in (98, 99):
        started = time.process_time()
        portal_data(story_counts(), seed)
        seconds.append(time.process_time() - started)
    assert min(seconds) < 2
