"""What the rules make of time that passes: reminders, escalation, windows, and what they cannot."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors.models import Stream
from sync.store import connections, retros
from sync.tables.connections import WHOLE_STREAM, Cursor
from sync.tables.mirror import CampaignStatsRow, FormStatsRow
from sync.tables.people import PersonId
from sync.tables.retros import Action, Evaluation, RuleVersion
from tests.workers import company as founding
from tests.workers.company import DECISION, HELD, RETRO, Company
from workers.followup import follow_up
from workers.planning import plan_decisions
from workers.retros import import_retro

ACCOUNTS = {"p_mkt": "7", "p_des": "8", "p_cmo": "9"}
TWO_DAYS_BEFORE = datetime(2026, 12, 10, 8, tzinfo=UTC)
TWO_DAYS_LATE = datetime(2026, 12, 16, 8, tzinfo=UTC)
HELP_WHEN_LATE = """\
  - id: X1
    version: 1
    name: late work gets help
    trigger: clock.daily
    when:
      all:
        - {field: task.status, op: eq, value: open}
        - {field: task.business_days_overdue, op: gte, value: 1}
    then:
      - {do: create_task, owner: {by: named, person: %s}, due_business_days: 1}
    once_per: [task.id]
"""
REMIND = """\
  - id: X2
    version: 1
    name: reminder
    trigger: clock.daily
    when: {field: task.status, op: in, value: [open, in_progress]}
    then:
      - {do: notify, to: task.owner}
"""
TASK_FOR_A_WEAK_FORM = """\
  - id: X3
    version: 1
    name: the form is looked at
    trigger: kpi.updated
    when:
      all:
        - {field: kpi.code, op: eq, value: form_completion}
        - {field: kpi.value, op: lt, value: 0.4}
    then:
      - {do: create_task, owner: {by: role, role: designer}, due_business_days: 1}
    once_per: [campaign.id]
