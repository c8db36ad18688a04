"""A retro file: what is read, and what is refused with its line and everything missing."""

from datetime import datetime

import pytest

from rules.words import ObservationOutcome, RetroStatus
from rules.yaml_document import Problem, Refused
from tests.rules.retro_cases import HYPOTHESIS, SOUND, problems, read


def without(*lines: str) -> str:
    text = SOUND
    for line in lines:
        assert f"    {line}\n" in text
        text = text.replace(f"    {line}\n", "")
    return text


def changed(before: str, after: str, text: str = SOUND) -> list[str]:
    assert before in text
    return problems(text.replace(before, after, 1))


def test_the_file_of_the_interfaces_is_read() -> None:
    retro = read(SOUND)
    (decision,) = retro.decisions
    assert retro.held_at == datetime.fromisoformat("2026-11-23T10:00:00+01:00")
    assert (decision.accountable, decision.helpers) == ("p_mkt", ("p_des", "p_cop", "p_mkt"))
    assert (decision.observation, decision.due_business_days) == ("O-1", 15)


@pytest.mark.requirement("F43")
def test_a_decision_without_owner_and_date_names_both_and_its_line() -> None:
    with pytest.raises(Refused) as caught:
        read(without("accountable: p_mkt", "due_business_days: 15"))
    assert caught.value.found == (
        Problem(
            10,
            "decisions[0]",
            "decision D-email-ctr: missing owner (accountable) and "
            "due date (due_business_days or due_on)",
        ),
    )


@pytest.mark.requirement("F43")
def test_a_decision_without_one_of_them_names_that_one() -> None:
    (problem,) = problems(without("accountable: p_mkt"))
    assert problem.endswith("missing owner (accountable)")
    (problem,) = problems(without("due_business_days: 15"))
    assert problem.endswith("missing due date (due_business_days or due_on)")


@pytest.mark.requirement("F43")
def test_three_accountable_people_are_refused_with_the_way_out() -> None:
    assert changed("accountable: p_mkt", "accountable: [p_mkt, p_des, p_cop]") == [
        "retro.yaml:16: decisions[0].accountable: 3 accountable people (p_mkt, p_des, p_cop): "
        "name one accountable, the others become helpers with a task each"
    ]


@pytest.mark.requirement("F43")
def test_an_owner_under_another_name_is_led_to_the_right_one() -> None:
    (problem,) = changed("accountable: p_mkt", "owners: [p_mkt, p_des, p_cop]")
    assert problem.endswith(
        "missing owner (accountable); owners is not a known field; did you mean accountable?"
    )


def test_a_list_of_one_accountable_is_that_person() -> None:
    retro = read(SOUND.replace("accountable: p_mkt", "accountable: [p_mkt]"))
    assert retro.decisions[0].accountable == "p_mkt"


@pytest.mark.requirement("F43")
def test_two_due_dates_are_refused() -> None:
    (problem,) = problems(SOUND + "    due_on: 2026-12-14\n")
    assert "give due_business_days or due_on, not both" in problem


@pytest.mark.requirement("F07")
def test_an_observation_without_a_kpi_is_refused() -> None:
    assert problems(without("kpis: [transactional_email_click_rate]")) == [
        "retro.yaml:6: observations[0]: observation O-1 names no KPI: add kpis or figures"
    ]


@pytest.mark.parametrize(
    "figures",
    [
        "[{kpi: click_rate, value: 0.042}]",
        "[4.2 %]",
        "[0.042]",
        "[{kpi: click_rate, numerator: 42}]",
    ],
)
def test_a_bare_percentage_is_refused(figures: str) -> None:
    (problem,) = changed("    kpis: [tr", f"    figures: {figures}\n    kpis: [tr")
    assert problem == (
        "retro.yaml:8: observations[0].figures[0]: "
        "a bare percentage is refused: give the two counts, numerator and denominator"
    )


def test_a_bare_percentage_beside_a_kpi_is_refused() -> None:
    (problem,) = changed("[transactional_email_click_rate]\n", "[{click_rate: 4.2 %}]\n")
    assert "a bare percentage is refused" in problem


def test_a_rate_of_two_counts_links_its_kpi() -> None:
    text = SOUND.replace(
        "    kpis: [transactional_email_click_rate]",
        "    figures: [{kpi: click_rate, numerator: 2100, denominator: 50000}]",
    )
    assert read(text).observations[0].linked_kpis == ("click_rate",)


@pytest.mark.requirement("F08")
def test_an_observation_holds_what_people_said() -> None:
    text = SOUND.replace(
        "    kpis: [tr",
        "    quotes: [{text: le bouton se voit mal, source: appel, author: p_sup}]\n    kpis: [tr",
    )
    (quote,) = read(text).observations[0].quotes
    assert (quote.source, quote.author) == ("appel", "p_sup")


