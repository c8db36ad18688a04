"""How many trials a comparison of two rates needs before it starts.

Three formulas give three numbers (20 % to 25 %: 1,094, 1,030 and 1,092); ours is the pooled normal
one of R's `power.prop.test`.
"""

from math import ceil, sqrt

from rules.distributions import normal_quantile

ALPHA = 0.05
POWER = 0.80


def needed_per_group(rate: float, other_rate: float) -> int:
    """Trials in each group, or each period, to see the step with 80 % power at 5 % two-sided."""
    return ceil(sample_size(rate, other_rate))


def sample_size(
    rate: float, other_rate: float, *, alpha: float = ALPHA, power: float = POWER
) -> float:
    """Trials per group, not rounded, to tell the two rates apart in a two-sided test.

    Raises ValueError when a rate is not strictly between 0 and 1, or when both are equal.
    """
    for each in (rate, other_rate):
        if not 0 < each < 1:
            raise ValueError(f"a rate must lie between 0 and 1, both excluded: {each:g} does not")
    if rate == other_rate:
        raise ValueError(f"two equal rates ({rate:g}) cannot be told apart by any sample")
    mean = (rate + other_rate) / 2
    if_equal = normal_quantile(1 - alpha / 2) * sqrt(2 * mean * (1 - mean))
    if_apart = normal_quantile(power) * sqrt(rate * (1 - rate) + other_rate * (1 - other_rate))
    return float(((if_equal + if_apart) / (rate - other_rate)) ** 2)
