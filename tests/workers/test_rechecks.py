"""Targets whose day has come: checked once for each window, by the local day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors.models import Group
from sync.store import retros
from sync.tables.retros import Target
from tests.workers import company as founding
from tests.workers.company import DECISION, Company
from workers.followup import follow_up
from workers.rechecks import check_due_targets

DONE = datetime(2026, 12, 17, 15, tzinfo=UTC)
START, END = date(2026, 12, 18), date(2027, 1, 15)
# Ten past midnight in Paris is still the day before in UTC.
MIDNIGHT = datetime(2027, 1, 14, 23, 10, tzinfo=UTC)
KEYS = (f"{DECISION}:designer", f"{DECISION}:marketer")


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """A decision whose tasks are done and whose days of the measure have passed."""
    made = founding.found(tmp_path / "home")
    portal = made.connect("portal", {"p_mkt": "7", "p_des": "8"})
    made.mails(portal, date(2026, 10, 26), 28, clicked=25)
    made.decide()
    made.finish(*KEYS, at=DONE)
    follow_up(made.at(DONE + timedelta(hours=1)))
    made.mails(portal, START, 28, clicked=30)
    yield made
    made.app.close()


def test_a_target_is_not_checked_before_its_window_ends(company: Company) -> None:
    assert check_due_targets(company.at(MIDNIGHT - timedelta(minutes=11))).made == 0
    assert company.checks() == []


def test_a_target_is_checked_once_also_just_after_midnight(company: Company) -> None:
    for minutes in (0, 15, 30, 45, 60, 120):
        check_due_targets(company.at(MIDNIGHT + timedelta(minutes=minutes)))
    (check,) = company.checks()
    assert (check.checked_at, check.window_end) == (MIDNIGHT, END)
    assert check.figures["verdicts"]["en"] == check.verdict
    assert company.decision().status == "measured"
    written = f"target:{company.target().key}:{END}"
    (update,) = [row for row in company.writes() if row.key == written]
    assert update.payload["actual"] == pytest.approx(0.03)


def test_a_new_window_is_a_new_check(company: Company) -> None:
    check_due_targets(company.at(MIDNIGHT))
    with company.app.database.writing() as session:
        (target,) = retros.targets(session, DECISION)
        target.measure_end = target.recheck_on = END + timedelta(days=7)
        session.add(target)
    company.mails(target.connection_id or 0, END, 7, clicked=30)
    assert check_due_targets(company.at(MIDNIGHT + timedelta(days=6))).made == 0
    assert check_due_targets(company.at(MIDNIGHT + timedelta(days=7))).made == 1
    assert [each.window_end for each in company.checks()] == [END, END + timedelta(days=7)]


def test_missing_figures_are_waited_for_three_days_then_said(company: Company) -> None:
    with company.app.database.writing() as session:
        session.connection().exec_driver_sql("DELETE FROM email_stats WHERE day >= '2026-12-18'")
    for days in (0, 1, 2):
        assert check_due_targets(company.at(MIDNIGHT + timedelta(days=days))).made == 0
    assert check_due_targets(company.at(MIDNIGHT + timedelta(days=3))).made == 1
    assert company.target().status in ("unknown", "unproven")


@pytest.mark.parametrize(
    ("of_no_mails", "doubts"),
    [(False, ["incomplete", "unusable_control"]), (True, ["unusable_control"])],
    ids=["no figures", "figures of no mails"],
)
def test_a_control_group_that_is_missing_after_is_waited_for_then_leaves_the_target_unproven(
    company: Company, of_no_mails: bool, doubts: list[str]
) -> None:
    portal = company.target().connection_id or 0
    with company.app.database.writing() as session:
        # Twice the clicks are met beyond doubt, and seen in these counts.
        session.get_one(Target, company.target().key).relative = 0.5
    company.mails(portal, START, 28, clicked=50)
    company.mails(portal, date(2026, 10, 26), 28, clicked=25, group=Group.CONTROL)
    if of_no_mails:
        company.mails(portal, START, 28, clicked=0, group=Group.CONTROL, delivered=0)
    for days in (0, 1, 2):
        assert check_due_targets(company.at(MIDNIGHT + timedelta(days=days))).made == 0
    assert check_due_targets(company.at(MIDNIGHT + timedelta(days=3))).made == 1
    (check,) = company.checks()
    assert company.target().status == "unproven"
    assert check.figures["doubts"] == doubts
    assert "target met on the point estimate, not proven" in check.verdict
    assert check.verdict.endswith("the control group cannot be compared")
    assert check.figures["evidence_grade"] == "C (before/after)"


def test_two_tools_that_take_tasks_do_not_keep_a_target_from_being_checked(
    company: Company,
) -> None:
    company.connect("agency", {})
    follow_up(company.at(MIDNIGHT))
    assert len(company.checks()) == 1


def test_a_rules_file_that_is_refused_does_not_either(company: Company) -> None:
    (company.app.settings.home / "rules.yaml").write_text("version: 1\nruls: []\n")
    with pytest.raises(ValueError, match=r"rules\.yaml:2"):
        follow_up(company.at(MIDNIGHT))
    assert len(company.checks()) == 1


def test_a_kpi_that_is_no_longer_defined_is_a_problem_and_stops_no_other_check(
    company: Company,
) -> None:
    (company.app.settings.home / "kpis.yaml").write_text(OTHER_KPI)
    follow_up(company.at(MIDNIGHT))
    assert company.checks() == []
    with company.app.database.reading() as session:
        (problem,) = retros.problems(session)
    assert problem.about == company.target().key
    assert "transactional_email_click_rate is not defined any more" in problem.message


def test_a_kpi_whose_better_direction_was_changed_is_a_problem_and_stops_no_other_check(
    company: Company,
) -> None:
    turned = company.target()
    other = {"key": f"{DECISION}:other", "kpi": "other_click_rate"}
    with company.app.database.writing() as session:
        session.add(Target(**{**turned.model_dump(), **other}))
    changed = OTHER_KPI.partition("kpis:\n")[2].replace("other_click_rate", turned.kpi)
    (company.app.settings.home / "kpis.yaml").write_text(
        OTHER_KPI + changed.replace("increase", "decrease")
    )
    follow_up(company.at(MIDNIGHT))
    with company.app.database.reading() as session:
        (problem,) = retros.problems(session)
        assert len(retros.checks_of(session, other["key"])) == 1
        assert retros.checks_of(session, turned.key) == []
    assert problem.about == turned.key
    assert f"{turned.kpi} should decrease: a target of +0.15 does not" in problem.message


OTHER_KPI = """\
version: 1
kpis:
  - code: other_click_rate
    version: 1
    title: {en: Other, fr: Autre}
    numerator: emails_clicked
    denominator: emails_delivered
    unit: share
    direction: increase
    family: click
    owner_role: marketer
    levers: [{en: text, fr: texte}]
"""
