"""Which stage of the funnel to work on first."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rules.kpi_catalogue import Catalogue, KpiDefinition
from rules.kpis import KpiValue

PAGE_ARRIVAL = "click_to_session"


class Reference(StrEnum):
    BASELINE = "baseline"
    FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class WeakStage:
    """`shortfall` is the share of its reference that the stage loses: 0.1 is a tenth below."""

    code: str
    reference: Reference
    shortfall: float


def weakest_stage(
    catalogue: Catalogue,
    values: Mapping[str, KpiValue],
    baselines: Mapping[str, KpiValue],
) -> WeakStage | None:
    """The stage furthest below what it should be, in proportion; the first in the funnel on a tie.

    A stage is measured against its own baseline or, where there is none, its floor. Stages convert
    at rates of their own, so the lowest rate alone says nothing: a stage without either, one with
    too few trials and one at its reference are not named, and None means that no stage is.
    """
    weak = [
        stage
        for definition in catalogue.funnel()
        if (stage := _below(definition, values, baselines)) is not None
    ]
    return max(weak, key=lambda stage: stage.shortfall, default=None)


def lost_before_the_page(values: Mapping[str, KpiValue]) -> float | None:
    """The share of clicks that never reach the page, told apart from what the page itself loses."""
    arrival = values.get(PAGE_ARRIVAL)
    sample = arrival.proportion if arrival else None
    return 1 - sample.value if sample else None


def _below(
    definition: KpiDefinition,
    values: Mapping[str, KpiValue],
    baselines: Mapping[str, KpiValue],
) -> WeakStage | None:
    rate = _rate(definition, values)
    if rate is None:
        return None
    baseline = _rate(definition, baselines)
    reference = definition.floor if baseline is None else baseline
    if not reference or rate >= reference:
        return None
    against = Reference.FLOOR if baseline is None else Reference.BASELINE
    return WeakStage(definition.code, against, 1 - rate / reference)


def _rate(definition: KpiDefinition, values: Mapping[str, KpiValue]) -> float | None:
    """The rate of the stage, None where it is unsound or rests on too few trials."""
    value = values.get(definition.code)
    sample = value.proportion if value else None
    if sample is None or sample.trials < definition.minimum_denominator:
        return None
    return sample.value
