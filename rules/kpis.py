"""KPI values: counts of one period and slice turned into figures that say how far to trust them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from rules.kpi_catalogue import KpiDefinition, Measure, Unit
from rules.money import ExchangeRates, MissingRate, Money, total
from rules.proportions import (
    Certainty,
    FloorCrossing,
    Interval,
    Proportion,
    floor_crossing,
    wilson_interval,
)


@dataclass(frozen=True, slots=True)
class Period:
    """Local days, half-open: `end` is the first day that no longer counts."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a period must end after it starts: {self.start} to {self.end}")


@dataclass(frozen=True, slots=True)
class Measures:
    """What was counted in one period and slice.

    A measure that is absent was not pulled, which is not zero. `spend` holds one sum per currency.
    `complete` is false while the pull of any of these has gaps. `as_of` carries the workspace's
    zone, the one in which the days of `period` begin.
    """

    period: Period
    slice: Mapping[str, str]
    counts: Mapping[Measure, int]
    spend: tuple[Money, ...]
    complete: bool
    as_of: datetime


class Reason(StrEnum):
    """Why a value is absent, or present but wrong."""

    NOT_MEASURED = "not_measured"
    NO_DENOMINATOR = "no_denominator"
    NO_QUALIFIED_LEAD = "no_qualified_lead"
    MISSING_RATE = "missing_rate"
    NUMERATOR_ABOVE_DENOMINATOR = "numerator_above_denominator"


@dataclass(frozen=True, slots=True)
class Flag:
    rule: str
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class KpiValue:
    """A figure with everything it rests on. `unit` is `share` or the currency, once it is known.

    `missing` names the measures or the exchange rate that `reason` complains of. `ripe` is false
    while the figure still grows by itself. `interval` is there for sound shares only.
    """

    code: str
    definition_version: int
    period: Period
    slice: Mapping[str, str]
    unit: str
    numerator: int | Decimal | None
    denominator: int | None
    value: float | Decimal | None
    interval: Interval | None
    complete: bool
    ripe: bool
    as_of: datetime
    reason: Reason | None = None
    missing: tuple[str, ...] = ()
    flag: Flag | None = None

    @property
    def proportion(self) -> Proportion | None:
        """The two counts of a sound share, else None."""
        if self.interval is None or self.denominator is None:
            return None
        return Proportion(int(self.numerator or 0), self.denominator)


def kpi_value(definition: KpiDefinition, measures: Measures, exchange: ExchangeRates) -> KpiValue:
    """The KPI of one slice. What is missing or wrong in the data is said in the value."""
    ripe_on = measures.period.end + timedelta(days=definition.ripe_after_days)
    blank = KpiValue(
        code=definition.code,
        definition_version=definition.version,
        period=measures.period,
        slice=measures.slice,
        unit=definition.unit.value,
        numerator=measures.counts.get(definition.numerator),
        denominator=measures.counts.get(definition.denominator),
        value=None,
        interval=None,
        complete=measures.complete,
        ripe=measures.as_of.date() >= ripe_on,
        as_of=measures.as_of,
    )
    if definition.unit is Unit.MONEY:
        return _cost(blank, definition, measures.spend, exchange)
    return _share(blank, definition)


def crossing(definition: KpiDefinition, value: KpiValue) -> FloorCrossing | None:
    """How surely the KPI is under its floor; None when it is not, or too few were counted."""
    sample = value.proportion
    if definition.floor is None or sample is None:
        return None
    if sample.trials < definition.minimum_denominator:
        return None
    return floor_crossing(sample, definition.floor)


def flagged(value: KpiValue, rule: str, seen: FloorCrossing) -> KpiValue:
    """The value with the flag of the rule that fired on it."""
    return replace(value, flag=Flag(rule, seen.certainty))


def to_json(value: KpiValue) -> dict[str, object]:
    """One element of `retro kpis --json`; unrounded, money as text like every amount."""
    return {
        "code": value.code,
        "definition_version": value.definition_version,
        "period": [value.period.start.isoformat(), value.period.end.isoformat()],
        "slice": dict(value.slice),
        "unit": value.unit,
        "numerator": _plain(value.numerator),
        "denominator": value.denominator,
        "value": _plain(value.value),
        "interval": [value.interval.low, value.interval.high] if value.interval else None,
        "complete": value.complete,
        "ripe": value.ripe,
        "as_of": value.as_of.isoformat(),
        "reason": value.reason,
        "missing": list(value.missing),
        "flag": {"rule": value.flag.rule, "certainty": value.flag.certainty}
        if value.flag
        else None,
    }


def _share(blank: KpiValue, definition: KpiDefinition) -> KpiValue:
    numerator, denominator = blank.numerator, blank.denominator
    if not isinstance(numerator, int) or denominator is None:
        counted = {definition.numerator: numerator, definition.denominator: denominator}
        missing = tuple(measure.value for measure, count in counted.items() if count is None)
        return replace(blank, reason=Reason.NOT_MEASURED, missing=missing)
    if denominator == 0:
        return replace(blank, reason=Reason.NO_DENOMINATOR)
    value = numerator / denominator
    if numerator > denominator:
        return replace(blank, value=value, reason=Reason.NUMERATOR_ABOVE_DENOMINATOR)
    return replace(blank, value=value, interval=wilson_interval(Proportion(numerator, denominator)))


def _cost(
    blank: KpiValue,
    definition: KpiDefinition,
    spend: tuple[Money, ...],
    exchange: ExchangeRates,
) -> KpiValue:
    """Spend over a count: in its own currency, or in that of `exchange` where it has several."""
    counted = {definition.numerator: spend or None, definition.denominator: blank.denominator}
    if missing := tuple(measure.value for measure, found in counted.items() if found is None):
        return replace(blank, reason=Reason.NOT_MEASURED, missing=missing)
    try:
        cost = spend[0] if len(spend) == 1 else total(spend, exchange)
    except MissingRate as error:
        return replace(blank, reason=Reason.MISSING_RATE, missing=(str(error),))
    shown = replace(blank, unit=cost.currency, numerator=cost.amount)
    if not blank.denominator:
        reason = (
            Reason.NO_QUALIFIED_LEAD
            if definition.denominator is Measure.QUALIFIED_LEADS
            else Reason.NO_DENOMINATOR
        )
        return replace(shown, reason=reason)
    return replace(shown, value=cost.amount / blank.denominator)


def _plain(number: float | Decimal | None) -> float | str | None:
    return str(number) if isinstance(number, Decimal) else number
