"""The retro files that come with the demo."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from config.shipped import shipped_text
from rules.costs import parse_pay_table
from rules.kpi_catalogue import parse_catalogue
from rules.lead_data import lead_data_warning
from rules.people import role_key
from rules.retro_file import parse_retro
from rules.words import ObservationOutcome, Retro
from workers.demo.counts import perturbed
from workers.demo.retros import JUNE, NOVEMBER, SEPTEMBER, retro_text
from workers.demo.world import people, story_counts


def parsed(text: str) -> Retro:
    catalogue = parse_catalogue(shipped_text("kpis.yaml"), "kpis.yaml")
    known = {person.id for person in people()}
    return parse_retro(text, "retro.yaml", people=known, kpis=catalogue.by_code())


@pytest.mark.parametrize("name", [JUNE, SEPTEMBER, NOVEMBER])
def test_every_file_is_a_retro_with_a_goal_and_its_costs_are_known(name: str) -> None:
    retro = parsed(retro_text(name, story_counts()))
    pay = parse_pay_table(shipped_text("pay.yaml"), "pay.yaml")
    roles = {person.id: role_key(person.role) for person in people()}
    assert retro.goal is not None
    for each in retro.participants:
        rate = pay.rate(each.person, roles[each.person], retro.held_at.date())
        assert rate is not None, each.person


def test_the_ids_of_all_files_differ() -> None:
    retros = [parsed(retro_text(name, story_counts())) for name in (JUNE, SEPTEMBER, NOVEMBER)]
    ids = [
        part.id
        for retro in retros
        for part in (*retro.observations, *retro.hypotheses, *retro.decisions)
    ]
    assert len(ids) == len(set(ids)) == 7


def test_the_september_retro_parks_its_observations_with_a_reason() -> None:
    retro = parsed(retro_text(SEPTEMBER, story_counts()))
    assert [each.person for each in retro.participants] == [
        "p_cmo",
        "p_acq",
        "p_sdr",
        "p_des",
        "p_cop",
        "p_sup",
    ]
    assert {each.hours for each in retro.participants} == {Decimal("1.5")}
    assert retro.observations[0].kpis == (
        "click_rate",
        "form_completion",
        "lead_rate_per_impression",
    )
    assert retro.decisions == ()
    for observation in retro.observations:
        assert observation.outcome is ObservationOutcome.PARKED
        assert observation.reason


def test_the_hypothesis_of_september_is_warned_by_what_sales_say() -> None:
    counts = story_counts()
    retro = parsed(retro_text(SEPTEMBER, counts))
    (hypothesis,) = retro.hypotheses
    assert (hypothesis.guardrail, hypothesis.guardrail_margin_points) == (
        "qualified_share_of_leads",
        -5.0,
    )
    warning = lead_data_warning(hypothesis, retro.observations, "fr")
    assert warning is not None
    assert "seuls 12 leads sur 500" in warning
    assert "faute d'informations utiles dans le formulaire" in warning


def test_sales_quote_other_counts_in_another_world() -> None:
    counts = perturbed(story_counts(), 5)
    retro = parsed(retro_text(SEPTEMBER, counts))
    (figure,) = retro.observations[1].figures
    assert (figure.numerator, figure.denominator) == (counts.earlier.sales, counts.earlier.leads)


def test_the_november_decision_is_that_of_the_story() -> None:
    (decision,) = parsed(retro_text(NOVEMBER, story_counts())).decisions
    assert decision.id == "D-email-ctr"
    assert (decision.accountable, decision.helpers) == ("p_mkt", ("p_des", "p_cop", "p_mkt"))
    assert (decision.target_relative, decision.due_business_days) == (0.15, 15)


def test_the_open_action_of_june_is_due_after_everything_the_demo_plays() -> None:
    (decision,) = parsed(retro_text(JUNE, story_counts())).decisions
    assert decision.due_on is not None
    last_step = datetime(2027, 1, 15, 8, tzinfo=UTC).date()
    # Its reminder comes two business days before.
    assert decision.due_on - timedelta(days=4) > last_step
