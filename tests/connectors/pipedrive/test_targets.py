"""KPI targets go out as goals where Pipedrive can count them, else as activities."""

from datetime import date
from typing import Any

import pytest

from config.shipped import shipped_text
from connectors.errors import OutcomeUnknown, Rejected
from connectors.models import KpiTarget, Stream
from rules.kpi_catalogue import KpiDefinition, parse_catalogue
from tests.connectors.pipedrive.kit import Sandbox
from tests.connectors.running import everything

GOALS = {"deals_won": "deals_won"}
CATALOGUE = parse_catalogue(shipped_text("kpis.yaml"), "kpis.yaml")


def target(**changed: Any) -> KpiTarget:
    given: dict[str, Any] = {
        "key": "D-1:target",
        "title": "Click rate",
        "kpi": "click_rate",
        "unit": "share",
        "decision": "D-1",
        "owner": "22",
        "baseline": 0.02,
        "target": 0.03,
        "starts_on": date(2026, 12, 1),
        "recheck_on": date(2027, 1, 31),
    }
    return KpiTarget(**{**given, **changed})


def goal(**changed: Any) -> KpiTarget:
    return target(**{"kpi": "deals_won", "unit": "count", "target": 12.0, **changed})


def test_what_can_be_counted_becomes_a_goal(own: Sandbox) -> None:
    connector = own.connector(goals=GOALS)
    connector.prepare_targets()
    made = connector.create_target(goal())
    assert len(made) == 24
    assert connector.find_target("D-1:target") == [made]
    assert connector.find_target("D-1:other") == []
    connector.check_target(made, goal())
    with pytest.raises(Rejected, match="planned value"):
        connector.check_target(made, goal(target=13.0))
    connector.update_target(made, goal(actual=3.0))
    shown = own.call("GET", "v1/goals/find", params={"type.name": "deals_won"}).json()
    (one,) = shown["data"]["goals"]
    assert one["title"] == "Click rate [D-1:target]"
    assert one["assignee"] == {"id": 22, "type": "person"}
    assert one["interval"] == "quarterly"
    assert one["duration"] == {"start": "2026-12-01", "end": "2027-01-31"}


def test_a_goal_is_found_by_a_key_of_any_signs_and_by_no_other(own: Sandbox) -> None:
    connector = own.connector(goals=GOALS)
    made = connector.create_target(goal(key="D 1] [x"))
    assert connector.find_target("D 1] [x") == [made]
    assert connector.find_target("x") == []
    title = {"title": "Old one [D 2] [y]"}
    own.call("PUT", f"v1/goals/{made}", json=title).raise_for_status()
    assert connector.find_target("D 2] [y") == [made]


def test_a_goal_that_is_over_is_found_as_well(own: Sandbox) -> None:
    connector = own.connector(goals=GOALS)
    past = goal(starts_on=date(2026, 1, 1), recheck_on=date(2026, 1, 7))
    made = connector.create_target(past)
    assert connector.find_target("D-1:target") == [made]
    connector.check_target(made, past)


