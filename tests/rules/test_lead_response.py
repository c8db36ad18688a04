"""How fast leads are answered."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.lead_response import FirstContact, lead_response
from tests.rules.worked_cases import story


@pytest.mark.requirement("F22")
def test_the_storys_leads_wait_a_median_of_42_minutes(shared: Path) -> None:
    case = story(shared)["lead_response"]
    response = lead_response(
        FirstContact(
            lead["lead"],
            lead["business_minutes"],
            lead["elapsed_minutes"],
            lead["open_age_business_minutes"],
        )
        for lead in case["leads"]
    )
    expected = case["expect"]
    assert response.answered == expected["answered"]
    assert response.unanswered == expected["unanswered"]
    assert response.median == expected["median_business_minutes"]
    assert response.mean == pytest.approx(expected["mean_business_minutes"])
    assert response.prompt is not None
    assert response.prompt.successes == expected["within_60_business_minutes"]
    assert response.prompt.trials == 6  # the lead that has waited 300 minutes counts against
    assert response.ninetieth_percentile == pytest.approx(75 + 0.6 * (480 - 75))
    assert response.median_elapsed == 2_415
    assert response.open_ages == (300,)
    assert response.negative == ()


@pytest.mark.requirement("F22")
def test_a_lead_still_within_its_first_hour_counts_neither_way() -> None:
    response = lead_response([FirstContact("a", 60, 60, None), FirstContact("b", None, None, 60)])
    assert response.prompt is not None
    assert (response.prompt.successes, response.prompt.trials) == (1, 1)
    assert response.prompt_interval is not None
    assert response.unanswered == 1


@pytest.mark.requirement("F22")
def test_a_contact_before_the_lead_is_listed_and_left_out() -> None:
    response = lead_response([FirstContact("a", 10, 30, None), FirstContact("b", 0, -5, None)])
    assert response.negative == ("b",)
    assert (response.answered, response.median, response.ninetieth_percentile) == (1, 10, 10)


@pytest.mark.requirement("F22")
def test_no_leads_have_no_response_time() -> None:
    response = lead_response([])
    assert (response.answered, response.unanswered) == (0, 0)
    assert response.median is response.mean is response.ninetieth_percentile is None
    assert response.prompt is response.prompt_interval is response.median_elapsed is None


@given(st.lists(st.integers(0, 5_000), min_size=1))
def test_half_the_leads_wait_no_longer_than_the_median(minutes: list[int]) -> None:
    response = lead_response(
        FirstContact(str(i), each, each, None) for i, each in enumerate(minutes)
    )
    assert response.median is not None
    assert response.ninetieth_percentile is not None
    assert sum(each <= response.median for each in minutes) >= len(minutes) / 2
    assert min(minutes) <= response.median <= response.ninetieth_percentile <= max(minutes)