"""


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = founding.found(tmp_path / "home")
    yield made
    made.app.close()


@pytest.fixture
def portal(company: Company) -> int:
    """A portal with a decision under way in it."""
    portal = company.connect("portal", ACCOUNTS)
    company.mails(portal, date(2026, 10, 26), 28, clicked=25)
    company.decide()
    return portal


def problems(company: Company) -> dict[str, str]:
    with company.app.database.reading() as session:
        return {each.about: each.message for each in retros.problems(session)}


def test_owners_are_reminded_once_two_business_days_before(company: Company, portal: int) -> None:
    for minutes in (0, 15):
        follow_up(company.at(TWO_DAYS_BEFORE + timedelta(minutes=minutes)))
    told = company.comments()
    assert {(each.subject, each.payload["to"]) for each in told} == {
        (f"{DECISION}:designer", "p_des"),
        (f"{DECISION}:marketer", "p_mkt"),
    }
    assert {each.connection_id for each in told} == {portal}


def test_reminders_go_where_the_work_is_however_many_tools_take_tasks(
    company: Company, portal: int
) -> None:
    other = company.connect("agency", {"p_des": "80"})
    company.decide(
        "agency",
        RETRO.replace("23", "24")
        .replace("O-1", "O-2")
        .replace(DECISION, "D-two")
        .replace("p_des, p_mkt", "p_des")
        .replace("p_mkt", "p_des"),
    )
    follow_up(company.at(TWO_DAYS_BEFORE))
    follow_up(company.at(TWO_DAYS_BEFORE + timedelta(days=1)))
    told = {each.subject: each.connection_id for each in company.comments()}
    assert told == {
        f"{DECISION}:designer": portal,
        f"{DECISION}:marketer": portal,
        "D-two:designer": other,
    }
    assert problems(company) == {}


def test_late_work_puts_its_decision_at_risk_and_is_told_above_once(
    company: Company, portal: int
) -> None:
    company.connect("agency", {})
    for days in (0, 1):
        follow_up(company.at(TWO_DAYS_LATE + timedelta(days=days)))
    assert company.decision().status == "at_risk"
    kinds = sorted((each.payload["kind"], each.payload["to"]) for each in company.comments())
    assert kinds == [
        ("alert", "p_mkt"),
        ("escalation", "p_cmo"),
        ("escalation", "p_cmo"),
        ("reminder", "p_des"),
        ("reminder", "p_mkt"),
    ]
    assert portal


def test_a_task_that_no_tool_can_be_told_for_is_a_problem_until_it_can(
    company: Company, portal: int
) -> None:
    company.write_rules(TASK_FOR_A_WEAK_FORM, REMIND)
    agency = company.connect("agency", ACCOUNTS)
    company.weak_form(portal, "C-quiet", TWO_DAYS_BEFORE.date() - timedelta(days=3))
    follow_up(company.at(TWO_DAYS_BEFORE))
    assert len(company.comments()) == 2
    (about,) = problems(company)
    assert about == "form_completion:C-quiet"
    assert "Several connections take tasks (agency, portal)" in problems(company)[about]
    with company.app.database.writing() as session:
        (row,) = retros.problems(session)
        assert (row.rule, row.since) == ("X3", TWO_DAYS_BEFORE)
        connections.forget_connection(session, agency)
    follow_up(company.at(TWO_DAYS_BEFORE + timedelta(minutes=15)))
    assert problems(company) == {}
    (task,) = [row for row in company.writes() if row.key.startswith("task:X3")]
    assert (task.connection_id, task.payload["owner"]) == (portal, "8")


def test_a_task_for_somebody_without_an_account_stops_nothing_else(
    company: Company, portal: int
) -> None:
    company.hire(p_new="Intern")
    company.write_rules(HELP_WHEN_LATE % "p_new", REMIND)
    follow_up(company.at(TWO_DAYS_LATE))
    reminded = {each.subject for each in company.comments()}
    assert reminded == set()
    assert set(problems(company)) == {f"{DECISION}:designer", f"{DECISION}:marketer"}
    assert "p_new has no account in portal" in problems(company)[f"{DECISION}:designer"]
    with company.app.database.writing() as session:
        session.add(PersonId(person_id="p_new", connection_id=portal, remote_id="11"))
    follow_up(company.at(TWO_DAYS_LATE + timedelta(minutes=15)))
    tasks = [row for row in company.writes() if row.key.startswith("task:X1")]
    assert {row.payload["owner"] for row in tasks} == {"11"}
    assert {each.subject for each in company.comments()} == {
        f"{DECISION}:designer",
        f"{DECISION}:marketer",
    }
    assert problems(company) == {}


def test_a_campaign_that_brought_no_lead_at_all_opens_a_micro_retro(
    company: Company, portal: int
) -> None:
    company.hire(p_acq="Responsable acquisition")
    company.weak_form(portal, "C-quiet", TWO_DAYS_BEFORE.date() - timedelta(days=3))
    follow_up(company.at(TWO_DAYS_BEFORE))
    with company.app.database.reading() as session:
        (opened,) = [row for row in retros.all_retros(session) if row.status == "proposed"]
    assert opened.id.startswith("R01:form_completion:C-quiet")
    assert opened.participants[0]["person"] == "p_acq"


def test_a_rule_that_fired_is_explained_by_the_version_that_is_kept(
    company: Company, portal: int
) -> None:
    follow_up(company.at(TWO_DAYS_BEFORE))
    with company.app.database.reading() as session:
        fired = {(row.rule_id, row.version) for row in retros.evaluations(session)}
        assert fired == {("R03", 1), ("R04", 1)}
        for key in fired:
            kept = session.get(RuleVersion, key)
            assert kept is not None
            assert kept.body["id"] == key[0]
            assert kept.body["when"]


def test_what_fired_is_kept_once_however_often_it_is_looked_at(
    company: Company, portal: int
) -> None:
    for minutes in (0, 15, 30):
        follow_up(company.at(TWO_DAYS_BEFORE + timedelta(minutes=minutes)))
    with company.app.database.reading() as session:
        events = [row.event for row in retros.evaluations(session)]
    assert len(events) == len(set(events)) == 3


def test_turns_go_round_from_one_evaluation_to_the_next(company: Company, portal: int) -> None:
    company.hire(p_a="SDR", p_b="SDR", p_c="SDR")
    with company.app.database.writing() as session:
        session.add_all(
            PersonId(person_id=f"p_{each}", connection_id=portal, remote_id=f"sdr-{each}")
            for each in "abc"
        )
    company.write_rules(
        TASK_FOR_A_WEAK_FORM.replace("by: role, role: designer", "by: round_robin, role: SDR")
    )
    day = TWO_DAYS_BEFORE.date() - timedelta(days=3)
    owners = []
    for number in range(4):
        campaign = f"C-{number}"
        with company.app.database.writing() as session:
            session.add(founding.daily(CampaignStatsRow, portal, campaign, day, clicks=1))
            session.add(founding.daily(FormStatsRow, portal, campaign, day, starts=500))
            if number == 0:
                session.add(
                    Cursor(
                        connection_id=portal,
                        stream=Stream.LEADS.value,
                        partition=WHOLE_STREAM,
                        watermark=HELD,
                    )
                )
        follow_up(company.at(TWO_DAYS_BEFORE + timedelta(minutes=15 * number)))
        (task,) = [row for row in company.writes() if campaign in row.key]
        owners.append(task.payload["owner"])
    assert owners == ["sdr-a", "sdr-b", "sdr-c", "sdr-a"]


def test_the_last_task_done_sets_the_days_of_the_measure_and_reopening_takes_them_back(
    company: Company, portal: int
) -> None:
    done = datetime(2026, 12, 11, 15, tzinfo=UTC)
    keys = (f"{DECISION}:designer", f"{DECISION}:marketer")
    company.finish(*keys, at=done)
    follow_up(company.at(done + timedelta(hours=1)))
    assert company.decision().status == "done_awaiting_measure"
    target = company.target()
    assert (target.measure_start, target.measure_end) == (date(2026, 12, 12), date(2027, 1, 9))
    with company.app.database.writing() as session:
        action = session.get_one(Action, keys[0])
        action.status, action.done_at = "open", None
        session.add(action)
    follow_up(company.at(done + timedelta(hours=2)))
    assert company.decision().status == "in_progress"
    assert company.target().measure_end is None


def test_the_plan_of_a_decision_names_who_has_no_account(company: Company) -> None:
    portal = company.connect("portal", {"p_mkt": "7"})
    company.mails(portal, date(2026, 10, 26), 28, clicked=25)
    import_retro(company.at(HELD), RETRO, "retro.yaml")
    planned = plan_decisions(company.at(HELD))
    assert planned.plan.actions == ()
    assert planned.intentions == ()
    (refusal,) = planned.plan.refused
    assert (refusal.about, refusal.missing) == (DECISION, ("account",))


def test_nothing_that_fired_needs_more_of_the_past_than_it_can_use(
    company: Company, portal: int
) -> None:
    """An evaluation of long ago on another event is not read; nor is what any rule saw and did."""
    with company.app.database.writing() as session:
        for rule, event in (("R04", "day:old"), ("R05", "day:old"), ("R04", "day:now")):
            session.add(
                Evaluation(
                    rule_id=rule,
                    version=1,
                    event=event,
                    subject="s",
                    once_key="k",
                    facts={},
                    trace=[],
                    outcomes=[],
                    at=HELD - timedelta(days=400),
                )
            )
    with company.app.database.reading() as session:
        read = retros.firings(
            session, once=["R05"], events=["day:now"], since=HELD + timedelta(seconds=1)
        )
    assert {(each.rule, each.event) for each in read} == {("R05", "day:old"), ("R04", "day:now")}


def test_a_task_says_where_its_link_can_be_followed(company: Company, portal: int) -> None:
    """F49: on this machine, unless the team has an address for it."""
    tasks = [row for row in company.writes() if row.key.startswith("task:")]
    line = f"on the machine of Retro ROI: http://127.0.0.1:8400/decisions/{DECISION}"
    assert all(line in row.payload["description"] for row in tasks)
    assert len(tasks) == 2


def test_a_task_leads_to_the_public_address_where_there_is_one(company: Company) -> None:
    settings = company.app.settings.model_copy(update={"public_url": "https://retro.example"})
    company.app = replace(company.app, settings=settings)
    portal = company.connect("portal", ACCOUNTS)
    company.mails(portal, date(2026, 10, 26), 28, clicked=25)
    company.decide()
    tasks = [row for row in company.writes() if row.key.startswith("task:")]
    line = f"Decision page: https://retro.example/decisions/{DECISION}"
    assert all(row.payload["description"].endswith(line) for row in tasks)
