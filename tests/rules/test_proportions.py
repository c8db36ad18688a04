"""One proportion: the Wilson interval and the certainty of a floor crossing."""

from decimal import Decimal, localcontext
from math import comb
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from rules.proportions import (
    Certainty,
    Interval,
    Proportion,
    floor_crossing,
    wilson_interval,
)
from tests.rules.worked_cases import oracle


@st.composite
def proportions(draw: st.DrawFn) -> Proportion:
    trials = draw(st.integers(1, 100_000))
    return Proportion(draw(st.integers(0, trials)), trials)


@pytest.mark.parametrize("name", ["wilson_81_263", "wilson_15_148", "wilson_0_20", "wilson_1_29"])
def test_the_wilson_interval_equals_the_published_examples(shared: Path, name: str) -> None:
    case = oracle(shared, name)
    interval = wilson_interval(Proportion(case["input"]["successes"], case["input"]["trials"]))
    assert [interval.low, interval.high] == pytest.approx(
        case["expected"], abs=case["abs_tolerance"]
    )


@given(proportions())
def test_the_wilson_interval_equals_that_of_statsmodels(sample: Proportion) -> None:
    interval = wilson_interval(sample)
    theirs = proportion_confint(sample.successes, sample.trials, method="wilson")
    assert [interval.low, interval.high] == pytest.approx(list(theirs), abs=1e-12)


@given(proportions())
def test_the_interval_holds_the_estimate_and_stays_between_0_and_1(sample: Proportion) -> None:
    interval = wilson_interval(sample)
    assert 0 <= interval.low <= sample.value <= interval.high <= 1
    assert sample.value in interval


@given(proportions())
def test_counting_failures_mirrors_the_interval(sample: Proportion) -> None:
    interval = wilson_interval(sample)
    mirrored = wilson_interval(Proportion(sample.trials - sample.successes, sample.trials))
    assert mirrored.low == pytest.approx(1 - interval.high, abs=1e-12)
    assert mirrored.high == pytest.approx(1 - interval.low, abs=1e-12)


@given(proportions())
def test_more_trials_at_the_same_rate_narrow_the_interval(sample: Proportion) -> None:
    few = wilson_interval(sample)
    many = wilson_interval(Proportion(4 * sample.successes, 4 * sample.trials))
    assert many.high - many.low < few.high - few.low


@given(proportions())
def test_one_more_success_moves_both_bounds_up(sample: Proportion) -> None:
    if sample.successes == sample.trials:
        return
    less = wilson_interval(sample)
    more = wilson_interval(Proportion(sample.successes + 1, sample.trials))
    assert less.low < more.low
    assert less.high < more.high


def test_an_interval_holds_its_bounds_and_nothing_outside() -> None:
    interval = Interval(0.25, 0.5)
    assert 0.25 in interval
    assert 0.5 in interval
    assert 0.2499 not in interval
    assert 0.5001 not in interval


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (1, 0), (6, 5), (-1, 5), (0, -3)])
def test_counts_that_are_no_proportion_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="a proportion"):
        Proportion(successes, trials)


@pytest.mark.requirement("F20")
def test_the_storys_form_is_probably_under_its_floor() -> None:
    seen = floor_crossing(Proportion(200, 556), 0.40)
    assert seen is not None
    assert seen.p_one_sided == pytest.approx(0.0284, rel=0.01)
    assert seen.certainty is Certainty.PROBABLE


@pytest.mark.requirement("F20")
@pytest.mark.parametrize(
    ("successes", "certainty"),
    [
        (399, Certainty.POSSIBLE),
        (375, Certainty.POSSIBLE),
        (374, Certainty.PROBABLE),
        (370, Certainty.PROBABLE),
        (369, Certainty.CERTAIN),
        (300, Certainty.CERTAIN),
    ],
)
def test_the_fewer_succeed_the_surer_the_crossing(successes: int, certainty: Certainty) -> None:
    seen = floor_crossing(Proportion(successes, 1000), 0.40)
    assert seen is not None
    assert seen.certainty is certainty


@pytest.mark.requirement("F20")
@pytest.mark.parametrize("successes", [400, 401, 1000])
def test_a_rate_at_or_over_its_floor_crosses_nothing(successes: int) -> None:
    assert floor_crossing(Proportion(successes, 1000), 0.40) is None


@given(proportions(), st.floats(0.01, 0.99))
def test_the_p_value_is_the_exact_binomial_one(sample: Proportion, floor: float) -> None:
    seen = floor_crossing(sample, floor)
    if seen is None:
        assert sample.value >= floor
        return
    exact = float(binomial_tail(sample, floor))
    assert seen.p_one_sided == pytest.approx(exact, rel=1e-9, abs=1e-299)


def binomial_tail(sample: Proportion, rate: float) -> Decimal:
    """P(X ≤ successes) in sixty digits, term by term from the largest one down. `scipy.stats` is no
    oracle here: under 1e-270 it errs by as much as the value itself."""
    with localcontext(prec=60):
        count, p = sample.successes, Decimal(rate)
        odds = (1 - p) / p
        term = comb(sample.trials, count) * p**count * (1 - p) ** (sample.trials - count)
        total = Decimal(0)
        while term > total.scaleb(-40):
            total += term
            term *= odds * count / (sample.trials - count + 1)
            count -= 1
        return total
