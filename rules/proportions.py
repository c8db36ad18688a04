"""One proportion: its interval, and how surely it lies under a floor."""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

from rules.distributions import Z95, binomial_cdf

ONE_SIDED_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Proportion:
    """Successes out of trials. An empty sample and more successes than trials are refused."""

    successes: int
    trials: int

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ValueError(f"a proportion needs at least one trial, not {self.trials}")
        if not 0 <= self.successes <= self.trials:
            raise ValueError(
                f"a proportion counts 0 to {self.trials} successes, not {self.successes}"
            )

    @property
    def value(self) -> float:
        return self.successes / self.trials

    @property
    def variance(self) -> float:
        """Variance of the estimate, not of one trial."""
        return self.value * (1 - self.value) / self.trials


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval, bounds included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


class Certainty(StrEnum):
    CERTAIN = "certain"
    """The whole interval lies under the floor."""
    PROBABLE = "probable"
    """The one-sided test says under, and the interval still touches the floor."""
    POSSIBLE = "possible"
    """The value lies under the floor, and chance alone would explain it."""


@dataclass(frozen=True, slots=True)
class FloorCrossing:
    floor: float
    p_one_sided: float
    certainty: Certainty


def wilson_interval(sample: Proportion) -> Interval:
    """Score interval without continuity correction (Newcombe 1998, method 3)."""
    n, p, z = sample.trials, sample.value, Z95
    centre = p + z * z / (2 * n)
    half_width = z * sqrt(sample.variance + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At 0 and n successes a bound is exactly 0 or 1; rounding would leave it an ulp outside.
    low = 0.0 if sample.successes == 0 else (centre - half_width) / scale
    high = 1.0 if sample.successes == n else (centre + half_width) / scale
    return Interval(low, high)


def floor_crossing(sample: Proportion, floor: float) -> FloorCrossing | None:
    """How surely the true rate lies under `floor`; None while the value is not under it.

    The p-value is the exact binomial chance of so few successes were the rate at the floor.
    """
    if sample.value >= floor:
        return None
    p_one_sided = binomial_cdf(sample.successes, sample.trials, floor)
    if wilson_interval(sample).high < floor:
        certainty = Certainty.CERTAIN
    elif p_one_sided <= ONE_SIDED_ALPHA:
        certainty = Certainty.PROBABLE
    else:
        certainty = Certainty.POSSIBLE
    return FloorCrossing(floor, p_one_sided, certainty)
