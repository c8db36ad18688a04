"""Two proportions against each other, and two changes against each other.

Every function takes the earlier or reference group first and speaks of the second group's gain,
except the z test, which keeps the textbook sign (first minus second).
"""

from dataclasses import dataclass
from enum import StrEnum
from math import comb, exp, hypot, log, log1p, sqrt

from rules.distributions import Z95, normal_cdf
from rules.proportions import Interval, Proportion, wilson_interval

SMALLEST_EXPECTED_COUNT = 5


class Method(StrEnum):
    Z = "z"
    FISHER = "fisher"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A test of equal rates. `z` is None where Fisher's exact test had to stand in."""

    method: Method
    z: float | None
    p_two_sided: float


@dataclass(frozen=True, slots=True)
class LogRatio:
    """A ratio of rates on the log scale, where its error is close to normal."""

    estimate: float
    error: float

    @property
    def relative(self) -> float:
        return exp(self.estimate) - 1

    @property
    def interval(self) -> Interval:
        """95 % interval of the relative change."""
        reach = Z95 * self.error
        return Interval(exp(self.estimate - reach) - 1, exp(self.estimate + reach) - 1)

    def probability_above(self, relative: float) -> float:
        """The chance that the true relative change exceeds `relative` (> -1)."""
        return normal_cdf((self.estimate - log1p(relative)) / self.error)

    def probability_below(self, relative: float) -> float:
        """The other tail, exact where 1 minus the first would round to zero."""
        return normal_cdf((log1p(relative) - self.estimate) / self.error)

    def without(self, trend: "LogRatio") -> "LogRatio":
        """The ratio of ratios: this change with the trend of an independent group taken out."""
        return LogRatio(self.estimate - trend.estimate, hypot(self.error, trend.error))


@dataclass(frozen=True, slots=True)
class DifferenceInDifferences:
    """Change of the treated minus change of the control; as shares, 0.01 is one point.

    `z` is None where no group varies at all, so that no error can be estimated.
    """

    estimate: float
    interval: Interval
    z: float | None


def compare(first: Proportion, second: Proportion) -> Comparison:
    """The pooled z test, or Fisher's where an expected count falls below 5."""
    if smallest_expected_count(first, second) < SMALLEST_EXPECTED_COUNT:
        return Comparison(Method.FISHER, None, fisher_two_sided(first, second))
    z = pooled_z(first, second)
    return Comparison(Method.Z, z, 2 * normal_cdf(-abs(z)))


def pooled_z(first: Proportion, second: Proportion) -> float:
    """z = (p1 - p2) / √(p(1 - p)(1/n1 + 1/n2)).

    Raises ValueError when all or no trials succeed, where the test is not defined.
    """
    successes = first.successes + second.successes
    pooled = successes / (first.trials + second.trials)
    if successes == 0 or successes == first.trials + second.trials:
        raise ValueError("the z test needs successes and failures in the two groups together")
    error = sqrt(pooled * (1 - pooled) * (1 / first.trials + 1 / second.trials))
    return (first.value - second.value) / error


def smallest_expected_count(first: Proportion, second: Proportion) -> float:
    """The smallest of the four counts that equal rates would make us expect."""
    trials = first.trials + second.trials
    successes = first.successes + second.successes
    rarer = min(successes, trials - successes)
    return rarer * min(first.trials, second.trials) / trials


def fisher_two_sided(first: Proportion, second: Proportion) -> float:
    """Fisher's exact test: all tables with these margins that are no likelier than this one.

    Whole numbers throughout, so that equally likely tables tie exactly.
    """
    successes = first.successes + second.successes

    def ways(count: int) -> int:
        return comb(first.trials, count) * comb(second.trials, successes - count)

    seen = ways(first.successes)
    possible = range(max(0, successes - second.trials), min(first.trials, successes) + 1)
    as_rare = sum(n for n in map(ways, possible) if n <= seen)
    return as_rare / comb(first.trials + second.trials, successes)


def newcombe_interval(first: Proportion, second: Proportion) -> Interval:
    """95 % interval of second minus first, from two Wilson intervals (Newcombe 1998, method 10)."""
    gain = second.value - first.value
    one, two = wilson_interval(first), wilson_interval(second)
    return Interval(
        gain - hypot(second.value - two.low, one.high - first.value),
        gain + hypot(two.high - second.value, first.value - one.low),
    )


def relative_change(before: Proportion, after: Proportion) -> float | None:
    """after / before - 1; None when nothing succeeded before, where only points can be told."""
    return after.value / before.value - 1 if before.successes else None


def log_ratio(before: Proportion, after: Proportion) -> LogRatio | None:
    """The relative change with its error √((1 - p1)/x1 + (1 - p2)/x2).

    None when a group has no success, or when no group has a failure: no error can be estimated.
    """
    if not before.successes or not after.successes:
        return None
    error = sqrt((1 - before.value) / before.successes + (1 - after.value) / after.successes)
    return LogRatio(log(after.value / before.value), error) if error else None


def difference_of_changes(treated: tuple[float, float], control: tuple[float, float]) -> float:
    """(T1 - T0) - (C1 - C0), each pair being (before, after)."""
    return (treated[1] - treated[0]) - (control[1] - control[0])


def difference_in_differences(
    treated: tuple[Proportion, Proportion], control: tuple[Proportion, Proportion]
) -> DifferenceInDifferences:
    """Difference in differences of rates with four independent samples, each pair (before, after).

    It speaks of the cause only if both groups would have moved alike without the change.
    """
    estimate = difference_of_changes(
        (treated[0].value, treated[1].value), (control[0].value, control[1].value)
    )
    error = sqrt(sum(sample.variance for sample in (*treated, *control)))
    reach = Z95 * error
    interval = Interval(estimate - reach, estimate + reach)
    return DifferenceInDifferences(estimate, interval, estimate / error if error else None)
