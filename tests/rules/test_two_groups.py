"""Two proportions: tests, intervals, relative change, difference in differences."""

from math import log, sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportions_ztest,
    score_test_proportions_2indep,
)

from rules.proportions import Proportion
from rules.two_groups import (
    Method,
    compare,
    difference_in_differences,
    difference_of_changes,
    fisher_two_sided,
    log_ratio,
    newcombe_interval,
    pooled_z,
    relative_change,
    smallest_expected_count,
)
from tests.rules.worked_cases import oracle


@st.composite
def varied(draw: st.DrawFn) -> Proportion:
    """A sample with at least one success and one failure."""
    trials = draw(st.integers(2, 50_000))
    return Proportion(draw(st.integers(1, trials - 1)), trials)


@st.composite
def small(draw: st.DrawFn) -> Proportion:
    trials = draw(st.integers(1, 40))
    return Proportion(draw(st.integers(0, trials)), trials)


def test_the_z_test_equals_the_statsmodels_example(shared: Path) -> None:
    case = oracle(shared, "ztest")
    groups = map(Proportion, case["input"]["successes"], case["input"]["trials"])
    first, second = groups
    result = compare(first, second)
    assert result.method is Method.Z
    assert [result.z, result.p_two_sided] == pytest.approx(
        case["expected"], abs=case["abs_tolerance"]
    )