def test_any_other_target_becomes_an_activity(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_target(target())
    assert connector.find_target("D-1:target") == [made]
    connector.check_target(made, target())
    with pytest.raises(Rejected, match="planned value"):
        connector.check_target(made, target(target=0.04))


def test_a_large_target_keeps_its_digits_and_its_unit_its_signs(own: Sandbox) -> None:
    connector, wanted = own.connector(), target(target=1_500_250.5, unit="R&D hours")
    made = connector.create_target(wanted)
    connector.check_target(made, wanted)
    with pytest.raises(Rejected):
        connector.check_target(made, target(target=1_500_254.9, unit="R&D hours"))
    connector.update_target(made, target(actual=0.031, outcome="met"))
    shown = own.call("GET", f"v2/activities/{made}").json()["data"]
    assert (shown["subject"], shown["due_date"]) == ("KPI target: Click rate", "2027-01-31")
    assert "Actual: 0.031<br>Outcome: met" in shown["note"]
    assert shown["done"] is True
    # It is neither a task of ours nor a contact with anybody.
    for stream in (Stream.TASKS, Stream.ACTIVITIES):
        assert made not in {one.id for one in everything(connector, stream)}


def test_an_update_leaves_to_people_what_is_theirs(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_target(target(segment="channel=ads"))
    path = f"v2/activities/{made}"
    note = own.call("GET", path).json()["data"]["note"]
    edited = {"subject": "Clics", "note": f"See Léa<br>{note}"}
    own.call("PATCH", path, json=edited).raise_for_status()
    for actual in (0.02, 0.03):
        # As a re-check tells it: by the key, without owner and segment.
        connector.update_target(made, target(title="D-1:target", actual=actual, outcome="met"))
    shown = own.call("GET", path).json()["data"]
    assert shown["subject"] == "Clics"
    lines = shown["note"].split("<br>")
    assert lines[:2] == ["See Léa", "KPI: click_rate (channel=ads), share"]
    assert lines[-3:] == ["Actual: 0.03", "Outcome: met", "[retro-target:D-1:target]"]
    assert len([line for line in lines if line.startswith("Actual")]) == 1
    assert connector.find_target("D-1:target") == [made]
    connector.check_target(made, target(segment="channel=ads"))


def test_the_due_day_of_an_activity_moves_unless_people_moved_it(own: Sandbox) -> None:
    connector, before, after = own.connector(), date(2027, 1, 31), date(2027, 1, 25)
    made = connector.create_target(target())
    path = f"v2/activities/{made}"
    planned = own.call("GET", path).json()["data"]
    move = target(title="D-1:target", owner=None, moved_from=before, recheck_on=after)
    assert [connector.update_target(made, move) for _ in range(2)] == [before, after]
    moved = own.call("GET", path).json()["data"]
    assert moved.pop("due_date") == "2027-01-25"
    assert {name for name in moved if moved[name] != planned[name]} <= {"update_time"}
    own.call("PATCH", path, json={"due_date": "2027-02-10"}).raise_for_status()
    again = target(moved_from=after, recheck_on=date(2027, 1, 28))
    assert connector.update_target(made, again) == date(2027, 2, 10)
    assert own.call("GET", path).json()["data"]["due_date"] == "2027-02-10"


def test_a_goal_keeps_its_days(own: Sandbox) -> None:
    connector = own.connector(goals=GOALS)
    made = connector.create_target(goal())
    asked = len(own.seen.requests)
    move = goal(moved_from=date(2027, 1, 31), recheck_on=date(2027, 1, 25))
    assert connector.update_target(made, move) is None
    assert len(own.seen.requests) == asked


def test_an_update_leaves_what_people_formatted(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_target(target())
    path = f"v2/activities/{made}"
    note = own.call("GET", path).json()["data"]["note"]
    kept = f"<ul><li><b>See</b> <a href='https://example.com'>Léa</a></li></ul>{note}"
    own.call("PATCH", path, json={"note": kept}).raise_for_status()
    for actual in (0.02, 0.03):
        connector.update_target(made, target(actual=actual, outcome="met"))
    marker = note.rpartition("<br>")[2]
    shown = own.call("GET", path).json()["data"]["note"]
    results = f"Actual: 0.03<br>Outcome: met<br>{marker}"
    assert shown == kept.replace(marker, results)


def test_a_segment_cannot_be_a_goal_and_an_owner_may_be_missing(own: Sandbox) -> None:
    made = own.connector(goals=GOALS).create_target(goal(segment="channel=ads", owner=None))
    shown = own.call("GET", f"v2/activities/{made}").json()["data"]
    assert shown["owner_id"] == 21


@pytest.mark.parametrize("kpi", CATALOGUE.kpis, ids=lambda kpi: kpi.code)
def test_a_kpi_of_the_catalogue_is_no_count_and_so_no_goal(
    own: Sandbox, kpi: KpiDefinition
) -> None:
    """Also where the settings take it for one: a goal would count to 0.03 deals."""
    connector = own.connector(goals={kpi.code: "deals_won"})
    made = connector.create_target(target(kpi=kpi.code, unit=kpi.unit.value))
    assert made.isdecimal()
    assert connector.find_target("D-1:target") == [made]


def test_without_goals_none_are_asked_for(own: Sandbox) -> None:
    connector = own.connector()
    connector.find_target(connector.create_target(target()))
    assert not [each for each in own.seen.requests if "goals" in each.url.path]


def test_a_goal_whose_answer_was_lost_is_found(own: Sandbox) -> None:
    connector = own.connector(goals=GOALS)
    own.faults({"on": {"method": "POST v1/goals"}, "do": "timeout_after"})
    with pytest.raises(OutcomeUnknown):
        connector.create_target(goal())
    assert len(connector.find_target("D-1:target")) == 1
