"""Counts and sums per campaign: slices that add up to the total, and what is not known."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlmodel import Session

from connectors.models import Group, Stream
from sync.store import measures
from sync.store.database import Database
from sync.store.measures import Scope
from sync.tables.connections import WHOLE_STREAM, Cursor
from sync.tables.mirror import CampaignStatsRow, EmailStatsRow, FormStatsRow, LeadRow
from tests.workers.company import daily

START, END = date(2026, 9, 1), date(2026, 9, 21)
SEPTEMBER = Scope(START, END, "Europe/Paris")
ACQUISITION, QUIET = "C-2026-09-acquisition", "C-2026-09-quiet"


def form(
    connection_id: int,
    campaign: str,
    day: date = START,
    group: Group = Group.TREATED,
    starts: int = 556,
) -> FormStatsRow:
    row: FormStatsRow = daily(FormStatsRow, connection_id, campaign, day, group, starts=starts)
    return row


def spent(connection_id: int, campaign: str, amount: str) -> CampaignStatsRow:
    row: CampaignStatsRow = daily(
        CampaignStatsRow,
        connection_id,
        campaign,
        START,
        Group.TREATED,
        spend=Decimal(amount),
        currency="EUR",
    )
    return row


def lead(connection_id: int, number: int, campaign: str | None, kind: str = "open") -> LeadRow:
    return LeadRow(
        connection_id=connection_id,
        id=str(number),
        hash=b"",
        extra={},
        title="",
        stage="NEW",
        status_kind=kind,
        contacts=[],
        utm_campaign=campaign,
        created_at=datetime(2026, 9, 5, 9, tzinfo=UTC),
    )


def leads_were_pulled(session: Session, connection_id: int) -> None:
    session.add(
        Cursor(
            connection_id=connection_id,
            stream=Stream.LEADS.value,
            partition=WHOLE_STREAM,
            watermark=datetime(2026, 9, 22, tzinfo=UTC),
        )
    )


def test_a_campaign_without_a_lead_has_none_once_leads_were_pulled(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        session.add(form(connection_id, QUIET))
        session.add(spent(connection_id, QUIET, "1200"))
    with database.reading() as session:
        assert "leads" not in measures.sums_by_campaign(session, SEPTEMBER)[QUIET].counts
    with database.writing() as session:
        leads_were_pulled(session, connection_id)
    with database.reading() as session:
        found = measures.sums_by_campaign(session, SEPTEMBER)[QUIET]
    assert found.counts == {"form_starts": 556, "leads": 0, "qualified_leads": 0}
    assert found.spend == {"EUR": Decimal("1200.00")}


def test_the_slices_of_the_campaigns_add_up_to_the_total(
    database: Database, connection_id: int
) -> None:
    """F26. Leads without a campaign are a slice too, whether its name is empty or absent."""
    with database.writing() as session:
        session.add_all([form(connection_id, ACQUISITION), form(connection_id, QUIET, starts=44)])
        session.add_all(
            [spent(connection_id, ACQUISITION, "6000.5"), spent(connection_id, "", "1")]
        )
        campaigns = (ACQUISITION, ACQUISITION, None, "", "c-2026-09-ACQUISITION")
        session.add_all(lead(connection_id, n, name) for n, name in enumerate(campaigns))
        session.add(lead(connection_id, 99, ACQUISITION, "qualified"))
        leads_were_pulled(session, connection_id)
    with database.reading() as session:
        slices = measures.sums_by_campaign(session, SEPTEMBER)
        total = measures.sums(session, SEPTEMBER)
    assert {name: found.counts["leads"] for name, found in slices.items()} == {
        ACQUISITION: 3,
        QUIET: 0,
        "": 2,
        "c-2026-09-ACQUISITION": 1,
    }
    for measure in ("form_starts", "leads", "qualified_leads"):
        parts = [found.counts.get(measure, 0) for found in slices.values()]
        assert total.counts[measure] == sum(parts), measure
    assert total.spend == {"EUR": Decimal("6001.50")}


def test_nothing_pulled_is_not_zero(database: Database) -> None:
    with database.reading() as session:
        assert measures.sums(session, SEPTEMBER).counts == {}
        assert measures.sums_by_campaign(session, SEPTEMBER) == {}


def test_leads_belong_to_no_arm_so_a_control_group_has_none_to_count(
    database: Database, connection_id: int
) -> None:
    control = Scope(START, END, "Europe/Paris", group=Group.CONTROL)
    with database.writing() as session:
        session.add(form(connection_id, ACQUISITION, group=Group.CONTROL, starts=100))
        session.add(lead(connection_id, 1, ACQUISITION))
        leads_were_pulled(session, connection_id)
    with database.reading() as session:
        assert measures.sums(session, control).counts == {"form_starts": 100}
        found = measures.sums_by_campaign(session, control)
    assert found[ACQUISITION].counts == {"form_starts": 100}


@pytest.mark.parametrize(
    ("pattern", "fitting"),
    [
        ("Transac*", {"Transactionnels", "Transac [EU]", "Transac*"}),
        ("transac*", set()),
        ("Transac [EU]", {"Transac [EU]"}),
        ("Transac?", set()),
        ("*[EU]", {"Transac [EU]"}),
        ("*a*s*", {"Transactionnels", "Transac [EU]", "Transac*"}),
        ("100%_*", {"100%_plus\\"}),
        ("*", {"Transactionnels", "Transac [EU]", "Transac*", "100%_plus\\"}),
    ],
)
def test_in_a_pattern_only_the_star_is_special_and_case_counts(
    database: Database, connection_id: int, pattern: str, fitting: set[str]
) -> None:
    names = ["Transactionnels", "Transac [EU]", "Transac*", "100%_plus\\"]
    with database.writing() as session:
        for power, name in enumerate(names):
            session.add(form(connection_id, name, starts=10**power))
    wanted = sum(10 ** names.index(name) for name in fitting)
    narrow = Scope(START, END, "Europe/Paris", pattern=pattern)
    with database.reading() as session:
        assert measures.sums(session, narrow).counts.get("form_starts", 0) == wanted
        assert set(measures.sums_by_campaign(session, narrow)) == fitting
    assert {name for name in names if measures.fits(name, pattern)} == fitting


def test_a_named_campaign_is_that_one_also_with_a_star_in_its_name(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        session.add_all([form(connection_id, "Promo*", starts=5), form(connection_id, "Promo été")])
        session.add_all([lead(connection_id, 1, "Promo*"), lead(connection_id, 2, "Promo été")])
        leads_were_pulled(session, connection_id)
    one = Scope(START, END, "Europe/Paris", campaign="Promo*")
    with database.reading() as session:
        found = measures.sums(session, one)
    assert found.counts == {"form_starts": 5, "leads": 1, "qualified_leads": 0}


def test_figures_are_complete_for_each_arm_apart(database: Database, connection_id: int) -> None:
    last, early = date(2026, 9, 20), date(2026, 9, 2)
    with database.writing() as session:
        session.add(form(connection_id, ACQUISITION, early))
        session.add(form(connection_id, ACQUISITION, last, Group.CONTROL))
    treated = SEPTEMBER
    control = Scope(START, END, "Europe/Paris", group=Group.CONTROL)
    with database.reading() as session:
        assert measures.is_complete(session, [Stream.FORM_STATS], control)
        assert not measures.is_complete(session, [Stream.FORM_STATS], treated)


def test_figures_are_complete_for_the_campaigns_of_a_pattern_only(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        session.add(
            daily(
                EmailStatsRow, connection_id, "Transac", date(2026, 9, 20), Group.TREATED, clicked=1
            )
        )
        session.add(
            daily(
                EmailStatsRow, connection_id, "Lettre", date(2026, 9, 3), Group.TREATED, clicked=1
            )
        )
    with database.reading() as session:
        for pattern, complete in (("Trans*", True), ("Lettre*", False), ("Nobody*", False)):
            scope = Scope(START, END, "Europe/Paris", pattern=pattern)
            assert measures.is_complete(session, [Stream.EMAIL_STATS], scope) is complete, pattern
