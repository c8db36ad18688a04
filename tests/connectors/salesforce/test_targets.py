"""KPI targets: records of an object with our key, or quotas of forecasts."""

from datetime import date
from typing import Any

import pytest

from connectors.errors import NotPermitted, OutcomeUnknown, Rejected
from connectors.models import KpiTarget
from connectors.salesforce.portal import company
from connectors.salesforce.portal.ids import numbered
from tests.connectors.salesforce.kit import Sandbox, sandbox

NADIA = numbered("User", 1)
QUOTAS = {"new_revenue": company.QUOTA_TYPE}
MOVE = {"moved_from": date(2027, 1, 15), "recheck_on": date(2027, 1, 9)}


def target(**changes: Any) -> KpiTarget:
    given: dict[str, Any] = {
        "key": "D-email-ctr:target",
        "title": "Taux de clic",
        "kpi": "transactional_email_click_rate",
        "unit": "share",
        "decision": "D-email-ctr",
        "baseline": 0.024995,
        "target": 0.028744,
        "starts_on": date(2026, 12, 15),
        "recheck_on": date(2027, 1, 15),
    }
    return KpiTarget(**{**given, **changes})


def quota(**changes: Any) -> KpiTarget:
    given = {"kpi": "new_revenue", "unit": "money", "target": 50_000.0, "owner": NADIA}
    return target(**{**given, **changes})


def test_a_target_is_made_once_by_its_key_and_holds_its_figures(own: Sandbox) -> None:
    connector = own.connector()
    connector.prepare_targets()
    own.faults({"on": {"method": "retro_kpi_target__c.upsert", "nth": 1}, "do": "timeout_after"})
    made = connector.create_target(target(owner=NADIA))
    assert connector.create_target(target(owner=NADIA)) == made
    assert connector.find_target(target().key) == [made]
    assert connector.find_target("another") == []
    connector.check_target(made, target())
    connector.update_target(made, target(actual=0.03, outcome="met"))
    (row,) = own.query(
        "SELECT Name, Baseline__c, Target__c, Actual__c, Outcome__c, OwnerId "
        "FROM Retro_KPI_Target__c"
    )
    del row["attributes"]
    assert row == {
        "Name": "Taux de clic",
        "Baseline__c": 0.024995,
        "Target__c": 0.028744,
        "Actual__c": 0.03,
        "Outcome__c": "met",
        "OwnerId": NADIA,
    }
    with pytest.raises(Rejected, match="planned figure"):
        connector.check_target(made, target(target=0.5))


def test_an_org_without_the_object_takes_tasks_all_the_same() -> None:
    with sandbox(records=4, targets=False) as own:
        connector = own.connector()
        assert connector.check()
        with pytest.raises(NotPermitted, match="Retro_KPI_Target__c"):
            connector.prepare_targets()
        assert connector.find_target(target().key) == []


def test_fields_that_the_object_has_not_are_left_out() -> None:
    hidden = frozenset({"Retro_KPI_Target__c.Actual__c", "Retro_KPI_Target__c.KPI__c"})
    with sandbox(records=4, hidden=hidden) as own:
        made = own.connector().create_target(target(actual=0.5))
        own.connector().check_target(made, target())


def test_a_target_becomes_a_quota_of_its_month_once() -> None:
    with sandbox(records=4) as own:
        connector = own.connector(quotas=QUOTAS)
        connector.prepare_targets()
        own.faults({"on": {"method": "forecastingquota.create", "nth": 1}, "do": "timeout_after"})
        with pytest.raises(OutcomeUnknown):
            connector.create_target(quota())
        made = connector.create_target(quota())
        assert made.startswith("quota:0J9")
        (row,) = own.query("SELECT QuotaOwnerId, StartDate, QuotaAmount FROM ForecastingQuota")
        assert (row["QuotaOwnerId"], row["StartDate"], row["QuotaAmount"]) == (
            NADIA,
            "2026-12-01",
            50_000.0,
        )
        connector.update_target(made, quota(actual=1.0))
        connector.check_target(made, quota())
        with pytest.raises(Rejected, match="another quota"):
            connector.create_target(quota(target=60_000.0))
        # Other KPIs go into the object.
        assert connector.create_target(target()).startswith("a0A")


def test_an_org_without_forecasts_refuses_quotas() -> None:
    with sandbox(records=4, quotas=False) as own, pytest.raises(NotPermitted, match="no quotas"):
        own.connector(quotas=QUOTAS).prepare_targets()


@pytest.mark.parametrize("other", [{"unit": "share"}, {"segment": "channel=ads"}])
def test_a_share_or_a_segment_is_no_quota(own: Sandbox, other: dict[str, str]) -> None:
    made = own.connector(quotas=QUOTAS).create_target(quota(**other))
    assert made.startswith("a0A")


def test_an_update_leaves_to_people_what_is_theirs(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_target(target(segment="channel=ads", owner=NADIA))
    moved = {"Name": "Clics", "OwnerId": numbered("User", 2), "Recheck_On__c": "2027-03-01"}
    own.call("PATCH", f"/sobjects/Retro_KPI_Target__c/{made}", json=moved).raise_for_status()
    # As a re-check tells it: by the key, without owner and segment.
    connector.update_target(made, target(title=target().key, actual=0.03, outcome="met"))
    names = ", ".join([*moved, "Segment__c", "Actual__c", "Outcome__c"])
    (row,) = own.query(f"SELECT {names} FROM Retro_KPI_Target__c")
    del row["attributes"]
    told = {"Segment__c": "channel=ads", "Actual__c": 0.03, "Outcome__c": "met"}
    assert row == {**moved, **told}
    connector.update_target(made, target())


def test_the_day_of_a_target_moves_unless_people_moved_it(own: Sandbox) -> None:
    connector, before, after = own.connector(), date(2027, 1, 15), date(2027, 1, 9)
    made = connector.create_target(target(owner=NADIA))
    names = ("Name", "OwnerId", "Starts_On__c", "Actual__c", "Outcome__c", "Recheck_On__c")

    def row() -> dict[str, Any]:
        (found,) = own.query(f"SELECT {', '.join(names)} FROM Retro_KPI_Target__c")
        return found

    planned = row()
    move = target(title=target().key, moved_from=before, recheck_on=after)
    assert [connector.update_target(made, move) for _ in range(2)] == [before, after]
    assert row() == {**planned, "Recheck_On__c": "2027-01-09"}
    path = f"/sobjects/Retro_KPI_Target__c/{made}"
    own.call("PATCH", path, json={"Recheck_On__c": "2027-03-01"}).raise_for_status()
    again = target(moved_from=after, recheck_on=date(2027, 1, 20))
    assert connector.update_target(made, again) == date(2027, 3, 1)
    assert row()["Recheck_On__c"] == "2027-03-01"


def test_an_object_without_the_day_is_left_as_it_is() -> None:
    with sandbox(records=4, hidden=frozenset({"Retro_KPI_Target__c.Recheck_On__c"})) as own:
        connector = own.connector()
        made = connector.create_target(target())
        asked = len(own.seen.requests)
        assert connector.update_target(made, target(**MOVE)) is None
        assert len(own.seen.requests) == asked


def test_a_quota_keeps_its_month(own: Sandbox) -> None:
    connector = own.connector(quotas=QUOTAS)
    made = connector.create_target(quota())
    asked = len(own.seen.requests)
    assert connector.update_target(made, quota(**MOVE)) is None
    assert len(own.seen.requests) == asked