@pytest.mark.requirement("F02")
def test_a_retro_without_a_goal_is_a_draft() -> None:
    draft = SOUND.replace("goal: {kpi: transactional_email_click_rate, direction: increase}\n", "")
    assert read(draft).status is RetroStatus.DRAFT
    assert read(SOUND).status is RetroStatus.OPEN


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("accountable: p_mkt", "acountable: p_mkt", "did you mean accountable?"),
        (
            "accountable: p_mkt",
            "accountable: p_mkd",
            "p_mkd is not a known person; did you mean p_",
        ),
        ("[p_des, p_cop, p_mkt]", "[p_des, p_copp]", "p_copp is not a known person"),
        ("[p_des, p_cop, p_mkt]", "[p_des, p_des]", "a helper is named twice"),
        ("from: O-1", "from: O-2", "O-2 is not a known observation; did you mean O-1?"),
        (
            "    kpi: transactional_email_click_rate",
            "    kpi: transactional_click",
            "not a known KPI",
        ),
        ("type: improve_kpi", "type: improve", "improve is not known; did you mean improve_kpi?"),
        ("    target_relative: 0.15\n", "", "type improve_kpi needs target_relative"),
        ("type: improve_kpi", "type: experiment", "type experiment needs protocol"),
        ("type: improve_kpi", "type: standardise", "type standardise needs experiment"),
        ("T10:00:00+01:00", "T10:00:00", "expected a moment with its offset"),
        ("hours: 1.5", "hours: 0", "must be more than 0"),
        ("due_business_days: 15", "due_business_days: -1", "must be at least 0"),
        ("due_business_days: 15", "due_business_days: 99999", "must be at most 1000"),
        ("target_relative: 0.15", "target_relative: .nan", "nan is no share"),
        ("target_relative: 0.15", "target_relative: .inf", "inf is no share"),
        ("target_relative: 0.15", "target_relative: -5", "takes away more than there is"),
        ("retro: R-2026-11-23\n", "", "retro is missing"),
        ("{person: p_cmo", "{person: p_cmp", "p_cmp is not a known person"),
    ],
)
def test_each_mistake_is_said(before: str, after: str, said: str) -> None:
    found = changed(before, after)
    assert any(said in problem for problem in found), found


@pytest.mark.requirement("F53")
def test_a_protocol_needs_its_five_fields() -> None:
    text = SOUND.replace("type: improve_kpi", "type: experiment\n    protocol: {variable: 8/4}")
    missing = {problem.rpartition(": ")[2] for problem in problems(text)}
    assert missing == {
        "hypothesis is missing",
        "kpi is missing",
        "duration_days is missing",
        "decision_after is missing",
    }


def test_an_id_given_twice_is_refused_at_the_second() -> None:
    twin = "  - {id: O-1, text: encore, kpis: [click_rate]}\ndecisions:"
    assert changed("decisions:", twin) == [
        "retro.yaml:9: observations[1].id: the id O-1 is given twice"
    ]


@pytest.mark.requirement("F09")
@pytest.mark.parametrize("field", ["cause", "change", "kpi", "expected_relative"])
def test_a_hypothesis_needs_cause_change_kpi_and_effect(field: str) -> None:
    lines = [line for line in HYPOTHESIS.splitlines() if not line.startswith(f"    {field}:")]
    found = problems(SOUND + "\n".join(lines))
    assert any(problem.endswith(f"hypotheses[0]: {field} is missing") for problem in found)


@pytest.mark.requirement("F71")
def test_a_parked_observation_says_why() -> None:
    (problem,) = changed("    kpis: [tr", "    outcome: parked\n    kpis: [tr")
    assert "observation O-1 is parked without a reason" in problem


@pytest.mark.requirement("F71")
def test_an_observation_cannot_claim_an_action_nobody_decided() -> None:
    text = SOUND.replace("    kpis: [tr", "    outcome: action\n    kpis: [tr")
    assert read(text).observations[0].outcome is ObservationOutcome.ACTION
    (problem,) = changed("    from: O-1\n", "", text)
    assert problem.startswith("retro.yaml:8: observations[0].outcome:")


def test_a_percentage_written_as_a_change_is_asked_about() -> None:
    (problem,) = changed("target_relative: 0.15", "target_relative: 15")
    assert "target_relative 15 asks for 1500% more; is 0.15 meant?" in problem


def test_a_decision_that_is_due_before_its_retro_is_refused_where_it_says_so() -> None:
    (problem,) = changed("due_business_days: 15", "due_on: 2026-11-22")
    assert ": decisions[0].due_on: decision D-email-ctr is due on 2026-11-22, before" in problem
    assert read(SOUND.replace("due_business_days: 15", "due_on: 2026-11-23"))
