"""KPI targets: a frozen baseline, the value to reach, and how near it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from rules.kpi_catalogue import Direction, KpiDefinition
from rules.kpis import KpiValue, Period
from rules.language import Words
from rules.proportions import Interval, Proportion, wilson_interval
from rules.sample_size import needed_per_group
from rules.two_groups import LogRatio

MET = 0.90
LIKELY = 0.60
UNLIKELY = 0.40
MISSED = 0.10
NOTHING_COUNTED: Words = {
    "en": "{kpi} counted nothing before: a relative target needs a rate to start from. Take "
    "another KPI, or leave out target_relative and plan again",
    "fr": "{kpi} n'a rien compté avant : une cible relative a besoin d'un taux de départ. Prenez "
    "un autre KPI, ou retirez target_relative et planifiez de nouveau",
}
WRONG_WAY: Mapping[Direction, Words] = {
    Direction.INCREASE: {
        "en": "{kpi} should increase: a target of {step:+g} does not",
        "fr": "{kpi} doit augmenter : une cible de {step:+g} ne le fait pas",
    },
    Direction.DECREASE: {
        "en": "{kpi} should decrease: a target of {step:+g} does not",
        "fr": "{kpi} doit baisser : une cible de {step:+g} ne le fait pas",
    },
}
NO_RATE: Words = {
    "en": "{kpi}: a rate must lie between 0 and 1, both excluded: {value:g} does not. "
    "Take a smaller target_relative",
    "fr": "{kpi} : un taux doit être entre 0 et 1, bornes exclues, ce que {value:g} n'est pas. "
    "Prenez un target_relative plus petit",
}
# Of a rate that was worked out; more of them nobody planned.
SIGNIFICANT = 6


class BadTarget(ValueError):
    """`words` say in each language why it cannot be; the text of the error is English."""

    def __init__(self, words: Words) -> None:
        super().__init__(words["en"])
        self.words = words


@dataclass(frozen=True, slots=True)
class ControlBaseline:
    """The counts of a group that the decision does not touch."""

    sample: Proportion
    complete: bool


@dataclass(frozen=True, slots=True)
class Baseline:
    """A copy of the counts on the day of the decision. Late data never moves it.

    `control` is None when no control group had counts on that day.
    """

    kpi: str
    definition_version: int
    period: Period
    slice: Mapping[str, str]
    sample: Proportion
    complete: bool
    as_of: datetime
    control: ControlBaseline | None = None

    @property
    def interval(self) -> Interval:
        return wilson_interval(self.sample)


@dataclass(frozen=True, slots=True)
class Target:
    """A rate to reach: `baseline` × (1 + `relative`)."""

    baseline: Baseline
    direction: Direction
    relative: float
    target_value: float
    needed_per_period: int
    """Trials before and after, each, to see a step of this size (80 % power, 5 % two-sided)."""


class TargetStatus(StrEnum):
    MET = "met"
    LIKELY = "likely"
    UNCLEAR = "unclear"
    UNLIKELY = "unlikely"
    MISSED = "missed"
    UNKNOWN = "unknown"


def freeze_baseline(value: KpiValue, control: KpiValue | None = None) -> Baseline:
    """`control` is the same figure of the control group.

    Raises ValueError when the KPI has no sound rate to start from.
    """
    sample = value.proportion
    if sample is None:
        why = value.reason or "it is not a rate, and targets are set on rates only"
        raise ValueError(f"{value.code} cannot be a baseline: {why}")
    untouched = control.proportion if control else None
    return Baseline(
        kpi=value.code,
        definition_version=value.definition_version,
        period=value.period,
        slice=MappingProxyType(dict(value.slice)),
        sample=sample,
        complete=value.complete,
        as_of=value.as_of,
        control=ControlBaseline(untouched, control.complete) if control and untouched else None,
    )


def relative_target(definition: KpiDefinition, baseline: Baseline, relative: float) -> Target:
    """The target `relative` away from the baseline: 0.15 asks for 15 % more, not 15 points.

    Raises ValueError when the step goes against the KPI's better direction, is zero, or leads to a
    rate that is not strictly between 0 and 1.
    """
    if baseline.sample.successes == 0:
        raise BadTarget(_told(NOTHING_COUNTED, kpi=baseline.kpi))
    wanted = relative if definition.direction is Direction.INCREASE else -relative
    if wanted <= 0:
        raise BadTarget(_told(WRONG_WAY[definition.direction], kpi=baseline.kpi, step=relative))
    target_value = baseline.sample.value * (1 + relative)
    if not 0 < target_value < 1:
        raise BadTarget(_told(NO_RATE, kpi=baseline.kpi, value=target_value))
    return Target(
        baseline=baseline,
        direction=definition.direction,
        relative=relative,
        target_value=to_digits(target_value),
        needed_per_period=needed_per_group(baseline.sample.value, target_value),
    )


def _told(words: Words, **values: object) -> Words:
    return {language: words[language].format(**values) for language in words}


def to_digits(rate: float) -> float:
    """Without what floats add: 0.2 × 1.15 is 0.23 and not 0.22999999999999998."""
    return float(f"{rate:.{SIGNIFICANT}g}")


def progress(baseline: float, target: float, current: float) -> float | None:
    """The part of the way done, negative when going back and above 1 past the target."""
    return None if target == baseline else (current - baseline) / (target - baseline)


def probability_reached(target: Target, change: LogRatio) -> float:
    """The chance that the true change since the baseline is at least the one asked for."""
    if target.direction is Direction.INCREASE:
        return change.probability_above(target.relative)
    return change.probability_below(target.relative)


def status(probability: float | None, *, after_date: bool) -> TargetStatus:
    """`probability` of the target being reached; None when nothing was measured since it was set.

    A target is missed only `after_date`: until then it is at worst unlikely.
    """
    if probability is None:
        return TargetStatus.UNKNOWN
    if probability >= MET:
        return TargetStatus.MET
    if probability >= LIKELY:
        return TargetStatus.LIKELY
    if after_date and probability <= MISSED:
        return TargetStatus.MISSED
    return TargetStatus.UNLIKELY if probability <= UNLIKELY else TargetStatus.UNCLEAR
