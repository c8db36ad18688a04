"""Targets: the frozen baseline, the value to reach, progress and status."""

from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.kpi_catalogue import Direction, KpiDefinition, Measure
from rules.kpis import kpi_value
from rules.money import Money
from rules.proportions import Proportion
from rules.targets import (
    BadTarget,
    TargetStatus,
    freeze_baseline,
    probability_reached,
    progress,
    relative_target,
    status,
)
from rules.two_groups import log_ratio
from tests.rules.worked_cases import (
    EMAIL,
    EURO,
    email_rate,
    email_target,
    measures,
    shipped_catalogue,
    step,
)


def email() -> KpiDefinition:
    return shipped_catalogue().by_code()[EMAIL]


@pytest.mark.requirement("F48")
def test_the_storys_email_target_has_its_baseline_value_and_sample_size(shared: Path) -> None:
    expected = step(shared, "S10")["expect"]
    row = expected["kpi_target_row"]
    set_target = email_target()
    sample, interval = set_target.baseline.sample, set_target.baseline.interval
    assert (sample.successes, sample.trials) == (
        row["baseline"]["numerator"],
        row["baseline"]["denominator"],
    )
    assert sample.value == pytest.approx(row["baseline"]["value"], abs=1e-4)
    assert [interval.low, interval.high] == pytest.approx(row["baseline"]["wilson95"], abs=1e-4)
    assert set_target.target_value == pytest.approx(row["target_value"], abs=1e-6)
    assert set_target.needed_per_period == expected["n_per_period_to_see_15_percent"]


@pytest.mark.requirement("F48")
def test_a_baseline_is_frozen_and_shares_nothing_with_the_value_it_copies() -> None:
    place = {"campaign": "A"}
    value = replace(email_rate(1205, 48_210), slice=place)
    baseline = freeze_baseline(value)
    place["campaign"] = "B"
    assert baseline.slice == {"campaign": "A"}
    with pytest.raises(FrozenInstanceError):
        baseline.sample = Proportion(1, 2)  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        baseline.slice["campaign"] = "B"  # type: ignore[index]  # the point of the test


@pytest.mark.parametrize(
    ("successes", "trials", "relative", "value"),
    [(3, 100, 0.15, 0.0345), (1, 5, 0.15, 0.23), (7, 1_000_000, 0.1, 0.0000077)],
)
def test_a_target_has_no_digits_that_only_floats_add(
    successes: int, trials: int, relative: float, value: float
) -> None:
    baseline = replace(email_target().baseline, sample=Proportion(successes, trials))
    assert relative_target(email(), baseline, relative).target_value == value


@pytest.mark.requirement("F48")
def test_a_kpi_without_a_sound_rate_cannot_be_a_baseline() -> None:
    with pytest.raises(ValueError, match="cannot be a baseline: no_denominator"):
        freeze_baseline(email_rate(0, 0))
    with pytest.raises(ValueError, match="numerator_above_denominator"):
        freeze_baseline(email_rate(2, 1))
    spend = (Money(Decimal(6000), "EUR"),)
    cost = kpi_value(
        shipped_catalogue().by_code()["cost_per_qualified_lead"],
        measures({Measure.QUALIFIED_LEADS: 100}, spend=spend),
        EURO,
    )
    with pytest.raises(ValueError, match="targets are set on rates only"):
        freeze_baseline(cost)


@pytest.mark.parametrize(
    ("clicked", "relative", "told"),
    [
        (0, 0.15, "counted nothing before"),
        (1205, -0.15, "should increase: a target of -0.15 does not"),
        (1205, 0.0, r"should increase: a target of \+0 does not"),
        (30_000, 0.9, "between 0 and 1"),
    ],
)
def test_a_target_that_cannot_be_is_refused(clicked: int, relative: float, told: str) -> None:
    with pytest.raises(BadTarget, match=told) as refused:
        email_target(clicked, relative=relative)
    assert "transactional_email_click_rate" in refused.value.words["fr"]
    assert refused.value.words["fr"] != refused.value.words["en"]


def test_a_kpi_that_should_fall_takes_a_negative_step() -> None:
    falling = email().model_copy(update={"direction": Direction.DECREASE})
    baseline = freeze_baseline(email_rate(1205, 48_210))
    assert relative_target(falling, baseline, -0.1).target_value < baseline.sample.value
    with pytest.raises(ValueError, match=r"should decrease: a target of \+0.1 does not"):
        relative_target(falling, baseline, 0.1)


@pytest.mark.requirement("F48")
@pytest.mark.parametrize(
    ("current", "expected"), [(0.02, 0.0), (0.03, 0.5), (0.04, 1.0), (0.05, 1.5), (0.01, -0.5)]
)
def test_progress_is_neither_clipped_at_the_target_nor_at_the_start(
    current: float, expected: float
) -> None:
    assert progress(0.02, 0.04, current) == pytest.approx(expected)


def test_progress_counts_a_fall_as_well_and_needs_a_way_to_go() -> None:
    assert progress(0.04, 0.02, 0.03) == pytest.approx(0.5)
    assert progress(0.02, 0.02, 0.03) is None


@pytest.mark.requirement("F48")
@pytest.mark.parametrize(
    ("probability", "before_date", "after_date"),
    [
        (1.0, "met", "met"),
        (0.90, "met", "met"),
        (0.8999, "likely", "likely"),
        (0.60, "likely", "likely"),
        (0.5869, "unclear", "unclear"),
        (0.4001, "unclear", "unclear"),
        (0.40, "unlikely", "unlikely"),
        (0.1001, "unlikely", "unlikely"),
        (0.10, "unlikely", "missed"),
        (0.0, "unlikely", "missed"),
        (None, "unknown", "unknown"),  # trap T12: never measured is not healthy
    ],
)
def test_the_status_follows_from_the_probability_and_the_date(
    probability: float | None, before_date: str, after_date: str
) -> None:
    assert status(probability, after_date=False) == TargetStatus(before_date)
    assert status(probability, after_date=True) == TargetStatus(after_date)


@given(st.integers(1_200, 1_600), st.integers(1, 100))
def test_more_clicks_make_a_target_likelier_and_its_opposite_less_likely(
    clicked: int, more: int
) -> None:
    rising = email_target()
    falling = replace(rising, direction=Direction.DECREASE)
    before, trials = rising.baseline.sample, 51_300
    fewer_clicks = log_ratio(before, Proportion(clicked, trials))
    more_clicks = log_ratio(before, Proportion(clicked + more, trials))
    assert fewer_clicks is not None
    assert more_clicks is not None
    assert probability_reached(rising, more_clicks) > probability_reached(rising, fewer_clicks)
    total = probability_reached(rising, more_clicks) + probability_reached(falling, more_clicks)
    assert total == pytest.approx(1)
