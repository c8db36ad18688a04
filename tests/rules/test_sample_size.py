"""Sample size for two rates."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import power_proportions_2indep

from rules.sample_size import needed_per_group, sample_size
from tests.rules.worked_cases import oracle, step

RATES = st.floats(0.001, 0.999)


@pytest.mark.requirement("F51")
def test_the_sample_size_equals_the_example_of_r(shared: Path) -> None:
    case = oracle(shared, "n_r_power")
    given_ = case["input"]
    n = sample_size(given_["p1"], given_["p2"], alpha=given_["alpha"], power=given_["power"])
    assert n == pytest.approx(case["expected"], abs=case["abs_tolerance"])


@pytest.mark.requirement("F51")
def test_the_storys_email_target_needs_29199_a_period(shared: Path) -> None:
    before = 1205 / 48210
    expected = step(shared, "S10")["expect"]["n_per_period_to_see_15_percent"]
    assert needed_per_group(before, before * 1.15) == expected == 29_199


@pytest.mark.requirement("F51")
def test_the_storys_form_hypothesis_needs_600_an_arm(shared: Path) -> None:
    effect = step(shared, "S03")["input"]["expected_relative"]
    expected = step(shared, "S04")["expect"]["n_per_arm_for_primary"]
    assert needed_per_group(0.36, 0.36 * (1 + effect)) == expected == 600


@pytest.mark.parametrize(
    ("rate", "other", "expected"),
    [
        (0.20, 0.25, 1_094),
        (0.50, 0.61, 320),
        (0.30, 0.52, 78),
        (0.10, 0.30, 62),
        (0.05, 0.25, 49),
        (0.05, 0.10, 435),
        (0.042, 0.0483, 17_050),
        (0.004, 0.008, 5_851),
    ],
)
def test_the_sample_size_equals_the_table_of_the_definitions(
    rate: float, other: float, expected: int
) -> None:
    assert needed_per_group(rate, other) == expected


@given(RATES, RATES)
def test_the_sample_has_the_power_that_statsmodels_computes(rate: float, other: float) -> None:
    if abs(rate - other) < 1e-3:
        return
    trials = sample_size(rate, other, power=0.8)
    power = power_proportions_2indep(rate - other, other, trials, return_results=False)
    # Theirs adds the chance of a significant result the wrong way, at most 1 in 100,000.
    assert float(power) == pytest.approx(0.8, abs=1e-5)


@given(RATES, RATES)
def test_the_order_of_the_rates_does_not_matter(rate: float, other: float) -> None:
    if rate == other:
        return
    assert sample_size(rate, other) == pytest.approx(sample_size(other, rate))


@given(RATES, st.floats(1.01, 2))
def test_a_larger_step_needs_fewer(rate: float, factor: float) -> None:
    if rate * factor * 1.05 >= 1:
        return
    assert sample_size(rate, rate * factor * 1.05) < sample_size(rate, rate * factor)


def test_more_power_and_less_alpha_need_more() -> None:
    usual = sample_size(0.2, 0.25)
    assert sample_size(0.2, 0.25, power=0.9) > usual
    assert sample_size(0.2, 0.25, alpha=0.01) > usual


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.2, float("nan")])
def test_a_rate_outside_0_and_1_is_refused_by_name(rate: float) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 1, both excluded: {rate:g} does not"):
        sample_size(0.5, rate)
    with pytest.raises(ValueError, match=f"both excluded: {rate:g} does not"):
        sample_size(rate, 0.5)


def test_two_equal_rates_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two equal rates \(0.3\) cannot be told apart"):
        sample_size(0.3, 0.3)
