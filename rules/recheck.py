"""The re-check of a KPI target: what changed since the baseline, and whether the target is met.

A target is *met* from a probability of 0.90 up, *missed* from 0.10 down, *unproven* between. With a
control group two changes are judged, the plain one and the one with the control group's trend taken
out, and the less favourable decides: the first says whether the KPI got there, the second whether
the decision can have brought it there. A doubt about the data leaves the target unproven whatever
the figures say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rules.kpi_catalogue import Direction
from rules.kpis import KpiValue, Reason
from rules.proportions import Proportion
from rules.targets import Target, TargetStatus, probability_reached, status
from rules.two_groups import (
    Comparison,
    DifferenceInDifferences,
    LogRatio,
    Method,
    compare,
    difference_in_differences,
    log_ratio,
)


class Movement(StrEnum):
    """Which way the KPI went, as far as the 95 % interval of the change allows to say."""

    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    WORSENED = "worsened"


class Outcome(StrEnum):
    MET = "met"
    MISSED = "missed"
    UNPROVEN = "unproven"
    UNKNOWN = "unknown"
    """No sound figure since the target was set."""


class Doubt(StrEnum):
    """Why the figures can neither prove nor refute the target."""

    INCOMPLETE = "incomplete"
    NOT_RIPE = "not_ripe"
    DEFINITION_CHANGED = "definition_changed"
    TOO_FEW = "too_few"
    NOTHING_COUNTED = "nothing_counted"
    UNUSABLE_CONTROL = "unusable_control"


class EvidenceGrade(StrEnum):
    """A is a randomised test and D an opinion; a re-check is neither."""

    B = "B"
    C = "C"


@dataclass(frozen=True, slots=True)
class Control:
    """A group the decision did not touch, over the periods before and after it."""

    name: str
    before: KpiValue
    after: KpiValue


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the rate since the baseline.

    `p_improved_one_sided` is the chance to see such an improvement were there none, so a small one
    speaks for it; `p_target_reached` is the chance that the true change is the one asked for.
    """

    ratio: LogRatio
    movement: Movement
    p_improved_one_sided: float
    p_target_reached: float


@dataclass(frozen=True, slots=True)
class AgainstControl:
    """`change` is None where the control group counted nothing, so that no ratio exists."""

    name: str
    before: Proportion
    after: Proportion
    points: DifferenceInDifferences
    change: Change | None


@dataclass(frozen=True, slots=True)
class Recheck:
    """`after` and `test` are None when `reason` says why there is no sound figure.

    `change` is None when nothing was counted, and `control` when no control group can be used.
    """

    target: Target
    after: Proportion | None
    reason: Reason | None
    test: Comparison | None
    change: Change | None
    control: AgainstControl | None
    doubts: tuple[Doubt, ...]

    @property
    def judged(self) -> tuple[Change, ...]:
        against = self.control.change if self.control else None
        return tuple(change for change in (self.change, against) if change)

    @property
    def beyond_control(self) -> bool | None:
        """Whether the KPI moved its way also without the control group's trend."""
        if self.change is None or self.control is None or self.control.change is None:
            return None
        return self.control.change.movement is self.change.movement

    @property
    def status(self) -> TargetStatus:
        if self.after is None:
            return TargetStatus.UNKNOWN
        if self.doubts:
            return TargetStatus.UNCLEAR
        return status(min(each.p_target_reached for each in self.judged), after_date=True)

    @property
    def outcome(self) -> Outcome:
        outcomes = {
            TargetStatus.MET: Outcome.MET,
            TargetStatus.MISSED: Outcome.MISSED,
            TargetStatus.UNKNOWN: Outcome.UNKNOWN,
        }
        return outcomes.get(self.status, Outcome.UNPROVEN)

    @property
    def evidence_grade(self) -> EvidenceGrade:
        compared = self.control is not None and self.control.change is not None
        return EvidenceGrade.B if compared else EvidenceGrade.C


def recheck(target: Target, after: KpiValue, control: Control | None) -> Recheck:
    """Compare the frozen baseline with `after`, measured once the actions were done.

    Raises ValueError when a figure is not of the target's KPI.
    """
    figures = (after, control.before, control.after) if control else (after,)
    for figure in figures:
        if figure.code != target.baseline.kpi:
            raise ValueError(f"a target on {target.baseline.kpi} is not checked by {figure.code}")
    now = after.proportion
    if now is None:
        return Recheck(target, None, after.reason, None, None, None, ())
    before = target.baseline.sample
    test = compare(before, now)
    ratio = log_ratio(before, now)
    against = _against_control(target, now, ratio, control) if control else None
    doubts = [*_doubts_about_data(target, figures)]
    if test.method is Method.FISHER or min(before.trials, now.trials) < target.needed_per_period:
        doubts.append(Doubt.TOO_FEW)
    if ratio is None:
        doubts.append(Doubt.NOTHING_COUNTED)
    if control and (against is None or against.change is None):
        doubts.append(Doubt.UNUSABLE_CONTROL)
    change = _change(target, ratio) if ratio else None
    return Recheck(target, now, None, test, change, against, tuple(doubts))


def _against_control(
    target: Target, now: Proportion, ratio: LogRatio | None, control: Control
) -> AgainstControl | None:
    before, after = control.before.proportion, control.after.proportion
    if before is None or after is None:
        return None
    trend = log_ratio(before, after)
    return AgainstControl(
        name=control.name,
        before=before,
        after=after,
        points=difference_in_differences((target.baseline.sample, now), (before, after)),
        change=_change(target, ratio.without(trend)) if ratio and trend else None,
    )


def _change(target: Target, ratio: LogRatio) -> Change:
    increase = target.direction is Direction.INCREASE
    return Change(
        ratio=ratio,
        movement=_movement(ratio, target.direction),
        p_improved_one_sided=(
            ratio.probability_below(0) if increase else ratio.probability_above(0)
        ),
        p_target_reached=probability_reached(target, ratio),
    )


def _movement(ratio: LogRatio, direction: Direction) -> Movement:
    if 0 in ratio.interval:
        return Movement.UNCHANGED
    rose = ratio.estimate > 0
    return Movement.IMPROVED if rose == (direction is Direction.INCREASE) else Movement.WORSENED


def _doubts_about_data(target: Target, figures: tuple[KpiValue, ...]) -> Iterator[Doubt]:
    if not target.baseline.complete or not all(figure.complete for figure in figures):
        yield Doubt.INCOMPLETE
    if not all(figure.ripe for figure in figures):
        yield Doubt.NOT_RIPE
    version = target.baseline.definition_version
    if any(figure.definition_version != version for figure in figures):
        yield Doubt.DEFINITION_CHANGED