@given(varied(), varied())
def test_the_z_test_equals_that_of_statsmodels(first: Proportion, second: Proportion) -> None:
    z, p = proportions_ztest([first.successes, second.successes], [first.trials, second.trials])
    assert pooled_z(first, second) == pytest.approx(z, rel=1e-9, abs=1e-12)
    result = compare(first, second)
    if result.method is Method.Z:
        assert result.p_two_sided == pytest.approx(p, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("successes", [0, 10])
def test_the_z_test_refuses_groups_that_do_not_vary(successes: int) -> None:
    with pytest.raises(ValueError, match="successes and failures"):
        pooled_z(Proportion(successes, 10), Proportion(2 * successes, 20))


@pytest.mark.parametrize("name", ["fisher_tea", "fisher_scipy"])
def test_the_exact_test_equals_the_published_examples(shared: Path, name: str) -> None:
    case = oracle(shared, name)
    first, second = (Proportion(yes, yes + no) for yes, no in case["input"]["table"])
    result = compare(first, second)
    assert (result.method, result.z) == (Method.FISHER, None)
    assert result.p_two_sided == pytest.approx(case["expected"], abs=case["abs_tolerance"])


@given(small(), small())
def test_the_exact_test_equals_that_of_scipy(first: Proportion, second: Proportion) -> None:
    table = [
        [first.successes, first.trials - first.successes],
        [second.successes, second.trials - second.successes],
    ]
    theirs = stats.fisher_exact(table).pvalue
    assert fisher_two_sided(first, second) == pytest.approx(theirs, rel=1e-6)


@given(small(), small())
def test_the_exact_test_does_not_care_which_group_comes_first(
    first: Proportion, second: Proportion
) -> None:
    assert fisher_two_sided(first, second) == fisher_two_sided(second, first)


@given(small(), small())
def test_the_smallest_expected_count_equals_that_of_scipy(
    first: Proportion, second: Proportion
) -> None:
    yes = first.successes + second.successes
    no = first.trials + second.trials - yes
    table = [[first.successes, first.trials - first.successes]]
    table.append([second.successes, second.trials - second.successes])
    expected = stats.contingency.expected_freq(table).min() if yes and no else 0
    assert smallest_expected_count(first, second) == pytest.approx(expected)


def test_an_expected_count_of_exactly_5_still_takes_the_z_test() -> None:
    assert compare(Proportion(5, 50), Proportion(5, 50)).method is Method.Z
    assert compare(Proportion(5, 50), Proportion(4, 50)).method is Method.FISHER


@pytest.mark.parametrize(
    "name",
    ["newcombe_diff_56_70_48_80", "newcombe_diff_9_10_3_10", "newcombe_diff_10_10_0_10"],
)
def test_newcombes_interval_equals_his_examples(shared: Path, name: str) -> None:
    case = oracle(shared, name)
    given_ = case["input"]
    one, two = Proportion(given_["k1"], given_["n1"]), Proportion(given_["k2"], given_["n2"])
    interval = newcombe_interval(two, one)  # he takes the first minus the second
    assert [interval.low, interval.high] == pytest.approx(
        case["expected"], abs=case["abs_tolerance"]
    )


@given(varied(), varied())
def test_newcombes_interval_equals_that_of_statsmodels(
    first: Proportion, second: Proportion
) -> None:
    interval = newcombe_interval(first, second)
    theirs = confint_proportions_2indep(
        second.successes, second.trials, first.successes, first.trials, method="newcomb"
    )
    assert [interval.low, interval.high] == pytest.approx(list(theirs), abs=1e-9)


@given(small(), small())
def test_the_interval_of_the_difference_holds_it_and_turns_with_the_groups(
    first: Proportion, second: Proportion
) -> None:
    interval, turned = newcombe_interval(first, second), newcombe_interval(second, first)
    assert second.value - first.value in interval
    assert [turned.low, turned.high] == pytest.approx([-interval.high, -interval.low])
    assert -1 <= interval.low <= interval.high <= 1


@given(varied(), varied())
def test_the_interval_of_the_relative_change_equals_that_of_statsmodels(
    before: Proportion, after: Proportion
) -> None:
    ratio = log_ratio(before, after)
    assert ratio is not None
    low, high = confint_proportions_2indep(
        after.successes,
        after.trials,
        before.successes,
        before.trials,
        compare="ratio",
        method="log",
    )
    assert ratio.interval.low == pytest.approx(low - 1, rel=1e-9, abs=1e-9)
    assert ratio.interval.high == pytest.approx(high - 1, rel=1e-9, abs=1e-9)
    assert ratio.relative in ratio.interval
    assert ratio.relative == pytest.approx(relative_change(before, after))


@given(varied(), varied(), st.floats(-0.9, 5))
def test_the_two_tails_of_a_ratio_add_up_to_one(
    before: Proportion, after: Proportion, relative: float
) -> None:
    ratio = log_ratio(before, after)
    assert ratio is not None
    above, below = ratio.probability_above(relative), ratio.probability_below(relative)
    assert above + below == pytest.approx(1)
    assert ratio.probability_above(relative + 0.1) <= above


@pytest.mark.requirement("F30")
def test_nothing_before_leaves_no_relative_change_but_a_difference() -> None:
    before, after = Proportion(0, 100), Proportion(20, 100)
    assert relative_change(before, after) is None
    assert log_ratio(before, after) is None
    assert newcombe_interval(before, after).low > 0


def test_nothing_after_is_a_loss_of_all_without_an_interval() -> None:
    before, after = Proportion(20, 100), Proportion(0, 100)
    assert relative_change(before, after) == -1
    assert log_ratio(before, after) is None


def test_two_groups_that_never_fail_have_no_ratio_error() -> None:
    assert log_ratio(Proportion(9, 9), Proportion(7, 7)) is None


def test_the_difference_of_changes_equals_card_and_krueger(shared: Path) -> None:
    case = oracle(shared, "did_card")
    estimate = difference_of_changes(
        tuple(case["input"]["treated"]), tuple(case["input"]["control"])
    )
    assert estimate == pytest.approx(case["expected"], abs=case["abs_tolerance"])


@given(varied(), varied())
def test_the_error_of_a_single_change_equals_the_wald_interval_of_statsmodels(
    before: Proportion, after: Proportion
) -> None:
    # A control group whose rate is a plain 1 in both periods adds no variance of its own.
    still = Proportion(1, 1)
    change = difference_in_differences((before, after), (still, still))
    theirs = confint_proportions_2indep(
        after.successes, after.trials, before.successes, before.trials, method="wald"
    )
    assert [change.interval.low, change.interval.high] == pytest.approx(list(theirs), abs=1e-9)


@given(varied(), varied(), varied(), varied())
def test_swapping_treated_and_control_turns_the_sign(
    t0: Proportion, t1: Proportion, c0: Proportion, c1: Proportion
) -> None:
    one = difference_in_differences((t0, t1), (c0, c1))
    other = difference_in_differences((c0, c1), (t0, t1))
    assert other.estimate == pytest.approx(-one.estimate, abs=1e-12)
    assert one.estimate in one.interval
    assert one.z is not None
    assert other.z == pytest.approx(-one.z, abs=1e-6)


def test_groups_that_never_vary_have_no_z() -> None:
    still = Proportion(3, 3)
    assert difference_in_differences((still, still), (still, still)).z is None


@given(varied(), varied(), varied(), varied())
def test_taking_a_trend_out_divides_the_ratios_and_adds_the_variances(
    t0: Proportion, t1: Proportion, c0: Proportion, c1: Proportion
) -> None:
    change, trend = log_ratio(t0, t1), log_ratio(c0, c1)
    assert change is not None
    assert trend is not None
    net = change.without(trend)
    assert net.estimate == pytest.approx(
        log(t1.value / t0.value) - log(c1.value / c0.value), abs=1e-9
    )
    assert net.error == pytest.approx(sqrt(change.error**2 + trend.error**2))


def test_a_ratio_leans_the_way_of_the_score_test_of_statsmodels() -> None:
    before, after = Proportion(1205, 48210), Proportion(1487, 51300)
    ratio = log_ratio(before, after)
    assert ratio is not None
    score = score_test_proportions_2indep(
        after.successes,
        after.trials,
        before.successes,
        before.trials,
        compare="ratio",
        value=1.15,
        alternative="larger",
    )
    # Different tests of one claim, so near and not equal.
    assert ratio.probability_below(0.15) == pytest.approx(float(score.pvalue), abs=0.005)
